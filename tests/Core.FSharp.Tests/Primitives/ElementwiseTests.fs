module Hesse.Tests.Primitives.ElementwiseTests

open System
open Hesse
open Hesse.Tests
open Xunit

/// Enough points for whole vectors and tails; spread over several magnitudes.
let private points = [|
    for i in -40 .. 40 do
        0.17 * float i
    for e in -12.0 .. 2.0..2.0 do
        10.0 ** e
        -(10.0 ** e)
|]

let private positivePoints = points |> Array.filter (fun x -> x > 0.0)

/// Relative error of a function against the scalar one, eager and compiled.
let private agrees (name: string) (tolerance: float) (f: Tensor -> Tensor) (expected: float -> float) (xs: float[]) =
    let x = Tensor.ofArray xs

    for how, y in [ "eager", f x; "compiled", Diff.compile f x ] do
        Array.iter2
            (fun x actual ->
                let e: float = expected x

                Assert.True(
                    actual = e || abs (actual - e) <= tolerance * abs e,
                    $"{name}({x:R}), {how}: {actual:R}, expected {e:R}"
                ))
            xs
            (y.toArray ())

[<Fact>]
let ``functions agree with the scalar library`` () =
    agrees "exp" 4e-16 Tensor.exp Math.Exp points
    agrees "log" 4e-16 Tensor.log Math.Log positivePoints
    agrees "sqrt" 2.3e-16 Tensor.sqrt Math.Sqrt positivePoints
    agrees "sin" 1e-15 Tensor.sin Math.Sin points
    agrees "cos" 1e-15 Tensor.cos Math.Cos points
    agrees "tanh" 1e-15 Tensor.tanh Math.Tanh points
    agrees "sigmoid" 1e-15 Tensor.sigmoid (fun x -> 1.0 / (1.0 + Math.Exp -x)) points
    agrees "abs" 0.0 Tensor.abs Math.Abs points
    agrees "floor" 0.0 Tensor.floor Math.Floor points
    agrees "sign" 0.0 Tensor.sign (Math.Sign >> float) points
    agrees "relu" 0.0 Tensor.relu (max 0.0) points
    agrees "square" 2.3e-16 Tensor.square (fun x -> x * x) points

[<Fact>]
let ``erf against its series and its continued fraction`` () =
    // Abramowitz and Stegun 1964, 7.1.5 for |x| ≤ 3 and 7.1.14 beyond.
    let series x =
        let rec terms n (term: float) total =
            let next = -term * x * x / float n
            let added = next / float (2 * n + 1)

            if abs added < 1e-18 * abs total then
                total
            else
                terms (n + 1) next (total + added)

        2.0 / Math.Sqrt Math.PI * terms 1 x x

    let fraction (x: float) =
        let tail = Seq.foldBack (fun k t -> float k / 2.0 / (x + t)) (seq { 1..60 }) 0.0
        1.0 - Math.Exp(-x * x) / Math.Sqrt Math.PI / (x + tail)

    // The alternating series loses digits as e^(x²) grows.
    agrees "erf" 1e-15 Tensor.erf series (points |> Array.filter (fun x -> x <> 0.0 && abs x < 1.0))
    agrees "erf" 1e-12 Tensor.erf series (points |> Array.filter (fun x -> x <> 0.0 && abs x < 3.0))
    agrees "erf" 1e-15 Tensor.erf fraction (points |> Array.filter (fun x -> x > 3.0))
    Assert.Equal(0.0, (Tensor.erf (scalar 0.0)).item())

[<Fact>]
let ``pow agrees with the scalar library`` () =
    for exponent in [ -3.0; -1.0; -0.5; 0.0; 0.3; 1.0; 2.0; 3.0; 7.0; 16.0; 17.0; 2.5 ] do
        let xs = positivePoints |> Array.filter (fun x -> x > 1e-3)
        agrees $"pow {exponent}" 4e-15 (fun x -> x ** exponent) (fun x -> Math.Pow(x, exponent)) xs

    let bases, exponents = positive 1 [ 50 ], varied 2 [ 50 ]
    let expected = Array.map2 (fun (b: float) e -> Math.Pow(b, e)) (bases.toArray ()) (exponents.toArray ())
    Check.arrays "pow of tensors" 1e-15 expected ((bases ** exponents).toArray())

