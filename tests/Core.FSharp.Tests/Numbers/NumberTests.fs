/// Fractions, double-double numbers and intervals: against each other, identities, and series summed in fractions.
module Hesse.Tests.Numbers.NumberTests

open System
open Hesse
open Hesse.Kernels
open Hesse.Tests
open Xunit

let private fraction (p: int) (q: int) = BigRational.Create(bigint p, bigint q)
let private dd = DoubleDouble.OfFloat
let private absolute (r: BigRational) = if r.Sign < 0 then -r else r

/// |actual − expected| ≤ tolerance · |expected|, decided in fractions.
let private near (what: string) (tolerance: float) (expected: BigRational) (actual: BigRational) =
    let error = absolute (actual - expected)

    Assert.True(
        error <= BigRational.OfFloat tolerance * absolute expected,
        $"{what}: {actual.ToDecimal 34} is not {expected.ToDecimal 34}"
    )

let private random = Random 5

/// ± a number between 2⁻ⁿ and 2ⁿ, with all its bits.
let private any (n: int) =
    let size = Math.ScaleB(1.0 + random.NextDouble(), random.Next(-n, n))
    if random.Next 2 = 0 then size else -size

let private anyPair n = DoubleDouble.OfSum(any n, any n * 1e-17)

/// Σ term(k), with term(k) = term(k − 1) · ratio(k), in fractions; to 90 bits beyond double-double.
let private series (first: BigRational) (ratio: int -> BigRational) =
    let small = BigRational.OfFloat 1e-40

    let rec loop k (term: BigRational) (sum: BigRational) =
        if absolute term <= small * absolute sum then
            sum
        else
            let next = term * ratio k
            loop (k + 1) next (sum + next)

    loop 1 first first

let private expSeries (x: BigRational) = series BigRational.One (fun k -> x * fraction 1 k)

/// Machin: π = 16 arctan 1/5 − 4 arctan 1/239.
let private pi =
    let arctan n =
        let step = fraction 1 n

        [ 0..60 ]
        |> List.map (fun k -> step.Power(2 * k + 1) * fraction (if k % 2 = 0 then 1 else -1) (2 * k + 1))
        |> List.reduce (+)

    fraction 16 1 * arctan 5 - fraction 4 1 * arctan 239

/// The elementwise operations that intervals have.
let private operations =
    Enum.GetValues<TileOp>() |> Array.filter (Exact.intervals.Missing.Contains >> not)

[<Fact>]
let ``a float64 becomes a fraction and comes back`` () =
    for x in [ 0.0; 1.0; -0.1; 5e-324; -2.2250738585072014e-308; 1.7976931348623157e308; 3e-310 ] do
        Assert.Equal(x, (BigRational.OfFloat x).ToFloat())

    for _ in 1..2000 do
        let x = any 1000
        Assert.Equal(x, (BigRational.OfFloat x).ToFloat())

    Check.fails "BigRational: NaN is no rational number; want a finite one" (fun () -> BigRational.OfFloat nan)

[<Fact>]
let ``fractions round to the nearest float64`` () =
    for _ in 1..2000 do
        let r = BigRational.OfFloat(any 30) / BigRational.OfFloat(any 30)
        let x = r.ToFloat()
        let distance y = absolute (BigRational.OfFloat y - r)
        Assert.True(distance x <= distance (Math.BitIncrement x) && distance x <= distance (Math.BitDecrement x))

    // Half way: to even.
    Assert.Equal(1.0, (BigRational.One + BigRational.OfFloat(Math.ScaleB(1.0, -53))).ToFloat())

[<Fact>]
let ``fractions print, compare and round down`` () =
    Assert.Equal("1/3", string (fraction -2 -6))
    Assert.Equal("-7", string (fraction 14 -2))
    Assert.Equal("-3.33333e-1", (fraction -1 3).ToDecimal 6)
    Assert.Equal("1.2e2", (fraction 120 1).ToDecimal 2)
    Assert.Equal(-1I, (fraction -1 3).Floor())
    Assert.Equal(-2I, (fraction -2 1).Floor())
    Assert.True(fraction 1 3 < fraction 34 100)
    Assert.Equal(fraction 8 27, (fraction 3 2).Power -3)
    Check.fails "BigRational: 1 / 0 is no number; keep the divisor away from 0" (fun () -> fraction 1 0)

