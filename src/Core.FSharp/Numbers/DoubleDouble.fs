namespace Hesse

open System
open Hesse.Kernels

/// A number of about 106 bits (31 digits): the unevaluated sum of two float64, the second below half a unit in the last place of
/// the first (T. J. Dekker, Numer. Math. 18, 1971). The range is that of float64; below 10⁻²⁷⁰ the
/// second number underflows and digits are lost.
///
/// Relative errors: + − × ÷ and sqrt below 10⁻³¹ (subtraction: relative to the larger operand); functions below
/// 10⁻³⁰ · (1 + |log result|), but sin and cos have that error relative to 1 + |x|, because π/2 is held to 106 bits.
[<Struct; CustomEquality; CustomComparison>]
type DoubleDouble =
    val private high: float
    val private low: float

    private new(high, low) = { high = high; low = low }

    /// The float64 nearest to the number.
    member x.High = x.high

    /// What is left.
    member x.Low = x.low

    static member private Normal(high: float, low: float) =
        let sum = high + low

        if Double.IsFinite sum then
            DoubleDouble(sum, low - (sum - high))
        else
            DoubleDouble(sum, 0.0)

    /// <summary>A float64, exactly.</summary>
    /// <param name="x">Any number.</param>
    static member OfFloat(x: float) = DoubleDouble(x, 0.0)

    /// <summary>The sum of two float64, exactly.</summary>
    /// <param name="a">Any number.</param>
    /// <param name="b">Any number.</param>
    static member OfSum(a: float, b: float) =
        let sum = a + b
        let t = sum - a
        DoubleDouble.Normal(sum, (a - (sum - t)) + (b - t))

    static member (~-)(a: DoubleDouble) = DoubleDouble(-a.High, -a.Low)

    static member (+)(a: DoubleDouble, b: DoubleDouble) =
        let high = DoubleDouble.OfSum(a.High, b.High)

        if Double.IsFinite high.High then
            let low = DoubleDouble.OfSum(a.Low, b.Low)
            let first = DoubleDouble.Normal(high.High, high.Low + low.High)
            DoubleDouble.Normal(first.High, first.Low + low.Low)
        else
            high

    static member (-)(a: DoubleDouble, b: DoubleDouble) = a + -b

    static member (*)(a: DoubleDouble, b: DoubleDouble) =
        let product = a.High * b.High

        if Double.IsFinite product then
            let error = Math.FusedMultiplyAdd(a.High, b.High, -product)
            DoubleDouble.Normal(product, error + (a.High * b.Low + a.Low * b.High))
        else
            DoubleDouble(product, 0.0)

    static member (*)(a: DoubleDouble, b: float) = a * DoubleDouble.OfFloat b

    static member (/)(a: DoubleDouble, b: DoubleDouble) =
        let q1 = a.High / b.High

        if not (Double.IsFinite q1) || not (Double.IsFinite b.High) then
            DoubleDouble(q1, 0.0)
        else
            let rest1 = a - b * q1
            let q2 = rest1.High / b.High
            let rest2 = rest1 - b * q2
            DoubleDouble.OfSum(q1, q2) + DoubleDouble.OfFloat(rest2.High / b.High)

    /// The nearest float64.
    member x.ToFloat() = x.High

    /// The same number as a fraction.
    member x.ToRational() = BigRational.OfFloat x.High + BigRational.OfFloat x.Low

    /// <summary>A number next to a fraction, within the last of the 106 bits.</summary>
    /// <param name="r">Any fraction in the range of float64.</param>
    static member OfRational(r: BigRational) =
        let high = r.ToFloat()
        DoubleDouble.Normal(high, (r - BigRational.OfFloat high).ToFloat())

    /// 32 significant digits.
    override x.ToString() = if Double.IsFinite x.High then x.ToRational().ToDecimal 32 else string x.High

    override a.Equals other =
        match other with
        | :? DoubleDouble as b -> a.High.Equals b.High && a.Low = b.Low
        | _ -> false

    override x.GetHashCode() = HashCode.Combine(x.High, x.Low)

    interface IComparable with
        member a.CompareTo other =
            match other with
            | :? DoubleDouble as b ->
                match a.High.CompareTo b.High with
                | 0 -> a.Low.CompareTo b.Low
                | order -> order
            | _ -> invalidArg "other" "not a DoubleDouble"

