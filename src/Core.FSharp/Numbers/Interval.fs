namespace Hesse

open System
open Hesse.Kernels

/// All numbers from Lower to Upper, both included. Operations round outwards, so that the result holds every value that the
/// operation takes on numbers of its arguments; what is undefined there (the logarithm of a negative number) is left out, and
/// where nothing can be said the result is the whole line.
[<Struct>]
type Interval =
    val private lower: float
    val private upper: float

    internal new(lower, upper) = { lower = lower; upper = upper }

    /// At most Upper; −∞ where there is no bound.
    member x.Lower = x.lower

    /// At least Lower; +∞ where there is no bound.
    member x.Upper = x.upper

    /// <summary>The interval that holds one float64; the whole line for NaN.</summary>
    /// <param name="x">Any number.</param>
    static member OfFloat(x: float) = if Double.IsNaN x then Interval(-infinity, infinity) else Interval(x, x)

    /// The middle, a float64 inside the interval.
    member x.ToFloat() = x.Lower + 0.5 * (x.Upper - x.Lower)

    /// Upper − Lower, rounded upwards.
    member x.Width = if x.Lower = x.Upper then 0.0 else Math.BitIncrement(x.Upper - x.Lower)

    /// <summary>True when the number lies inside.</summary>
    /// <param name="value">Any number.</param>
    member x.Contains(value: float) = x.Lower <= value && value <= x.Upper

    /// <summary>True when the number lies inside.</summary>
    /// <param name="value">Any number.</param>
    member x.Contains(value: DoubleDouble) =
        let above = value.High > x.Lower || (value.High = x.Lower && value.Low >= 0.0)
        let below = value.High < x.Upper || (value.High = x.Upper && value.Low <= 0.0)
        above && below

    /// Both ends with the digits that give them back exactly.
    override x.ToString() = $"[{x.Lower:R}, {x.Upper:R}]"