[<Fact>]
let ``double-double arithmetic agrees with fractions to 1e-31`` () =
    for _ in 1..3000 do
        let a, b = anyPair 20, anyPair 20
        let p, q = a.ToRational(), b.ToRational()
        near "mul" 1e-31 (p * q) ((a * b).ToRational())
        near "div" 1e-31 (p / q) ((a / b).ToRational())
        let larger = if absolute p > absolute q then absolute p else absolute q
        let error = absolute ((a + b).ToRational() - (p + q))
        Assert.True(error <= BigRational.OfFloat 1e-31 * larger)
        let root = (DoubleDoubleFunctions.sqrt (a * a)).ToRational()
        near "sqrt" 1e-31 (absolute p) root
        Assert.Equal(a, DoubleDouble.OfRational p)

[<Fact>]
let ``double-double functions agree with series in fractions to 1e-30`` () =
    for _ in 1..8 do
        let x = anyPair 2
        let r = x.ToRational()
        let square = r * r
        let e = expSeries r
        near $"exp {x}" 1e-30 e ((DoubleDoubleFunctions.exp x).ToRational())
        near $"expm1 {x}" 1e-30 (e - BigRational.One) ((DoubleDoubleFunctions.expm1 x).ToRational())
        near $"sigmoid {x}" 1e-30 (e / (BigRational.One + e)) ((DoubleDoubleFunctions.sigmoid x).ToRational())
        let e2 = e * e

        near
            $"tanh {x}"
            1e-30
            ((e2 - BigRational.One) / (e2 + BigRational.One))
            ((DoubleDoubleFunctions.tanh x).ToRational())

        let sine = series r (fun k -> -square * fraction 1 (2 * k * (2 * k + 1)))
        let cosine = series BigRational.One (fun k -> -square * fraction 1 (2 * k * (2 * k - 1)))

        let within (expected: BigRational) (actual: DoubleDouble) =
            let error = absolute (expected - actual.ToRational())
            Assert.True(error <= BigRational.OfFloat 1e-30 * (BigRational.One + absolute r))

        within sine (DoubleDoubleFunctions.sin x)
        within cosine (DoubleDoubleFunctions.cos x)
        // erf² π = 4 (Σ (−1)ᵏ x^(2k+1) / (k! (2k+1)))²; the alternating series is exact enough in fractions.
        let half =
            [ 0..120 ]
            |> List.scan (fun (p: BigRational) k -> p * -square * fraction 1 (k + 1)) r
            |> List.mapi (fun k p -> p * fraction 1 (2 * k + 1))
            |> List.reduce (+)

        let y = (DoubleDoubleFunctions.erf x).ToRational()
        near $"erf {x}" 1e-30 (fraction 4 1 * half * half) (y * y * pi)

