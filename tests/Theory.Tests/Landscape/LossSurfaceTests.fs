module Hesse.Theory.Tests.Landscape.LossSurfaceTests

open Xunit
open Hesse
open Hesse.Theory

let private rates = Tensor.ofArray [| 0.5; 2.0; 8.0 |]
let private quadratic (w: Tensor) = 0.5 * Tensor.sum (rates * w * w)
let private axis i = Tensor.oneHot 3 (Tensor.scalar (float i))

[<Fact>]
let ``along an eigenvector at a minimum the loss is half its eigenvalue times t squared`` () =
    let steps = Tensor.toArray (Tensor.linspace -1.0 2.0 7)

    for i, lambda in List.indexed [ 0.5; 2.0; 8.0 ] do
        let losses = LossSurface.along quadratic (Tensor.zeros [ 3 ]) (axis i) steps
        Array.iter2 (fun t (l: float) -> Assert.Equal(0.5 * lambda * t * t, l, 1e-14)) steps losses

[<Fact>]
let ``a plane has the first direction in rows`` () =
    let losses =
        LossSurface.plane quadratic (Tensor.zeros [ 3 ]) (axis 0) (axis 2) [| 1.0; 2.0 |] [| 0.0; 1.0; 3.0 |]

    Assert.Equal((2, 3), (Array2D.length1 losses, Array2D.length2 losses))

    for i, a in List.indexed [ 1.0; 2.0 ] do
        for j, b in List.indexed [ 0.0; 1.0; 3.0 ] do
            Assert.Equal(0.25 * a * a + 4.0 * b * b, losses[i, j], 1e-13)

[<Fact>]
let ``the expansion is that of the line`` () =
    let layers = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]
    let x, y = Random.normal (Random.key 3) [ 9; 3 ], Random.normal (Random.key 4) [ 9; 2 ]
    let loss l = Losses.meanSquaredError (Mlp.apply Tensor.tanh l x) y
    let d = Directions.filterNormalise layers (Directions.gaussian (Random.key 2) layers)
    let value, slope, curvature = LossSurface.quadraticAlong loss layers d
    let h = 1e-3
    let l = LossSurface.along loss layers d [| -h; 0.0; h |]
    Assert.Equal(l[1], value, 1e-14)
    Assert.Equal((l[2] - l[0]) / (2.0 * h), slope, 1e-5)
    Assert.Equal((l[2] - 2.0 * l[1] + l[0]) / (h * h), curvature, 1e-5)