/// Operations on intervals.
module internal IntervalFunctions =
    let private entire = Interval(-infinity, infinity)
    let private unit = Interval(0.0, 1.0)
    let private yes = Interval(1.0, 1.0)
    let private no = Interval(0.0, 0.0)
    let private down x = if Double.IsNaN x then -infinity else Math.BitDecrement x
    let private up x = if Double.IsNaN x then infinity else Math.BitIncrement x
    let private isPoint (x: Interval) = x.Lower = x.Upper

    /// The interval that holds both.
    let join (a: Interval) (b: Interval) = Interval(Math.Min(a.Lower, b.Lower), Math.Max(a.Upper, b.Upper))

    // ----- arithmetic: one step outwards, except where the float64 result is exact -----

    let private exactSum (a: float) (b: float) =
        let sum = a + b
        let t = sum - a
        Double.IsFinite sum && (a - (sum - t)) + (b - t) = 0.0

    let add (a: Interval) (b: Interval) =
        let lower = a.Lower + b.Lower
        let upper = a.Upper + b.Upper

        Interval(
            (if exactSum a.Lower b.Lower then lower else down lower),
            (if exactSum a.Upper b.Upper then upper else up upper)
        )

    let neg (a: Interval) = Interval(-a.Upper, -a.Lower)

    /// Errors of a product below this size may themselves be lost to underflow.
    [<Literal>]
    let private tiny = 1e-280

    /// The exact product's neighbours; 0 · ∞ is 0, as ends at infinity stand for numbers without a bound.
    let private product (x: float) (y: float) =
        if x = 0.0 || y = 0.0 then
            struct (0.0, 0.0)
        else
            let p = x * y

            if Double.IsFinite p && abs p > tiny && Math.FusedMultiplyAdd(x, y, -p) = 0.0 then
                struct (p, p)
            else
                struct (down p, up p)

    let private quotient (x: float) (y: float) =
        if x = 0.0 then
            struct (0.0, 0.0)
        else
            let q = x / y

            if Double.IsFinite q && abs q > tiny && abs x > tiny && Math.FusedMultiplyAdd(q, y, -x) = 0.0 then
                struct (q, q)
            else
                struct (down q, up q)

    /// The hull of an operation's values at the four corners.
    let private corners (op: float -> float -> struct (float * float)) (a: Interval) (b: Interval) =
        let mutable lower = infinity
        let mutable upper = -infinity

        for x in [| a.Lower; a.Upper |] do
            for y in [| b.Lower; b.Upper |] do
                let struct (l, u) = op x y
                lower <- Math.Min(lower, l)
                upper <- Math.Max(upper, u)

        Interval(lower, upper)

    let mul a b = corners product a b

    let div (a: Interval) (b: Interval) = if b.Lower <= 0.0 && b.Upper >= 0.0 then entire else corners quotient a b

    // ----- functions: double-double at the ends, then one step outwards -----
    // The double-double error is far below the distance from its leading float64 to the next one.

    let private around (f: DoubleDouble -> DoubleDouble) (x: float) =
        let y = f (DoubleDouble.OfFloat x)

        if y.Low = 0.0 && y.High = Math.Round y.High && abs y.High < 2.0 && x = 0.0 then
            // exp 0, log1p 0, cos 0 and the like.
            struct (y.High, y.High)
        else
            struct (down y.High, up y.High)

    let private clamp (lower: float) (upper: float) (x: Interval) =
        Interval(Math.Max(lower, x.Lower), Math.Min(upper, x.Upper))

    let private increasing f (a: Interval) =
        let struct (lower, _) = around f a.Lower
        let struct (_, upper) = around f a.Upper
        Interval(lower, upper)

    /// An increasing function with a domain that begins at `first`.
    let private above first f (a: Interval) =
        if a.Upper < first then
            entire
        else
            increasing f (Interval(Math.Max(first, a.Lower), a.Upper))

    /// Far from 0 the quadrant of an argument is not certain any more.
    [<Literal>]
    let private largestAngle = 1e9

    /// True when the interval may hold first + 2πk for a whole k.
    let private mayHold (first: float) (a: Interval) =
        let slack = 1e-6
        let turns x = (x - first) / (2.0 * Math.PI)
        Math.Floor(turns a.Upper + slack) >= Math.Ceiling(turns a.Lower - slack)

    /// Beyond the first quadrant the double-double error is absolute, below 10⁻³⁰ (1 + |x|); it shows where the result is close to 0.
    let private angle f (x: float) =
        let struct (lower, upper) = around f x
        let error = if abs x < 0.75 then 0.0 else 1e-29 * (1.0 + abs x)
        struct (lower - error, upper + error)

    let private wave f top bottom (a: Interval) =
        if not (abs a.Lower < largestAngle && abs a.Upper < largestAngle) then
            Interval(-1.0, 1.0)
        else
            let struct (l1, u1) = angle f a.Lower
            let struct (l2, u2) = angle f a.Upper

            Interval(
                (if mayHold bottom a then -1.0 else Math.Min(l1, l2)),
                (if mayHold top a then 1.0 else Math.Max(u1, u2))
            )
            |> clamp -1.0 1.0

    let private abs' (a: Interval) =
        if a.Lower >= 0.0 then a
        elif a.Upper <= 0.0 then neg a
        else Interval(0.0, Math.Max(-a.Lower, a.Upper))

    let rec private wholePower (a: Interval) (n: int) : Interval =
        if n < 0 then
            div yes (wholePower a -n)
        elif n = 0 then
            yes
        elif n % 2 = 0 then
            let size = abs' a

            let struct (lower, _) =
                around (fun x -> DoubleDoubleFunctions.pow x (DoubleDouble.OfFloat(float n))) size.Lower

            let struct (_, upper) =
                around (fun x -> DoubleDoubleFunctions.pow x (DoubleDouble.OfFloat(float n))) size.Upper

            Interval(Math.Max(0.0, lower), upper)
        else
            increasing (fun x -> DoubleDoubleFunctions.pow x (DoubleDouble.OfFloat(float n))) a

    /// On a > 0 the power is monotone in each argument, so the corners are its extremes.
    let private pow (a: Interval) (b: Interval) =
        if isPoint b && b.Lower = Math.Floor b.Lower && abs b.Lower <= 1024.0 then
            wholePower a (int b.Lower)
        elif a.Lower > 0.0 || (a.Lower = 0.0 && b.Lower > 0.0) then
            let corner x y =
                let p = DoubleDoubleFunctions.pow (DoubleDouble.OfFloat x) (DoubleDouble.OfFloat y)
                struct (down p.High, up p.High)

            corners corner a b |> clamp 0.0 infinity
        else
            entire

    /// 1 or 0 when it is certain, else both.
    let private decide surely never =
        if surely then yes
        elif never then no
        else unit

    let private select (mask: Interval) (a: Interval) (b: Interval) =
        if isPoint mask && mask.Lower = 0.0 then b
        elif mask.Lower > 0.0 || mask.Upper < 0.0 then a
        else join a b

    let private halfPi = Math.PI / 2.0

    // ----- special functions -----

    let private decreasing f (a: Interval) =
        let struct (_, upper) = around f a.Lower
        let struct (lower, _) = around f a.Upper
        Interval(lower, upper)

    /// The part of the interval inside [first, last], under a function that is defined there.
    let private within first last (f: Interval -> Interval) (a: Interval) =
        if a.Upper < first || a.Lower > last then entire else f (clamp first last a)

    let private cosh (a: Interval) = increasing DoubleDoubleSpecial.cosh (abs' a) |> clamp 1.0 infinity

    /// The angle is largest and smallest at corners of a box that neither holds the origin nor crosses the negative axis.
    let private atan2 (y: Interval) (x: Interval) =
        if x.Lower <= 0.0 && y.Lower <= 0.0 && y.Upper >= 0.0 then
            Interval(down -Math.PI, up Math.PI)
        else
            let corner v u =
                let angle = DoubleDoubleSpecial.atan2 (DoubleDouble.OfFloat v) (DoubleDouble.OfFloat u)
                struct (down angle.High, up angle.High)

            corners corner y x

    /// Next to a zero of the gamma functions the double-double error is absolute, far below this.
    [<Literal>]
    let private gammaError = 1e-27

    let private widened (a: Interval) = Interval(down (a.Lower - gammaError), up (a.Upper + gammaError))

    /// Where log Γ is smallest, on either side, and a bound below its value there.
    let private leastGamma = Interval(1.46163214496836, 1.46163214496837)

    [<Literal>]
    let private leastLogGamma = -0.1214862905358497

    /// Convex on x > 0. On the left of 0 only single numbers have bounds.
    let private logGamma (a: Interval) =
        let f = DoubleDoubleSpecial.logGamma

        if isPoint a then
            increasing f a |> widened
        elif a.Lower < 0.0 then
            entire
        elif a.Upper <= leastGamma.Lower then
            decreasing f a |> widened
        elif a.Lower >= leastGamma.Upper then
            increasing f a |> widened
        else
            Interval(leastLogGamma, (join (increasing f a) (decreasing f a)).Upper) |> widened

    /// Monotone on x > 0: ψ⁽ⁿ⁾ increases for even n and decreases for odd n.
    let private polygamma (order: Interval) (a: Interval) =
        let n = order.Lower
        let f = DoubleDoubleSpecial.polygamma (DoubleDouble.OfFloat n)

        if not (isPoint order) || n < 0.0 || n > 170.0 || n <> Math.Floor n then entire
        elif isPoint a then increasing f a |> widened
        elif a.Lower <= 0.0 then entire
        elif n % 2.0 = 0.0 then increasing f a |> widened
        else decreasing f a |> widened

    let eval (op: TileOp) (a: Interval) (b: Interval) (c: Interval) : Interval =
        match op with
        | TileOp.Copy
        | TileOp.Narrow
        | TileOp.Widen -> a
        | TileOp.Neg -> neg a
        | TileOp.Add -> add a b
        | TileOp.Sub -> add a (neg b)
        | TileOp.Mul -> mul a b
        | TileOp.Div -> div a b
        | TileOp.Exp -> increasing DoubleDoubleFunctions.exp a |> clamp 0.0 infinity
        | TileOp.Expm1 -> increasing DoubleDoubleFunctions.expm1 a |> clamp -1.0 infinity
        | TileOp.Log -> above 0.0 DoubleDoubleFunctions.log a
        | TileOp.Log1p -> above -1.0 DoubleDoubleFunctions.log1p a
        | TileOp.Sqrt ->
            above 0.0 DoubleDoubleFunctions.sqrt a |> clamp (if a.Upper < 0.0 then -infinity else 0.0) infinity
        | TileOp.Sin -> wave DoubleDoubleFunctions.sin halfPi -halfPi a
        | TileOp.Cos -> wave DoubleDoubleFunctions.cos 0.0 Math.PI a
        | TileOp.Tanh -> increasing DoubleDoubleFunctions.tanh a |> clamp -1.0 1.0
        | TileOp.Sigmoid -> increasing DoubleDoubleFunctions.sigmoid a |> clamp 0.0 1.0
        | TileOp.Erf -> increasing DoubleDoubleFunctions.erf a |> clamp -1.0 1.0
        | TileOp.Abs -> abs' a
        | TileOp.Sign -> Interval(float (Math.Sign a.Lower), float (Math.Sign a.Upper))
        | TileOp.Floor -> Interval(Math.Floor a.Lower, Math.Floor a.Upper)
        | TileOp.Pow -> pow a b
        | TileOp.Max -> Interval(Math.Max(a.Lower, b.Lower), Math.Max(a.Upper, b.Upper))
        | TileOp.Min -> Interval(Math.Min(a.Lower, b.Lower), Math.Min(a.Upper, b.Upper))
        | TileOp.Greater -> decide (a.Lower > b.Upper) (a.Upper <= b.Lower)
        | TileOp.GreaterEqual -> decide (a.Lower >= b.Upper) (a.Upper < b.Lower)
        | TileOp.Equal -> decide (isPoint a && isPoint b && a.Lower = b.Lower) (a.Lower > b.Upper || a.Upper < b.Lower)
        | TileOp.Select -> select a b c
        | TileOp.Erfc -> decreasing DoubleDoubleSpecial.erfc a |> clamp 0.0 2.0
        | TileOp.Erfcx -> decreasing DoubleDoubleSpecial.erfcx a |> clamp 0.0 infinity
        | TileOp.LogNormalCdf -> increasing DoubleDoubleSpecial.logNormalCdf a |> clamp -infinity 0.0
        | TileOp.Softplus -> increasing DoubleDoubleSpecial.softplus a |> clamp 0.0 infinity
        | TileOp.Sinh -> increasing DoubleDoubleSpecial.sinh a
        | TileOp.Cosh -> cosh a
        | TileOp.Asin -> within -1.0 1.0 (increasing DoubleDoubleSpecial.asin) a
        | TileOp.Acos -> within -1.0 1.0 (decreasing DoubleDoubleSpecial.acos) a |> clamp 0.0 infinity
        | TileOp.Atan -> increasing DoubleDoubleSpecial.atan a
        | TileOp.Asinh -> increasing DoubleDoubleSpecial.asinh a
        | TileOp.Acosh -> within 1.0 infinity (increasing DoubleDoubleSpecial.acosh) a |> clamp 0.0 infinity
        | TileOp.Atanh -> within -1.0 1.0 (increasing DoubleDoubleSpecial.atanh) a
        | TileOp.Cbrt -> increasing DoubleDoubleSpecial.cbrt a
        | TileOp.Atan2 -> atan2 a b
        | TileOp.LogGamma -> logGamma a
        | TileOp.Polygamma -> polygamma a b
        | other -> Shape.fail $"Exact.interval: {other} has no interval form; use Exact.doubleDouble"
