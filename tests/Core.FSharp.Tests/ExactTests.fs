/// One program, other numbers: exact derivatives, bounds that hold, and the float64 executor against both.
module Hesse.Tests.ExactTests

open System
open Hesse
open Xunit

let private rational (x: float) = BigRational.OfFloat x
let private whole (n: int) = BigRational.Create(bigint n, 1I)

/// What the interval system lacks: iterations whose results have no bounds that can be shown to hold.
let private withoutBounds = [ "expm"; "eigen"; "eigenvalues"; "svd"; "singularValues"; "pseudoInverse" ]

/// What is no fraction: elementary and special functions, and whatever takes a root or a logarithm.
let private irrational =
    [ "exp"; "expm1"; "log"; "log1p"; "sqrt"; "sin"; "cos"; "tanh"; "sigmoid"; "erf" ]
    @ (Special.primitives |> List.map (fun p -> p.Name))
    @ [ "expm"; "logAbsDet" ]
    @ (Factorisations.primitives @ Fourier.primitives |> List.map (fun p -> p.Name))

[<Fact>]
let ``every number system has every primitive, or says that it lacks it`` () =
    let missing n =
        Primitives.all
        |> List.filter (fun p -> not (Interpreter.supports n p))
        |> List.map (fun p -> p.Name)

    Assert.Equal<string list>([], missing Exact.doubleDoubles)
    Assert.Equal<string list>([], missing Sparse.dependences)
    Assert.Equal<string list>(withoutBounds, missing Exact.intervals)
    Assert.Equal<string list>(irrational, missing Exact.rationals)

[<Fact>]
let ``what has no bounds is refused by name`` () =
    Check.fails
        "Exact.interval: the graph contains eigenvalues, which these numbers do not have; it has no bounds that can be shown to hold; use Exact.doubleDouble"
        (fun () -> Exact.interval Linalg.eigvalsh (Tensor.eye 2))

[<Fact>]
let ``derivatives of polynomials are exact`` () =
    // f = Σ xᵢ⁵ + x₀ x₁ x₂ at numbers that are no short fractions.
    let f (x: Tensor) = Tensor.sum (x ** 5.0) + x[0] * x[1] * x[2]
    let at = [| 0.1; -1.7; 1e-9 |]
    let x = Tensor.ofArray at
    let r = at |> Array.map rational
    let others i = [| 0..2 |] |> Array.except [ i ] |> Array.map (fun j -> r[j]) |> Array.reduce (*)
    let gradient = Array.init 3 (fun i -> whole 5 * r[i].Power 4 + others i)
    Assert.Equal<BigRational[]>(gradient, Exact.rational (Diff.grad f) x)

    let hessian = [|
        for i in 0..2 do
            for j in 0..2 do
                if i = j then whole 20 * r[i].Power 3 else r[3 - i - j]
    |]

    Assert.Equal<BigRational[]>(hessian, Exact.rational (Diff.hessian f) x)
    let v = [| 1.0; 2.0; 3.0 |]
    let jet = Exact.rational (fun x -> (Diff.jet 3 f x (Tensor.ofArray v))[3]) x

    let third =
        Array.map2 (fun (r: BigRational) v -> whole 60 * r.Power 2 * rational v * rational v * rational v) r v
    // D³(x₀x₁x₂)[v, v, v] = 6 v₀ v₁ v₂ = 36.
    Assert.Equal(Array.reduce (+) third + whole 36, Array.exactlyOne jet)

    let rows = Exact.rational (Diff.vmap (Diff.grad f)) (Tensor.stack 0 [ x; x ])
    Assert.Equal<BigRational[]>(Array.append gradient gradient, rows)

