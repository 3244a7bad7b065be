module Hesse.Theory.Tests.Models.CnnTests

open Xunit
open Hesse
open Hesse.Theory

let private shape = {
    Channels = 2
    Height = 5
    Width = 4
    Filters = [ 3; 4 ]
    Window = 3
    Padding = ConvPadding.Same
    Pool = 2
    Pooling = Pooling.Max
    Dense = [ 5; 3 ]
}

let private random seed shape = Random.normal (Random.key seed) shape

[<Fact>]
let ``the parameters are as many as counted`` () =
    let weights = Cnn.init (Random.key 1) 1.0 shape
    // Two poolings by two leave 1 × 1 images of 4 channels.
    Assert.Equal((2 * 9 + 1) * 3 + (3 * 9 + 1) * 4 + (4 + 1) * 5 + (5 + 1) * 3, Cnn.parameterCount shape)
    Assert.Equal(Cnn.parameterCount shape, (fst (Tree.ravel weights)).Size)
    Assert.Equal<int[]>([| 6; 3 |], (Cnn.apply shape Tensor.tanh weights (random 2 [ 6; 2; 5; 4 ])).Shape)

[<Fact>]
let ``rows and images are the same input`` () =
    let weights, x = Cnn.init (Random.key 1) 1.0 shape, random 2 [ 3; 2; 5; 4 ]
    let a = Cnn.apply shape Tensor.relu weights x
    let b = Cnn.apply shape Tensor.relu weights (Tensor.reshape [ 3; 40 ] x)
    Assert.Equal<float[]>(a.toArray (), b.toArray ())

[<Fact>]
let ``without pooling, one by one kernels are an affine map of the pixels`` () =
    let shape = {
        shape with
            Channels = 1
            Height = 2
            Width = 2
            Filters = [ 1 ]
            Window = 1
            Padding = ConvPadding.Same
            Pool = 1
            Dense = [ 1 ]
    }

    let weights = {
        Convolutions = [ { Kernel = Tensor.full [ 1; 1; 1; 1 ] 2.0; Bias = Tensor.ofArray [| 0.5 |] } ]
        Dense = [
            {
                Weight = Tensor.create [ 4; 1 ] [| 1.0; 10.0; 100.0; 1000.0 |]
                Bias = Tensor.ofArray [| 3.0 |]
            }
        ]
    }

    let y = Cnn.apply shape id weights (Tensor.create [ 1; 4 ] [| 1.0; 2.0; 3.0; 4.0 |])
    // Σ 10ⁱ (2xᵢ + ½) + 3
    Assert.Equal(8642.0 + 555.5 + 3.0, y.item (), 1e-9)

[<Fact>]
let ``a constant image has mean features that do not depend on where it is moved inside`` () =
    // Mean pooling over the whole image of a 3 × 3 convolution does not see a shift of a pattern that stays off the border.
    let shape = {
        shape with
            Channels = 1
            Height = 8
            Width = 8
            Filters = [ 2 ]
            Pool = 8
            Pooling = Pooling.Mean
            Dense = [ 3 ]
    }

    let weights = Cnn.init (Random.key 4) 1.0 shape
    let pattern = random 5 [ 1; 1; 3; 3 ]

    let at row column =
        let image = Array.zeroCreate 64
        let p = pattern.toArray ()

        for i in 0..8 do
            image[(row + i / 3) * 8 + column + i % 3] <- p[i]

        (Cnn.apply shape Tensor.tanh weights (Tensor.create [ 1; 64 ] image)).toArray()

    let a, b = at 1 1, at 3 4
    Array.iter2 (fun (x: float) y -> Assert.Equal(x, y, 1e-14)) a b

[<Fact>]
let ``gradients pass the checker`` () =
    let shape = { shape with Filters = [ 2 ]; Dense = [ 2 ]; Pooling = Pooling.Mean }
    let weights, x = Cnn.init (Random.key 1) 1.0 shape, random 2 [ 2; 40 ]
    let loss w = Losses.meanSquaredError (Cnn.apply shape Tensor.tanh w x) (random 3 [ 2; 2 ])
    let direction = Tree.map (fun (t: Tensor) -> random 7 t.Shape) weights
    let slope = (snd (Diff.jvp loss weights direction)).item()
    let h = 1e-5
    let at (s: float) = (loss (Tree.map2 (fun w d -> w + s * d) weights direction)).item()
    Assert.Equal((at h - at -h) / (2.0 * h), slope, 1e-7)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "nothing left after 2 convolutions by 3 and poolings by 4",
        fails (fun () -> Cnn.init (Random.key 1) 1.0 { shape with Pool = 4 })
    )

    Assert.Contains("wanted positive sizes", fails (fun () -> Cnn.parameterCount { shape with Dense = [] }))
    let weights = Cnn.init (Random.key 1) 1.0 shape
    Assert.Contains("[n; 2; 5; 4] or [n; 40]", fails (fun () -> Cnn.apply shape id weights (Tensor.zeros [ 3; 39 ])))
