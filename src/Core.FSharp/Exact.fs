namespace Hesse

open System
open Hesse.Kernels

/// One program, other numbers: functions on trees of tensors evaluated in exact fractions, in about 31 digits, or with bounds that hold.
///
/// The function may contain any transformation: it is traced to a graph, and the graph is interpreted. Elements of x, and constants that
/// were there before the function is called, are float64 numbers, taken as they are. Elementwise operations on constants of one value are done
/// in these numbers too, however early the graph folds them (up to 256 operations for one constant); those on constants of several values, and
/// numbers computed outside of the graph (2/√π in the derivative of erf), are float64 numbers: what must stay exact there belongs into x.
/// Fractions take a constant that is none (√2) as its float64 number. The rounding of float32 tensors is left out like all rounding: an interval
/// holds the exact value of the program, and a float32 result may lie outside by its rounding.
[<RequireQualifiedAccess>]
module Exact =
    /// Special functions of a fraction are no fraction.
    let private special =
        set [
            TileOp.Erfc
            TileOp.Erfcx
            TileOp.LogNormalCdf
            TileOp.Softplus
            TileOp.Sinh
            TileOp.Cosh
            TileOp.Asin
            TileOp.Acos
            TileOp.Atan
            TileOp.Asinh
            TileOp.Acosh
            TileOp.Atanh
            TileOp.Cbrt
            TileOp.LogGamma
            TileOp.Atan2
            TileOp.Polygamma
        ]

    let internal rationals: Arithmetic<BigRational> = {
        Name = "Exact.rational"
        Missing =
            set [
                TileOp.Exp
                TileOp.Expm1
                TileOp.Log
                TileOp.Log1p
                TileOp.Sqrt
                TileOp.Sin
                TileOp.Cos
                TileOp.Tanh
                TileOp.Sigmoid
                TileOp.Erf
            ]
            + special
        OfFloat = BigRational.OfFloat
        Eval =
            fun op a b c ->
                let truth condition = if condition then BigRational.One else BigRational.Zero
                let whole (n: bigint) = BigRational.Create(n, 1I)

                match op with
                | TileOp.Copy
                | TileOp.Narrow
                | TileOp.Widen -> a
                | TileOp.Neg -> -a
                | TileOp.Add -> a + b
                | TileOp.Sub -> a - b
                | TileOp.Mul -> a * b
                | TileOp.Div when b.Sign = 0 ->
                    Shape.fail "Exact.rational: div: division by 0; keep the divisor away from 0"
                | TileOp.Div -> a / b
                | TileOp.Pow when not b.IsWhole || abs b.Numerator > 100000I ->
                    Shape.fail
                        $"Exact.rational: pow: exponent {b} is no whole number of at most five digits, so the power is no fraction; use Exact.doubleDouble"
                | TileOp.Pow -> a.Power(int b.Numerator)
                | TileOp.Abs -> if a.Sign < 0 then -a else a
                | TileOp.Sign -> whole (bigint a.Sign)
                | TileOp.Floor -> whole (a.Floor())
                | TileOp.Max -> max a b
                | TileOp.Min -> min a b
                | TileOp.Greater -> truth (a > b)
                | TileOp.GreaterEqual -> truth (a >= b)
                | TileOp.Equal -> truth (a = b)
                | TileOp.Select -> if a.Sign <> 0 then b else c
                | other -> Shape.fail $"Exact.rational: {other} of a fraction is no fraction; use Exact.doubleDouble"
        Size = fun a -> if a.Sign = 0 then 0.0 else max Double.Epsilon (abs (a.ToFloat()))
        HasIterations = false
        Index = fun a -> if a.IsWhole then struct (a.Numerator, a.Numerator) else struct (1I, 0I)
        Join = fun a _ -> a
        Unknown = None
    }

    let internal doubleDoubles: Arithmetic<DoubleDouble> = {
        Name = "Exact.doubleDouble"
        Missing = Set.empty
        OfFloat = DoubleDouble.OfFloat
        Eval =
            fun op a b c ->
                let truth condition = DoubleDouble.OfFloat(if condition then 1.0 else 0.0)
                let ordered = not (Double.IsNaN a.High || Double.IsNaN b.High)

                match op with
                | TileOp.Copy
                | TileOp.Narrow
                | TileOp.Widen -> a
                | TileOp.Neg -> -a
                | TileOp.Add -> a + b
                | TileOp.Sub -> a - b
                | TileOp.Mul -> a * b
                | TileOp.Div -> a / b
                | TileOp.Exp -> DoubleDoubleFunctions.exp a
                | TileOp.Expm1 -> DoubleDoubleFunctions.expm1 a
                | TileOp.Log -> DoubleDoubleFunctions.log a
                | TileOp.Log1p -> DoubleDoubleFunctions.log1p a
                | TileOp.Sqrt -> DoubleDoubleFunctions.sqrt a
                | TileOp.Sin -> DoubleDoubleFunctions.sin a
                | TileOp.Cos -> DoubleDoubleFunctions.cos a
                | TileOp.Tanh -> DoubleDoubleFunctions.tanh a
                | TileOp.Sigmoid -> DoubleDoubleFunctions.sigmoid a
                | TileOp.Erf -> DoubleDoubleFunctions.erf a
                | TileOp.Abs -> if a.High < 0.0 then -a else a
                | TileOp.Sign -> DoubleDouble.OfFloat(TileKernels.Eval(TileOp.Sign, a.High, 0.0, 0.0))
                | TileOp.Floor -> DoubleDoubleFunctions.floor a
                | TileOp.Pow -> DoubleDoubleFunctions.pow a b
                | TileOp.Max
                | TileOp.Min when not ordered -> DoubleDouble.OfFloat nan
                | TileOp.Max -> if compare a b >= 0 then a else b
                | TileOp.Min -> if compare a b <= 0 then a else b
                | TileOp.Greater -> truth (ordered && compare a b > 0)
                | TileOp.GreaterEqual -> truth (ordered && compare a b >= 0)
                | TileOp.Equal -> truth (a.High = b.High && a.Low = b.Low)
                | TileOp.Select -> if a.High <> 0.0 then b else c
                | TileOp.Erfc -> DoubleDoubleSpecial.erfc a
                | TileOp.Erfcx -> DoubleDoubleSpecial.erfcx a
                | TileOp.LogNormalCdf -> DoubleDoubleSpecial.logNormalCdf a
                | TileOp.Softplus -> DoubleDoubleSpecial.softplus a
                | TileOp.Sinh -> DoubleDoubleSpecial.sinh a
                | TileOp.Cosh -> DoubleDoubleSpecial.cosh a
                | TileOp.Asin -> DoubleDoubleSpecial.asin a
                | TileOp.Acos -> DoubleDoubleSpecial.acos a
                | TileOp.Atan -> DoubleDoubleSpecial.atan a
                | TileOp.Asinh -> DoubleDoubleSpecial.asinh a
                | TileOp.Acosh -> DoubleDoubleSpecial.acosh a
                | TileOp.Atanh -> DoubleDoubleSpecial.atanh a
                | TileOp.Cbrt -> DoubleDoubleSpecial.cbrt a
                | TileOp.Atan2 -> DoubleDoubleSpecial.atan2 a b
                | TileOp.LogGamma -> DoubleDoubleSpecial.logGamma a
                | TileOp.Polygamma -> DoubleDoubleSpecial.polygamma a b
                | other -> Shape.fail $"Exact.doubleDouble: {other} has no double-double form; use Exact.interval"
        Size = fun a -> abs a.High
        HasIterations = true
        Index =
            fun a ->
                if a.Low = 0.0 && a.High = Math.Floor a.High then
                    struct (bigint a.High, bigint a.High)
                else
                    struct (1I, 0I)
        Join = fun a _ -> a
        Unknown = None
    }

    let internal intervals: Arithmetic<Interval> = {
        Name = "Exact.interval"
        Missing = Set.empty
        OfFloat = Interval.OfFloat
        Eval = IntervalFunctions.eval
        Size =
            fun a ->
                if a.Lower <= 0.0 && a.Upper >= 0.0 then
                    0.0
                else
                    min (abs a.Lower) (abs a.Upper)
        HasIterations = false
        Index =
            fun a ->
                if Double.IsFinite a.Lower && Double.IsFinite a.Upper then
                    struct (bigint (Math.Ceiling a.Lower), bigint (Math.Floor a.Upper))
                else
                    struct (-1I, bigint Int32.MaxValue)
        Join = IntervalFunctions.join
        Unknown = None
    }

    let internal evaluate (arithmetic: Arithmetic<'N>) (f: 'X -> 'Y) (x: 'X) : 'N[] =
        let t = Tracing.trace f x

        if t.Values |> Array.exists (fun v -> not v.IsConcrete) then
            Shape.fail
                $"{arithmetic.Name}: the argument has no value yet; apply it outside of grad, vmap and other transformations"

        let values = t.Values |> Array.map (fun v -> v.Data |> Array.map arithmetic.OfFloat)
        Interpreter.run arithmetic t.Variables values t.Outputs |> Array.concat

    /// <summary>The value of a polynomial or rational function in exact fractions.</summary>
    /// <param name="f">From a tree to a tree; may contain transformations, so that exact derivatives are `Exact.rational (Diff.grad g)`.</param>
    /// <param name="x">Where; a concrete tree of finite numbers.</param>
    /// <returns>All elements of f(x), in the order of Tree.ravel.</returns>
    /// <exception cref="T:Hesse.HesseException">The graph contains an operation whose result is no fraction (the message names it), a division by 0, or a number that is not finite.</exception>
    /// <example><code>Exact.rational (Diff.grad (fun x -> x * x * x / 3.0)) (Tensor.scalar 0.5)  // [| 1/4 |]</code></example>
    let rational (f: 'X -> 'Y) (x: 'X) : BigRational[] = evaluate rationals f x

    /// <summary>The value of a function in numbers of about 31 digits.</summary>
    /// <param name="f">From a tree to a tree; may contain transformations.</param>
    /// <param name="x">Where; a concrete tree.</param>
    /// <returns>All elements of f(x), in the order of Tree.ravel.</returns>
    /// <exception cref="T:Hesse.HesseException">An index is no whole number or out of range.</exception>
    /// <remarks>The error of one operation is below 10⁻³⁰ (see DoubleDouble); that of the whole is larger by the condition of f, as always. (Dekker 1971.)</remarks>
    let doubleDouble (f: 'X -> 'Y) (x: 'X) : DoubleDouble[] = evaluate doubleDoubles f x

    /// <summary>Bounds on the value of a function: every operation rounds outwards.</summary>
    /// <param name="f">From a tree to a tree; may contain transformations.</param>
    /// <param name="x">Where; a concrete tree.</param>
    /// <returns>Intervals that hold all elements of f(x), in the order of Tree.ravel. A comparison that is not certain gives [0, 1], and what it selects is the hull of both branches.</returns>
    /// <exception cref="T:Hesse.HesseException">An index is no whole number or out of range.</exception>
    /// <remarks>The bounds hold under the stated accuracy of DoubleDouble, from which those of the functions come (Moore, Interval Analysis, 1966).</remarks>
    let interval (f: 'X -> 'Y) (x: 'X) : Interval[] = evaluate intervals f x