[<Fact>]
let ``double-double functions satisfy their identities over the whole range`` () =
    for _ in 1..300 do
        let x = anyPair 8
        let size = if x.High < 0.0 then -x else x
        let log = DoubleDoubleFunctions.log size
        near $"exp log {size}" 1e-29 (size.ToRational()) ((DoubleDoubleFunctions.exp log).ToRational())
        let l = DoubleDoubleFunctions.log1p size
        near $"expm1 log1p {size}" 1e-29 (size.ToRational()) ((DoubleDoubleFunctions.expm1 l).ToRational())
        let s, c = DoubleDoubleFunctions.sin x, DoubleDoubleFunctions.cos x
        near $"sin² + cos² at {x}" 1e-30 BigRational.One ((s * s + c * c).ToRational())
        let root = DoubleDoubleFunctions.pow size (dd 0.5)
        near $"pow ½ {size}" 1e-29 (size.ToRational()) ((root * root).ToRational())
        near $"pow 3 {x}" 1e-30 (x.ToRational().Power 3) ((DoubleDoubleFunctions.pow x (dd 3.0)).ToRational())

    for x in [ 0.3; 5.0; 30.0; 300.0; 600.0 ] do
        let both = DoubleDoubleFunctions.exp (dd x) * DoubleDoubleFunctions.exp (dd -x)
        near $"exp x · exp −x at {x}" 1e-29 BigRational.One (both.ToRational())

    Assert.Equal("6.9314718055994530941723212145817e-1", string (DoubleDoubleFunctions.log (dd 2.0)))
    Assert.Equal(dd infinity, DoubleDoubleFunctions.exp (dd 800.0))
    Assert.Equal(dd 0.0, DoubleDoubleFunctions.exp (dd -800.0))
    Assert.True(Double.IsNaN (DoubleDoubleFunctions.log (dd -1.0)).High)
    Assert.Equal(dd 1.0, DoubleDoubleFunctions.erf (dd 9.0))

/// The double-double value of a micro-operation; the oracle for intervals.
let private value op a b c = Exact.doubleDoubles.Eval op (dd a) (dd b) (dd c)

[<Fact>]
let ``intervals of every operation hold its values at random numbers inside`` () =
    let inside (i: Interval) = Math.Clamp(i.Lower + random.NextDouble() * (i.Upper - i.Lower), i.Lower, i.Upper)

    let interval () =
        let a = 4.0 * random.NextDouble() - 2.0
        // Wide ones, narrow ones, points, and whole numbers.
        match random.Next 4 with
        | 0 -> Interval(a, a + 3.0 * random.NextDouble())
        | 1 -> Interval(a, a + 1e-12)
        | 2 -> Interval(a, a)
        | _ -> Interval(Math.Floor a, Math.Floor a + float (random.Next 3))

    for op in operations do
        for _ in 1..1500 do
            let a, b, c = interval (), interval (), interval ()
            let result = IntervalFunctions.eval op a b c

            for _ in 1..4 do
                let x, y, z = inside a, inside b, inside c
                let v = value op x y z

                if Double.IsFinite v.High then
                    Assert.True(
                        result.Contains v,
                        $"{op} of {a} {b} {c} is {result}, which lacks {v}, its value at {x} {y} {z}"
                    )

[<Fact>]
let ``intervals of points are a few units in the last place wide, and exact where float64 is`` () =
    for op in operations do
        for _ in 1..200 do
            let a, b, c = 0.5 + random.NextDouble(), 0.5 + random.NextDouble(), random.NextDouble()
            let at = Interval.OfFloat
            let result = IntervalFunctions.eval op (at a) (at b) (at c)
            let limit = 1e-15 * max 1.0 (abs result.Upper)
            Assert.True(result.Width <= limit, $"{op} at {a}, {b} is {result.Width} wide")

    Assert.Equal(Interval(0.75, 0.75), IntervalFunctions.mul (Interval(0.5, 0.5)) (Interval(1.5, 1.5)))
    let tenth = IntervalFunctions.div (Interval(1.0, 1.0)) (Interval(10.0, 10.0))
    Assert.True(tenth.Lower < tenth.Upper)
    Assert.Equal("[-1, 2]", string (Interval(-1.0, 2.0)))

[<Fact>]
let ``the sine of a float64 next to a multiple of π is held, however small`` () =
    for k in [ 1; 7; 355; 100000 ] do
        let x = float k * Math.PI

        let sine =
            IntervalFunctions.eval TileOp.Sin (Interval.OfFloat x) (Interval.OfFloat 0.0) (Interval.OfFloat 0.0)
        // sin x = ±(x − kπ) to the third order, with π in fractions.
        let distance = BigRational.OfFloat x - fraction k 1 * pi
        let expected = if k % 2 = 0 then distance else -distance
        Assert.True(BigRational.OfFloat sine.Lower <= expected && expected <= BigRational.OfFloat sine.Upper)
        Assert.True(sine.Width < 1e-22)
