namespace Hesse

open System
open Hesse.Kernels

/// Special functions of double-double numbers: hyperbolic and inverse functions, the error functions and the gamma family.
/// Relative errors below 10⁻²⁹ (1 + |log result|); log Γ and digamma have zeros, next to which that is relative to 1.
module internal DoubleDoubleSpecial =
    open DoubleDoubleFunctions

    let private number = DoubleDouble.OfFloat
    let private one = number 1.0
    let private half = number 0.5
    let private log2 = log (number 2.0)
    let private pi = DoubleDouble.OfSum(3.141592653589793, 1.2246467991473532e-16)
    let private rootHalf = sqrt half
    let private oneOverRootPi = one / sqrt pi

    /// Where the float64 value says it all: infinities and NaN.
    let private finite op (f: DoubleDouble -> DoubleDouble) (x: DoubleDouble) =
        if Double.IsFinite x.High then
            f x
        else
            number (TileKernels.Eval(op, x.High, 0.0, 0.0))

    let private size (x: DoubleDouble) = if x.High < 0.0 then -x else x
    let private withSign (of': DoubleDouble) (x: DoubleDouble) = if of'.High < 0.0 then -x else x

    // ----- hyperbolic -----

    let sinh: DoubleDouble -> DoubleDouble =
        finite TileOp.Sinh (fun x ->
            let t = size x

            if t.High > 40.0 then
                withSign x (exp (t - log2))
            else
                let e = expm1 t
                withSign x ((e + e / (e + one)) * 0.5))

    let cosh: DoubleDouble -> DoubleDouble =
        finite TileOp.Cosh (fun x ->
            let t = size x

            if t.High > 40.0 then
                exp (t - log2)
            else
                let e = exp t
                (e + one / e) * 0.5)

    let asinh: DoubleDouble -> DoubleDouble =
        finite TileOp.Asinh (fun x ->
            let t = size x

            if t.High > 1e100 then
                withSign x (log t + log2)
            else
                let square = t * t
                withSign x (log1p (t + square / (one + sqrt (one + square)))))

    let acosh: DoubleDouble -> DoubleDouble =
        finite TileOp.Acosh (fun x ->
            let t = x - one

            if t.High < 0.0 then number nan
            elif x.High > 1e100 then log x + log2
            else log1p (t + sqrt (t * 2.0 + t * t)))

    let atanh: DoubleDouble -> DoubleDouble =
        finite TileOp.Atanh (fun x -> if abs x.High > 1.0 then number nan else (log1p x - log1p -x) * 0.5)

    let softplus: DoubleDouble -> DoubleDouble =
        finite TileOp.Softplus (fun x ->
            let rest = log1p (exp -(size x))
            if x.High > 0.0 then x + rest else rest)

    // ----- inverse trigonometric -----

    /// The angle that float64 finds, turned by the angle that is left; the cube of that angle is below the last digit.
    let atan2 (y: DoubleDouble) (x: DoubleDouble) : DoubleDouble =
        let start = Math.Atan2(y.High, x.High)

        if y.High = 0.0 || not (Double.IsFinite x.High && Double.IsFinite y.High) then
            match y.High, x.High with
            | 0.0, right when right < 0.0 -> if Double.IsNegative y.High then -pi else pi
            | _ -> number start
        else
            let scale = Math.ScaleB(1.0, -(max (Math.ILogB x.High) (Math.ILogB y.High)))
            let y, x = y * scale, x * scale
            let s, c = sin (number start), cos (number start)
            number start + (y * c - x * s) / (x * c + y * s)

    let private cosineOfAsin (x: DoubleDouble) = sqrt ((one - x) * (one + x))

    /// A function on [−1, 1], not a number outside.
    let private onUnit op (f: DoubleDouble -> DoubleDouble) =
        finite op (fun x -> if size x > one then number nan else f x)

    let asin = onUnit TileOp.Asin (fun x -> atan2 x (cosineOfAsin x))
    let acos = onUnit TileOp.Acos (fun x -> atan2 (cosineOfAsin x) x)
    let atan = finite TileOp.Atan (fun x -> atan2 x one)

    /// Newton's method on y³ = x.
    let cbrt: DoubleDouble -> DoubleDouble =
        finite TileOp.Cbrt (fun x ->
            let mutable y = number (Math.Cbrt x.High)

            if y.High <> 0.0 then
                for _ in 1..2 do
                    y <- y - (y - x / (y * y)) / number 3.0

            y)

    // ----- error functions -----

    /// erfcx for x ≥ 1: the continued fraction of Laplace (Abramowitz and Stegun 7.1.14), from its tail. At x = 1, 700 terms
    /// leave 10⁻³².
    let private tail (x: DoubleDouble) =
        let mutable below = x

        for k in 700..-1..1 do
            below <- x + number (0.5 * float k) / below

        oneOverRootPi / below

    let rec erfc (x: DoubleDouble) : DoubleDouble =
        x
        |> finite TileOp.Erfc (fun x ->
            if x.High < 0.0 then number 2.0 - erfc -x
            elif x.High < 1.0 then one - erf x
            else exp -(x * x) * tail x)

    let erfcx: DoubleDouble -> DoubleDouble =
        finite TileOp.Erfcx (fun x -> if x.High < 1.0 then exp (x * x) * erfc x else tail x)

    let logNormalCdf: DoubleDouble -> DoubleDouble =
        finite TileOp.LogNormalCdf (fun x ->
            let t = x * rootHalf

            if x.High > 0.0 then log1p (erfc t * -0.5)
            elif x.High > -1.5 then log (erfc -t * 0.5)
            else log (erfcx -t * 0.5) - t * t)

    // ----- the gamma family -----

    /// B₂, B₄, … as fractions, by the recursion Σ C(m + 1, k) Bₖ = 0.
    let private bernoulli: Lazy<DoubleDouble[]> =
        lazy
            (let fraction (n: bigint) = BigRational.Create(n, 1I)
             let numbers = Array.create 61 BigRational.Zero
             numbers[0] <- BigRational.One

             for m in 1..60 do
                 let mutable binomial, total = 1I, BigRational.Zero

                 for k in 0 .. m - 1 do
                     total <- total + fraction binomial * numbers[k]
                     binomial <- binomial * bigint (m + 1 - k) / bigint (k + 1)

                 numbers[m] <- -total / fraction binomial

             Array.init 30 (fun k -> DoubleDouble.OfRational numbers[2 * k + 2]))

    let private isPole (x: DoubleDouble) = x.High <= 0.0 && x.Low = 0.0 && x.High = Math.Floor x.High

    /// From here on the asymptotic series give all digits.
    [<Literal>]
    let private far = 40.0

    /// Whole steps up to the range of the series. Far on the left there would be too many.
    let private stepsTo (limit: float) (x: DoubleDouble) =
        if x.High < -1e5 then
            Shape.fail $"Exact: gamma functions below −10⁵ ({x.High}) have no double-double form; use their reflection"

        max 0 (int (Math.Ceiling(limit - x.High)))

    /// log |Γ(x)| = log Γ(x + m) − Σ log |x + i|, and Stirling's series there (Abramowitz and Stegun 6.1.40).
    let logGamma: DoubleDouble -> DoubleDouble =
        finite TileOp.LogGamma (fun x ->
            if isPole x then
                number infinity
            elif x = one || x = number 2.0 then
                number 0.0
            else
                let steps = stepsTo far x
                let y = x + number (float steps)
                let square = y * y
                let mutable power = y
                let mutable sum = (y - half) * log y - y + log (pi * 2.0) * 0.5

                for k in 1..20 do
                    sum <- sum + bernoulli.Value[k - 1] / (number (float (2 * k * (2 * k - 1))) * power)
                    power <- power * square

                // Products of a few factors at a time: fewer logarithms, no overflow.
                for chunk in Array.chunkBySize 8 [| 0 .. steps - 1 |] do
                    let product = chunk |> Array.fold (fun p i -> p * size (x + number (float i))) one
                    sum <- sum - log product

                sum)

    let private factorial (n: int) = Seq.fold (fun p k -> p * number (float k)) one (seq { 1..n })

    /// ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁾(x + m) − (−1)ⁿ n! Σ (x + i)^(−n−1), and the asymptotic series there (Abramowitz and Stegun 6.4.11, 6.3.18).
    let polygamma (order: DoubleDouble) (x: DoubleDouble) : DoubleDouble =
        let n = int order.High

        if
            not (Double.IsFinite x.High)
            || isPole x
            || order.High < 0.0
            || order.High > 170.0
            || order <> number (float n)
        then
            number (TileKernels.Eval(TileOp.Polygamma, order.High, x.High, 0.0))
        else
            let steps = stepsTo (far + 2.0 * float n) x
            let y = x + number (float steps)
            let power k (b: DoubleDouble) = pow b (number (float k))

            // |series|; its sign is (−1)ⁿ⁺¹ for n ≥ 1.
            let mutable sum =
                if n = 0 then
                    half / y - log y
                else
                    factorial (n - 1) / power n y + factorial n * half / power (n + 1) y

            // B₂ₖ (2k + n − 1)! / ((2k)! y^(2k + n)), each factor from the one before.
            let mutable factor = factorial n * number (float (n + 1)) * 0.5 / power (n + 2) y

            for k in 1..30 do
                sum <- sum + bernoulli.Value[k - 1] * factor
                let top = number (float ((2 * k + n) * (2 * k + n + 1)))
                factor <- factor * top / (number (float ((2 * k + 1) * (2 * k + 2))) * y * y)

            let tail =
                Seq.fold
                    (fun s i -> s + one / power (n + 1) (x + number (float i)))
                    (number 0.0)
                    (seq { 0 .. steps - 1 })

            let total = sum + (if n = 0 then tail else tail * factorial n)
            if n % 2 = 0 then -total else total