[<Fact>]
let ``comparisons are masks of 0 and 1; NaN compares false`` () =
    let a, b = vector [ 1.0; 2.0; 3.0; nan ], vector [ 2.0; 2.0; 2.0; 2.0 ]
    let is expected actual = Check.tensors "mask" 0.0 (vector expected) actual
    is [ 0.0; 0.0; 1.0; 0.0 ] (Tensor.greater a b)
    is [ 0.0; 1.0; 1.0; 0.0 ] (Tensor.greaterEqual a b)
    is [ 0.0; 1.0; 0.0; 0.0 ] (Tensor.equal a b)
    is [ 1.0; 0.0; 0.0; 0.0 ] (Tensor.greater b a)

[<Fact>]
let ``maximum and minimum; NaN wins`` () =
    let a, b = vector [ 1.0; 2.0; nan; 1.0 ], vector [ 2.0; -2.0; 1.0; nan ]
    Check.tensors "maximum" 0.0 (vector [ 2.0; 2.0; nan; nan ]) (Tensor.maximum a b)
    Check.tensors "minimum" 0.0 (vector [ 1.0; -2.0; nan; nan ]) (Tensor.minimum a b)

[<Fact>]
let ``maximum over axes`` () =
    let x = Tensor.create [ 2; 3 ] [| 1.0; 5.0; 3.0; 4.0; 2.0; 6.0 |]
    Check.tensors "axis 0" 0.0 (vector [ 4.0; 5.0; 6.0 ]) (Tensor.maxAxis 0 x)
    Check.tensors "axis 1" 0.0 (vector [ 5.0; 6.0 ]) (Tensor.maxAxis 1 x)
    Check.tensors "all" 0.0 (scalar 6.0) (Tensor.max x)
    Check.tensors "negative" 0.0 (scalar -1.0) (Tensor.max (vector [ -3.0; -1.0; -2.0 ]))
    Check.tensors "−∞" 0.0 (scalar -infinity) (Tensor.max (vector [ -infinity; -infinity ]))
    Check.tensors "scalar" 0.0 (scalar 2.0) (Tensor.max (scalar 2.0))

    Check.fails "maxOver: axis 1 of shape [2; 0] is empty; the maximum of nothing is undefined" (fun () ->
        Tensor.maxAxis 1 (Tensor.zeros [ 2; 0 ]))

[<Fact>]
let ``select takes the first where the mask is not 0`` () =
    let mask = vector [ 0.0; 1.0; -2.0; nan ]
    let a, b = vector [ 1.0; 2.0; 3.0; 4.0 ], vector [ 10.0; 20.0; 30.0; 40.0 ]
    Check.tensors "select" 0.0 (vector [ 10.0; 2.0; 3.0; 4.0 ]) (Tensor.where mask a b)
    let da, db = Diff.grad (fun (a, b) -> Tensor.sum (Tensor.where mask a b)) (a, b)
    Check.tensors "da" 0.0 (vector [ 0.0; 1.0; 1.0; 1.0 ]) da
    Check.tensors "db" 0.0 (vector [ 1.0; 0.0; 0.0; 0.0 ]) db

[<Fact>]
let ``small whole powers are products`` () =
    let x = Graph.variable [| 2 |]
    let power n = Elementwise.pow x (Graph.full [| 2 |] n)
    Assert.Same(x, power 1.0)
    Assert.Same(Linear.mul x x, power 2.0)
    Assert.True((power 0.0).IsConcrete)
    let four = power 4.0
    Assert.Same(Linear.mul (power 2.0) (power 2.0), four)
