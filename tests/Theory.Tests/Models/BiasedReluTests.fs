module Hesse.Theory.Tests.Models.BiasedReluTests

open Xunit
open Hesse
open Hesse.Theory

/// Rows of the cube {−1, 1}^d.
let private corners d =
    Tensor.create
        [ 1 <<< d; d ]
        (Array.init ((1 <<< d) * d) (fun q -> if (q / d >>> q % d) &&& 1 = 0 then 1.0 else -1.0))

let private weights = {
    Hidden = Random.normal (Random.key 1) [ 5; 3 ]
    Bias = Random.normal (Random.key 2) [ 5 ]
    Readout = Random.normal (Random.key 3) [ 5 ]
}

[<Fact>]
let ``without biases it is the two-layer network of the same weights`` () =
    let x = Random.normal (Random.key 4) [ 9; 3 ]
    let found = BiasedRelu.predict x { weights with Bias = Tensor.zeros [ 5 ] }
    let expected = TwoLayerRelu.predict x { Hidden = weights.Hidden; Readout = weights.Readout }
    Assert.Equal<float[]>(expected.toArray (), found.toArray ())

[<Fact>]
let ``the trace is that of the full Hessian at interpolation`` () =
    let x = Random.normal (Random.key 5) [ 7; 3 ]
    let theta, unravel = Tree.ravel weights
    let y = BiasedRelu.predict x weights
    let hessian = Diff.hessian (fun v -> BiasedRelu.loss (BiasedRelu.predict x (unravel v)) y) theta
    Assert.Equal((Tensor.trace hessian).item(), (BiasedRelu.hessianTrace x weights).item(), 10)

[<Theory>]
[<InlineData(4, 6)>]
[<InlineData(8, 40)>]
let ``the memoriser fits its data, is zero elsewhere and attains the bound`` d n =
    let cube = corners d
    let order = Random.permutation (Random.key 6) (1 <<< d)
    let rows = order[.. n - 1] |> Array.map (fun i -> cube[i])
    let x = Tensor.stack 0 rows
    let y = Random.rademacher (Random.key 7) [ n ]
    let w = BiasedRelu.memoriser (0.6 * (float d + 1.0) ** 0.25) x y
    Assert.InRange((BiasedRelu.loss (BiasedRelu.predict x w) y).item(), 0.0, 1e-25)
    Assert.Equal(BiasedRelu.traceBound d, (BiasedRelu.hessianTrace x w).item(), 10)
    let rest = Tensor.stack 0 (order[n..] |> Array.map (fun i -> cube[i]))
    Assert.All((BiasedRelu.predict rest w).toArray(), fun v -> Assert.Equal(0.0, v))

[<Fact>]
let ``normalised outputs do not change with the scale of the hidden layer, unless it is small`` () =
    let x = Random.normal (Random.key 8) [ 6; 3 ]

    let outputs scale =
        BiasedRelu.predictNormalised 1e-6 x {
            weights with
                Hidden = scale * weights.Hidden
                Bias = scale * weights.Bias
        }

    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 12)) ((outputs 1.0).toArray()) ((outputs 7.0).toArray())
    // Far below ε the division is by ε.
    let tiny = BiasedRelu.predictNormalised 1e3 x weights * 1e3

    Array.iter2
        (fun (a: float) b -> Assert.Equal(a, b, 12))
        ((BiasedRelu.predict x weights).toArray())
        (tiny.toArray ())

[<Fact>]
let ``a scale that is too small is refused by name`` () =
    let x = (corners 3)[..1, *]

    let error =
        Assert.Throws<HesseException>(fun () -> BiasedRelu.memoriser 0.5 x (Tensor.ones [ 2 ]) |> ignore)

    Assert.Contains("BiasedRelu.memoriser: scale 0.5", error.Message)
