module Hesse.Theory.Tests.Curvature.MatrixFunctionTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private values = Array.init 80 (fun i -> 0.5 + 4.0 * float i / 80.0)
let private operator = conjugated 61 values
let private vector seed = (Random.normal (Random.key seed) [ 80 ]).toArray()

/// f(A) v from the dense matrix of f(A).
let private dense f v = (LinearOperator.ofMatrix 80 (withSpectrum 61 (Array.map f values))).Apply v

[<Fact>]
let ``functions of an operator times a vector`` () =
    let v = vector 62

    for f in [ exp; log; sqrt; (fun x -> 1.0 / x) ] do
        let product = MatrixFunction.apply f 1e-12 200 operator v
        Assert.True product.Converged
        Assert.True(product.Products < 80)
        let exact = dense f v
        let error = Array.map2 (-) exact product.Vector
        Assert.True(sqrt (dot error error) < 1e-9 * sqrt (dot exact exact))

[<Fact>]
let ``the error estimate is above the error, and not far`` () =
    let v = vector 63

    for steps in [ 6; 10; 14 ] do
        let product = MatrixFunction.apply log 0.0 steps operator v
        Assert.False product.Converged
        Assert.Equal(steps, product.Products)
        let error = Array.map2 (-) (dense log v) product.Vector
        let size = sqrt (dot error error)
        Assert.InRange(product.ErrorEstimate / size, 1.0, 300.0)

[<Fact>]
let ``polynomials are exact, zero stays zero`` () =
    let v = vector 64
    let product = MatrixFunction.apply (fun x -> x * x * x - x) 1e-13 5 operator v
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 10)) (dense (fun x -> x * x * x - x) v) product.Vector
    let nothing = MatrixFunction.apply exp 1e-10 5 operator (Array.zeroCreate 80)
    Assert.All(nothing.Vector, fun x -> Assert.Equal(0.0, x))
    Assert.Equal(0, nothing.Products)

[<Fact>]
let ``quadratic forms lie within Gauss and Radau bounds, which close`` () =
    let v = vector 65

    for f in [ exp; log; sqrt; (fun x -> 1.0 / x) ] do
        let exact = dot v (dense f v)
        let mutable width = infinity

        for steps in [ 2; 4; 8; 16; 24 ] do
            let e = MatrixFunction.quadraticForm f (0.4, 5.0) steps operator v
            Assert.InRange(exact, e.Lower - 1e-10, e.Upper + 1e-10)
            Assert.InRange(e.Value, e.Lower, e.Upper)
            Assert.True(e.Upper - e.Lower < width + 1e-11)
            width <- e.Upper - e.Lower

        Assert.True(width < 1e-7 * abs exact)

[<Fact>]
let ``the node is one of the rule`` () =
    // A function that is large at the prescribed node alone shows its weight, which is positive.
    let spike node x = if abs (x - node) < 1e-9 then 1.0 else 0.0
    let e = MatrixFunction.quadraticForm (spike 0.4) (0.4, 5.0) 5 operator (vector 66)
    Assert.Equal(0.0, e.Value)
    Assert.True(e.Upper > 0.0)

[<Fact>]
let ``bilinear forms by polarisation`` () =
    let u, v = vector 67, vector 68
    let exact = dot u (dense (fun x -> 1.0 / x) v)
    let e = MatrixFunction.bilinearForm (fun x -> 1.0 / x) (0.4, 5.0) 20 operator u v
    Assert.InRange(exact, e.Lower, e.Upper)
    Assert.True(e.Upper - e.Lower < 1e-3)
    Assert.Equal(40, e.Products)

[<Fact>]
let ``an invariant space has no error, and mistakes are told`` () =
    let simple = LinearOperator.ofMatrix 2 [| 2.0; 0.0; 0.0; 3.0 |]
    let e = MatrixFunction.quadraticForm log (1.0, 4.0) 5 simple [| 0.0; 2.0 |]
    Assert.Equal(4.0 * log 3.0, e.Value, 13)
    Assert.Equal(e.Lower, e.Upper)
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "holds the whole spectrum",
        message (fun () -> MatrixFunction.quadraticForm log (1.0, 2.5) 2 simple [| 1.0; 1.0 |])
    )

    Assert.Contains("wanted length 2", message (fun () -> MatrixFunction.apply exp 1e-3 5 simple [| 1.0 |]))

    Assert.Contains(
        "not finite",
        message (fun () -> MatrixFunction.apply (fun x -> log (x - 2.5)) 1e-3 5 simple [| 1.0; 1.0 |])
    )