[<Fact>]
let ``derivatives of rational functions are exact`` () =
    let f (x: Tensor) = 1.0 / (1.0 + x * x)
    let r = rational 0.3
    let one = BigRational.One
    let expected = -(whole 2 * r) / (one + r * r).Power 2
    Assert.Equal(expected, Array.exactlyOne (Exact.rational (Diff.grad f) (scalar 0.3)))
    // f‴ = 24 x (1 − x²) / (1 + x²)⁴
    let third = whole 24 * r * (one - r * r) / (one + r * r).Power 4
    Assert.Equal(third, Array.exactlyOne (Exact.rational (Diff.derivative 3 f) (scalar 0.3)))

[<Fact>]
let ``Euler's four-square identity holds exactly, with its gradient, and in float64 only to rounding`` () =
    let squares (x: Tensor) = Tensor.sum (x * x)

    let residual (x: Tensor, y: Tensor) =
        let product (signs: (float * int * int) list) =
            signs |> List.map (fun (s, i, j) -> s * x[i] * y[j]) |> List.reduce (+)

        let parts = [
            product [ 1.0, 0, 0; 1.0, 1, 1; 1.0, 2, 2; 1.0, 3, 3 ]
            product [ 1.0, 0, 1; -1.0, 1, 0; 1.0, 2, 3; -1.0, 3, 2 ]
            product [ 1.0, 0, 2; -1.0, 1, 3; -1.0, 2, 0; 1.0, 3, 1 ]
            product [ 1.0, 0, 3; 1.0, 1, 2; -1.0, 2, 1; -1.0, 3, 0 ]
        ]

        squares x * squares y - (parts |> List.map (fun p -> p * p) |> List.reduce (+))

    let at = varied 1 [ 4 ], 1e3 * varied 2 [ 4 ]
    Assert.All(Exact.rational residual at, fun r -> Assert.Equal(0, r.Sign))
    let gradient = Exact.rational (Diff.grad residual) at
    Assert.Equal(8, gradient.Length)
    Assert.All(gradient, fun r -> Assert.Equal(0, r.Sign))
    Assert.All(Exact.interval residual at, fun i -> Assert.True(i.Contains 0.0 && i.Width > 0.0))
    Assert.Contains(Check.elements (Diff.grad residual at), fun d -> d <> 0.0)

/// Gradients and Hessians of analytic functions, and the units in the last place by which float64 may be off: one or two for each
/// operation on the way, as none of these cancels.
let private analytic: (string * (Tensor -> Tensor)) list = [
    "exp sin", Tensor.sin >> Tensor.exp
    "exp tanh", Tensor.tanh >> Tensor.exp
    "log1p exp", Tensor.exp >> Tensor.log1p
    "power", (fun x -> (1.0 + x * x) ** 1.5)
    "rational", (fun x -> x / (2.0 + x))
    "sqrt exp", Tensor.exp >> Tensor.sqrt
]

[<Fact>]
let ``float64 derivatives of analytic functions are right to a few units in the last place`` () =
    for name, f in analytic do
        for at in [ 0.1; 0.37; 0.8; 1.1 ] do
            let x = scalar at

            let compare what (float64: float) (exact: DoubleDouble) =
                let unit = Math.BitIncrement(abs exact.High) - abs exact.High
                let error = abs ((float64 - exact.High) - exact.Low) / unit
                Assert.True(error <= 16.0, $"{what} of {name} at {at}: {error} units in the last place")

            let first = Array.exactlyOne (Exact.doubleDouble (Diff.grad f) x)
            compare "value" ((f x).item()) (Array.exactlyOne (Exact.doubleDouble f x))
            compare "gradient" ((Diff.grad f x).item()) first
            let second = Array.exactlyOne (Exact.doubleDouble (Diff.hessian f) x)

            // A second derivative is a difference of terms; ask for it only where it is no smaller than the first.
            if abs second.High > 0.3 * abs first.High then
                compare "Hessian" ((Diff.hessian f x).item()) second

