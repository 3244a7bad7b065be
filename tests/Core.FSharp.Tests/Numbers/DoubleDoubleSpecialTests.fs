/// Special functions in about 31 digits, against known values, functional equations, and the intervals made of them.
module Hesse.Tests.Numbers.DoubleDoubleSpecialTests

open System
open Hesse
open Hesse.Kernels
open Hesse.Tests
open Xunit

let private number = DoubleDouble.OfFloat

/// A decimal number of up to 40 digits.
let private parse (text: string) =
    let digits = text.Replace("-", "").Replace(".", "")
    let places = text.Length - text.IndexOf '.' - 1
    let size = DoubleDouble.OfRational(BigRational.Create(bigint.Parse digits, bigint.Pow(10I, places)))
    if text[0] = '-' then -size else size

let private near (what: string) (tolerance: float) (expected: DoubleDouble) (actual: DoubleDouble) =
    let error = abs (actual - expected).High
    let limit = tolerance * (1.0 + abs expected.High)
    Assert.True(error <= limit, $"{what}: {actual}, expected {expected}, error {error}")

[<Fact>]
let ``known values to thirty digits`` () =
    // Abramowitz and Stegun, tables 6.1, 6.3, 7.1 and 23.3, continued; γ, ζ(3) and π are classical.
    let pi = parse "3.14159265358979323846264338327950288"
    let gamma = parse "0.57721566490153286060651209008240243"
    let zeta3 = parse "1.20205690315959428539973816151144999"
    near "lgamma ½" 1e-29 (DoubleDoubleFunctions.log pi * 0.5) (DoubleDoubleSpecial.logGamma (number 0.5))
    near "digamma 1" 1e-29 -gamma (DoubleDoubleSpecial.polygamma (number 0.0) (number 1.0))
    near "trigamma 1" 1e-29 (pi * pi / number 6.0) (DoubleDoubleSpecial.polygamma (number 1.0) (number 1.0))
    near "tetragamma 1" 1e-29 (zeta3 * -2.0) (DoubleDoubleSpecial.polygamma (number 2.0) (number 1.0))
    let ratio expected actual = near $"{expected}" 1e-29 (number 1.0) (actual / parse expected)
    ratio "0.15729920705028513065877936491739074" (DoubleDoubleSpecial.erfc (number 1.0))
    ratio "0.00000000000153745979442803485018834348538337889" (DoubleDoubleSpecial.erfc (number 5.0))
    ratio "0.05614099274382258585751738722046831156" (DoubleDoubleSpecial.erfcx (number 10.0))
    near "atan 1" 1e-30 pi (DoubleDoubleSpecial.atan (number 1.0) * 4.0)
    near "acos −1" 1e-30 pi (DoubleDoubleSpecial.acos (number -1.0))
    near "asin ½" 1e-30 (pi / number 6.0) (DoubleDoubleSpecial.asin (number 0.5))

let private samples = [ -3.7; -1.2; -0.6; -0.01; 1e-9; 0.3; 0.9; 1.0; 1.4616; 2.5; 7.3; 33.0 ]

[<Fact>]
let ``functional equations`` () =
    for x in samples do
        let d = number x
        let one = number 1.0
        let square = DoubleDoubleSpecial.sinh d * DoubleDoubleSpecial.sinh d
        let cosh = DoubleDoubleSpecial.cosh d
        near $"cosh² − sinh² at {x}" (1e-29 * (1.0 + square.High)) one (cosh * cosh - square)
        near $"asinh sinh {x}" 1e-29 d (DoubleDoubleSpecial.asinh (DoubleDoubleSpecial.sinh d))
        near $"cbrt³ at {x}" 1e-29 d (let r = DoubleDoubleSpecial.cbrt d in r * r * r)
        near $"erfc x + erfc −x at {x}" 1e-29 (number 2.0) (DoubleDoubleSpecial.erfc d + DoubleDoubleSpecial.erfc -d)

        if abs x < 5.0 then
            let scaled = DoubleDoubleFunctions.exp (d * d) * DoubleDoubleSpecial.erfc d
            near $"erfcx at {x}" 1e-28 one (DoubleDoubleSpecial.erfcx d / scaled)

        near
            $"softplus x − softplus −x at {x}"
            1e-29
            d
            (DoubleDoubleSpecial.softplus d - DoubleDoubleSpecial.softplus -d)

        let left = DoubleDoubleFunctions.exp (DoubleDoubleSpecial.logNormalCdf d)
        near $"Φ(x) + Φ(−x) at {x}" 1e-29 one (left + DoubleDoubleFunctions.exp (DoubleDoubleSpecial.logNormalCdf -d))
        let angle = DoubleDoubleSpecial.atan d
        near $"tan atan {x}" 1e-29 d (DoubleDoubleFunctions.sin angle / DoubleDoubleFunctions.cos angle)
        let inside = DoubleDoubleFunctions.tanh d
        near $"tanh atanh tanh {x}" 1e-30 inside (DoubleDoubleFunctions.tanh (DoubleDoubleSpecial.atanh inside))
        let shifted = d + one
        let size = if x < 0.0 then -d else d

        near
            $"log Γ(x + 1) at {x}"
            1e-28
            (DoubleDoubleSpecial.logGamma d + DoubleDoubleFunctions.log size)
            (DoubleDoubleSpecial.logGamma shifted)

        for n in 0..4 do
            let order = number (float n)
            let factorial = Seq.fold (*) 1.0 (seq { 1.0 .. float n })
            let sign = if n % 2 = 0 then 1.0 else -1.0
            let step = number (sign * factorial) / DoubleDoubleFunctions.pow d (number (float (n + 1)))
            let below = DoubleDoubleSpecial.polygamma order d

            near
                $"ψ^({n})(x + 1) at {x}"
                (1e-28 * (1.0 + abs step.High))
                (below + step)
                (DoubleDoubleSpecial.polygamma order shifted)

    for x in [ 1.0; 1.0000001; 3.0; 50.0; 1e150 ] do
        let t = DoubleDoubleSpecial.acosh (number x)

        if x < 100.0 then
            near $"cosh acosh {x}" 1e-28 (number x) (DoubleDoubleSpecial.cosh t)
        else
            near $"acosh {x}" 1e-29 (DoubleDoubleFunctions.log (number x) + DoubleDoubleFunctions.log (number 2.0)) t