/// Functions of double-double numbers, from their series.
module internal DoubleDoubleFunctions =
    let private number = DoubleDouble.OfFloat
    let private one = number 1.0
    let private log2 = DoubleDouble.OfSum(0.6931471805599453, 2.3190468138462996e-17)
    let private halfPi = DoubleDouble.OfSum(1.5707963267948966, 6.123233995736766e-17)
    let private twoOverRootPi = DoubleDouble.OfSum(1.1283791670955126, 1.533545961316588e-17)

    /// Where the float64 value says it all: infinities and NaN.
    let private finite op (f: DoubleDouble -> DoubleDouble) (x: DoubleDouble) =
        if Double.IsFinite x.High then
            f x
        else
            number (TileKernels.Eval(op, x.High, 0.0, 0.0))

    /// x = k·log 2 + 64 r: the Taylor series at r, then six doublings e²ʳ − 1 = (eʳ − 1)² + 2(eʳ − 1).
    let expm1: DoubleDouble -> DoubleDouble =
        finite TileOp.Expm1 (fun x ->
            if x.High > 709.8 then
                number infinity
            elif x.High < -80.0 then
                number -1.0
            else
                let k = Math.Round(x.High / log2.High)
                let r = (x - log2 * k) * (1.0 / 64.0)
                let mutable term = r
                let mutable sum = r

                for i in 2..20 do
                    term <- term * r / number (float i)
                    sum <- sum + term

                for _ in 1..6 do
                    sum <- sum * 2.0 + sum * sum

                if k = 0.0 then sum else (sum + one) * Math.ScaleB(1.0, int k - 1) * 2.0 - one)

    let exp (x: DoubleDouble) : DoubleDouble =
        x
        |> finite TileOp.Exp (fun x ->
            if x.High > 709.8 then
                number infinity
            elif x.High < -745.2 then
                number 0.0
            else
                // Not e^x − 1 plus 1, which would cancel below 0.
                let k = Math.Round(x.High / log2.High)
                let reduced = expm1 (x - log2 * k) + one
                reduced * Math.ScaleB(1.0, int k / 2) * Math.ScaleB(1.0, int k - int k / 2))

    /// Newton's method on eʸ − 1 = x, which is exact near 0.
    let private smallLog1p (x: DoubleDouble) =
        let mutable y = number (TileKernels.Eval(TileOp.Log1p, x.High, 0.0, 0.0))

        if y.High <> 0.0 then
            for _ in 1..3 do
                let e = expm1 y
                y <- y - (e - x) / (e + one)

        y

    let rec log (x: DoubleDouble) : DoubleDouble =
        x
        |> finite TileOp.Log (fun x ->
            if not (x.High > 0.0) then
                number (TileKernels.Eval(TileOp.Log, x.High, 0.0, 0.0))
            elif abs (x.High - 1.0) < 0.4 then
                smallLog1p (x - one)
            elif x.High < 1e-280 then
                log (x * Math.ScaleB(1.0, 200)) - log2 * 200.0
            else
                // Newton's method on eʸ = x.
                let mutable y = number (Math.Log x.High)

                for _ in 1..2 do
                    y <- y + (x * exp -y - one)

                y)

    let log1p: DoubleDouble -> DoubleDouble =
        finite TileOp.Log1p (fun x -> if abs x.High < 0.4 then smallLog1p x else log (x + one))

    /// One Newton step in full precision from the float64 root doubles its digits; two for safety.
    let sqrt: DoubleDouble -> DoubleDouble =
        finite TileOp.Sqrt (fun x ->
            if not (x.High > 0.0) then
                number (Math.Sqrt x.High)
            else
                let mutable y = number (Math.Sqrt x.High)

                for _ in 1..2 do
                    y <- (y + x / y) * 0.5

                y)

    /// sin(x + turns · π/2), from the Taylor series in the quadrant.
    let private quadrant op turns : DoubleDouble -> DoubleDouble =
        finite op (fun x ->
            let k = Math.Round(x.High / halfPi.High)
            let r = x - halfPi * k
            let turn = int ((((k + turns) % 4.0) + 4.0) % 4.0)
            let square = -(r * r)
            let cosine = turn % 2 = 1
            let mutable term = if cosine then one else r
            let mutable sum = term

            for i in (if cosine then 1 else 2) .. 2 .. 32 do
                term <- term * square / number (float (i * (i + 1)))
                sum <- sum + term

            if turn >= 2 then -sum else sum)

    let sin = quadrant TileOp.Sin 0.0
    let cos = quadrant TileOp.Cos 1.0

    let rec tanh (x: DoubleDouble) : DoubleDouble =
        x
        |> finite TileOp.Tanh (fun x ->
            if x.High < 0.0 then
                -(tanh -x)
            elif x.High > 40.0 then
                one
            else
                let t = expm1 (x * 2.0)
                t / (t + number 2.0))

    let sigmoid: DoubleDouble -> DoubleDouble =
        finite TileOp.Sigmoid (fun x ->
            if x.High < 0.0 then
                let e = exp x
                e / (e + one)
            else
                one / (exp -x + one))

    /// 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms all have one sign (Abramowitz and Stegun 7.1.6).
    let erf: DoubleDouble -> DoubleDouble =
        finite TileOp.Erf (fun x ->
            if abs x.High > 8.6 then
                number (float (Math.Sign x.High))
            else
                let square = x * x
                let mutable term = x
                let mutable sum = x
                let mutable n = 1

                while n < 600 && abs term.High > 1e-34 * abs sum.High do
                    term <- term * square * 2.0 / number (float (2 * n + 1))
                    sum <- sum + term
                    n <- n + 1

                twoOverRootPi * exp -square * sum)

    let floor (x: DoubleDouble) =
        let high = Math.Floor x.High

        if high = x.High then
            DoubleDouble.OfSum(high, Math.Floor x.Low)
        else
            number high

    let rec private wholePower (x: DoubleDouble) (n: int) =
        if n = 0 then
            one
        else
            let half = wholePower x (n / 2)
            if n % 2 = 0 then half * half else half * half * x

    /// Whole powers up to 1024 by multiplication, others as e^(b log a); special values as IEEE 754 pow.
    let pow (a: DoubleDouble) (b: DoubleDouble) =
        let whole = b.Low = 0.0 && b.High = Math.Floor b.High

        if a.High = 0.0 || not (Double.IsFinite a.High && Double.IsFinite b.High) then
            number (Math.Pow(a.High, b.High))
        elif whole && abs b.High <= 1024.0 then
            if b.High >= 0.0 then
                wholePower a (int b.High)
            else
                one / wholePower a (int -b.High)
        elif a.High > 0.0 then
            exp (b * log a)
        elif whole then
            let size = exp (b * log -a)
            if b.High % 2.0 = 0.0 then size else -size
        else
            number nan