/// Every float64 result within four widths of the interval of the same graph: the width is the running bound on rounding, so this
/// is as strict as the condition of the program allows.
let private agree (p: RandomProgram) (what: string) (results: float[]) (exact: DoubleDouble[]) (bounds: Interval[]) =
    let scale = exact |> Array.fold (fun s e -> max s (abs e.High)) 0.0
    Assert.Equal(results.Length, exact.Length)
    Assert.Equal(results.Length, bounds.Length)

    Array.iteri2
        (fun i (e: DoubleDouble) (b: Interval) ->
            let report () =
                $"{what}, element {i}: float64 {results[i]:R}, double-double {e}, interval {b}\n{RandomPrograms.print p}"

            Assert.True(b.Contains e, report ())

            if Double.IsFinite b.Width then
                let error = abs ((results[i] - e.High) - e.Low)
                Assert.True(error <= 4.0 * b.Width + 8.0 * Double.Epsilon + 2e-15 * scale, report ()))
        exact
        bounds

/// Random programs of operations that a number system has.
let private programs (n: Arithmetic<'N>) (seeds: int seq) =
    let has = Primitives.all |> List.filter (Interpreter.supports n) |> Array.ofList

    let all step =
        match step with
        | Apply(primitive, _, _) -> Interpreter.supports n primitive
        | _ -> true

    seeds
    |> Seq.map (ProgramGenerator.generateAmong has [| 1; 2; 3; 4 |])
    |> Seq.filter (fun p -> Array.forall all p.Steps)

[<Fact>]
let ``values of random programs: float64 near double-double, intervals around it`` () =
    let seen = Collections.Generic.HashSet<string>()

    for p in programs Exact.intervals (seq { 1..600 }) do
        for step in p.Steps do
            match step with
            | Apply(primitive, _, _) -> seen.Add primitive.Name |> ignore
            | _ -> ()

        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        agree p "value" (Check.elements (Diff.compile f xs)) (Exact.doubleDouble f xs) (Exact.interval f xs)

    // Float64 programs have no conversions.
    Assert.Equal(Primitives.all.Length - Precision.primitives.Length - withoutBounds.Length, seen.Count)

[<Fact>]
let ``gradients of random programs: float64 near double-double, intervals around it`` () =
    for p in programs Exact.intervals (seq { 5_000..5_249 }) do
        let g, xs = Diff.grad (RandomPrograms.scalar p), RandomPrograms.inputs p
        agree p "gradient" (Check.elements (g xs)) (Exact.doubleDouble g xs) (Exact.interval g xs)

[<Fact>]
let ``random programs without elementary functions: intervals hold the exact fraction`` () =
    let mutable tried = 0

    for p in programs Exact.rationals (seq { 1..300 }) do
        let g, xs = Diff.grad (RandomPrograms.scalar p), RandomPrograms.inputs p

        let exact =
            try
                Some(Exact.rational g xs)
            with :? HesseException as e ->
                Assert.StartsWith("Exact.rational: ", e.Message)
                None

        match exact with
        | None -> ()
        | Some exact ->
            tried <- tried + 1

            Array.iter2
                (fun (r: BigRational) (b: Interval) ->
                    Assert.True(
                        (not (Double.IsFinite b.Lower) || rational b.Lower <= r)
                        && (not (Double.IsFinite b.Upper) || r <= rational b.Upper)
                    ))
                exact
                (Exact.interval g xs)

    Assert.True(tried >= 40, $"only {tried} programs are rational")

[<Fact>]
let ``trees in and out, in the order of ravel`` () =
    let f (a: Tensor, b: Tensor) = [ a + b; a * b ]
    Assert.Equal<BigRational[]>([| whole 5; whole 6 |], Exact.rational f (scalar 2.0, scalar 3.0))

[<Fact>]
let ``what cannot be done is named`` () =
    let x = scalar 0.5

    Check.fails
        "Exact.rational: the graph contains exp, which these numbers do not have; use Exact.doubleDouble or Exact.interval"
        (fun () -> Exact.rational Tensor.exp x)

    Check.fails "Exact.rational: div: division by 0; keep the divisor away from 0" (fun () ->
        Exact.rational (fun x -> x / (x - 0.5)) x)

    Check.fails
        "Exact.rational: pow: exponent 1/2 is no whole number of at most five digits, so the power is no fraction; use Exact.doubleDouble"
        (fun () -> Exact.rational (fun x -> x ** 0.5) x)

    Check.fails
        "Exact.interval: the argument has no value yet; apply it outside of grad, vmap and other transformations"
        (fun () ->
            Diff.grad
                (fun x ->
                    Exact.interval Tensor.exp x |> ignore
                    x)
                x)

[<Fact>]
let ``operations on constants are done in these numbers too`` () =
    let one = Array.exactlyOne
    let fraction p q = BigRational.Create(bigint (p: int), bigint (q: int))
    let x = scalar 0.5
    Assert.Equal(fraction 1 4, one (Exact.rational (Diff.grad (fun x -> x * x * x / 3.0)) x))
    Assert.Equal(fraction 1 1, one (Exact.rational (Diff.hessian (fun x -> x * x * x / 3.0)) x))
    // d/dx of x / 3 is a constant alone; sums, shapes, slices and maps of it.
    Assert.Equal(fraction 1 3, one (Exact.rational (Diff.grad (fun x -> x / 3.0)) x))
    let xs = varied 1 [ 7 ]
    let gradients = Exact.rational (Diff.grad (fun xs -> Tensor.mean (xs / 3.0))) xs
    Assert.All(gradients, (fun g -> Assert.Equal(fraction 1 21, g)))
    let mapped = Exact.rational (Diff.vmap (Diff.grad (fun x -> x / 7.0))) xs
    Assert.All(mapped, (fun g -> Assert.Equal(fraction 1 7, g)))
    let loop x = Diff.iterate 3 (fun y -> y * (Tensor.scalar 1.0 / 3.0)) x
    Assert.Equal(fraction 1 54, one (Exact.rational loop x))

    // 1/3 in 31 digits, and e as a constant in the graph: three times the number, and its logarithm, come back.
    let third = one (Exact.doubleDouble (Diff.grad (fun x -> x / 3.0)) x)
    Assert.True(abs ((third * 3.0 - DoubleDouble.OfFloat 1.0).ToFloat()) < 1e-31)

    let logOfE =
        one (Exact.doubleDouble (fun x -> 0.0 * x + Tensor.log (Tensor.exp (Tensor.scalar 1.0) * (1.0 + 0.0 * x))) x)

    Assert.True(abs ((logOfE - DoubleDouble.OfFloat 1.0).ToFloat()) < 1e-30)
    let bounds = one (Exact.interval (Diff.grad (fun x -> x / 3.0)) x)
    Assert.True(bounds.Lower < bounds.Upper && 3.0 * bounds.Lower <= 1.0 && 3.0 * bounds.Upper >= 1.0)

[<Fact>]
let ``constants from before the function are taken as they are`` () =
    let c = Tensor.scalar 1.0 / 3.0
    let found = Array.exactlyOne (Exact.rational (fun x -> x * c) (scalar 1.0))
    Assert.Equal(BigRational.OfFloat(1.0 / 3.0), found)

[<Fact>]
let ``what a constant is made of does not part equal nodes, and is forgotten when it grows`` () =
    let x = Graph.variable [||]
    let third () = Elementwise.div (Graph.full [||] 1.0) (Graph.full [||] 3.0)
    Assert.Same(Linear.mul x (third ()), Linear.mul x (third ()))
    Assert.NotSame(Linear.mul x (third ()), Linear.mul x (Graph.full [||] (1.0 / 3.0)))
    Assert.Null((Elementwise.div (Graph.full [||] 1.0) (Graph.full [||] 4.0)).Origin)
    let mutable t = third ()
    let mutable largest = 0

    for _ in 1..2000 do
        t <- Linear.mul t (third ())
        t <- Linear.add t (Graph.full [||] 0.1)
        largest <- max largest (if isNull t.Origin then 0 else t.Origin.Size)

    Assert.InRange(largest, 100, 256)
