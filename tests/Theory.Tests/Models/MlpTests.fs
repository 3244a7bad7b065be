module Hesse.Theory.Tests.Models.MlpTests

open System
open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``parameters are counted`` () =
    Assert.Equal(16 * 32 + 32 + 32 * 10 + 10, Mlp.parameterCount [ 16; 32; 10 ])
    let theta, _ = Tree.ravel (Mlp.init (Random.key 1) 1.0 [ 16; 32; 10 ])
    Assert.Equal(874, theta.Size)

[<Theory>]
[<InlineData(1.0)>]
[<InlineData(1.4142135623730951)>]
let ``weights have variance gain squared over inputs and biases are zero`` (gain: float) =
    let layer = (Mlp.init (Random.key 3) gain [ 50; 400; 2 ]).Head
    let w = layer.Weight.toArray ()
    // 20,000 samples: the variance is known to 1 % (one standard error).
    let variance = w |> Array.averageBy (fun x -> x * x)
    Assert.InRange(variance * 50.0 / (gain * gain), 0.95, 1.05)
    Assert.All(layer.Bias.toArray (), fun b -> Assert.Equal(0.0, b))

[<Fact>]
let ``the same key gives the same network, another key another one`` () =
    let weights seed = (Mlp.init (Random.key seed) 1.0 [ 3; 4; 2 ]).Head.Weight.toArray()
    Assert.Equal<float[]>(weights 5, weights 5)
    Assert.NotEqual<float[]>(weights 5, weights 6)
    let layers = Mlp.init (Random.key 5) 1.0 [ 4; 4; 4 ]
    Assert.NotEqual<float[]>(layers[0].Weight.toArray(), layers[1].Weight.toArray())

[<Fact>]
let ``outputs agree with loops, and the last layer is linear`` () =
    let layers =
        Mlp.init (Random.key 7) 1.0 [ 3; 5; 2 ] |> List.map (fun l -> { l with Bias = l.Bias + 0.3 })

    let x = (Random.normal (Random.key 8) [ 4; 3 ])
    let y = (Mlp.apply Tensor.tanh layers x).toArray2D()
    let data = x.toArray2D ()
    let w1, w2 = layers[0].Weight.toArray2D(), layers[1].Weight.toArray2D()

    for i in 0..3 do
        let hidden =
            Array.init 5 (fun j -> tanh (0.3 + Seq.sum (seq { for a in 0..2 -> data[i, a] * w1[a, j] })))

        for c in 0..1 do
            let expected = 0.3 + Seq.sum (seq { for j in 0..4 -> hidden[j] * w2[j, c] })
            Assert.Equal(expected, y[i, c], 13)

[<Fact>]
let ``impossible widths are refused`` () =
    for widths in [ [ 3 ]; [ 3; 0; 2 ] ] do
        let e = Assert.Throws<HesseException>(fun () -> Mlp.init (Random.key 1) 1.0 widths |> ignore)
        Assert.Contains("at least an input and an output width", e.Message)