/// Elementwise operations with a kernel that is not exact arithmetic, and arguments for each.
let private functions: (TileOp * float list) list =
    let everywhere = [ -20.0; -3.7; -1.2; -0.3; 1e-10; 0.4; 1.1; 5.5; 18.0 ]
    let unit = [ -0.99; -0.5; 1e-12; 0.3; 0.97 ]

    [
        for op in
            [
                TileOp.Erfc
                TileOp.LogNormalCdf
                TileOp.Softplus
                TileOp.Sinh
                TileOp.Cosh
                TileOp.Atan
                TileOp.Asinh
                TileOp.Cbrt
            ] do
            op, everywhere
        TileOp.Erfcx, [ -3.0; -0.4; 0.2; 2.0; 30.0 ]
        TileOp.Asin, unit
        TileOp.Acos, unit
        TileOp.Atanh, unit
        TileOp.Acosh, [ 1.0; 1.5; 40.0 ]
        TileOp.LogGamma, [ -2.5; 0.1; 1.3; 1.6; 9.0; 150.0 ]
    ]

[<Fact>]
let ``intervals hold the double-double value, and are two units in the last place wide at a number`` () =
    for op, arguments in functions do
        for x in arguments do
            let exact = Exact.doubleDoubles.Eval op (number x) (number 0.0) (number 0.0)

            let bounds =
                IntervalFunctions.eval op (Interval.OfFloat x) (Interval.OfFloat 0.0) (Interval.OfFloat 0.0)

            Assert.True(bounds.Contains exact, $"{op} at {x}: {exact} outside {bounds}")
            let unit = Math.BitIncrement(abs exact.High) - abs exact.High
            let slack = if op = TileOp.LogGamma then 1e-26 else 0.0
            Assert.True(bounds.Width <= 4.0 * unit + slack, $"{op} at {x}: {bounds}")

[<Fact>]
let ``an interval of arguments gives an interval that holds all values`` () =
    let check what (f: DoubleDouble -> DoubleDouble) (bounds: Interval) (lower: float) (upper: float) =
        for i in 0..20 do
            let x = min upper (lower + (upper - lower) * float i / 20.0)
            Assert.True(bounds.Contains(f (number x)), $"{what} at {x}: {f (number x)} outside {bounds}")

    let zero = Interval.OfFloat 0.0

    for op, arguments in functions do
        for lower, upper in List.pairwise (List.sort arguments) do
            let bounds = IntervalFunctions.eval op (Interval(lower, upper)) zero zero
            // Between −2.5 and 0.1 there are poles of log Γ.
            check
                $"{op} on [{lower}, {upper}]"
                (fun x -> Exact.doubleDoubles.Eval op x (number 0.0) (number 0.0))
                bounds
                lower
                upper

    for n in 0..3 do
        let order = Interval.OfFloat(float n)
        let bounds = IntervalFunctions.eval TileOp.Polygamma order (Interval(0.4, 3.0)) zero
        check $"polygamma {n}" (DoubleDoubleSpecial.polygamma (number (float n))) bounds 0.4 3.0

    for y in [ Interval(-1.0, 2.0); Interval(0.5, 1.0) ] do
        for x in [ Interval(0.3, 2.0); Interval(-3.0, -0.5); Interval(-1.0, 1.0) ] do
            let bounds = IntervalFunctions.eval TileOp.Atan2 y x zero

            for v in [ y.Lower; y.ToFloat(); y.Upper ] do
                check $"atan2 of {v} on {x}" (fun u -> DoubleDoubleSpecial.atan2 (number v) u) bounds x.Lower x.Upper
