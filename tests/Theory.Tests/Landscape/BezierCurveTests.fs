module Hesse.Theory.Tests.Landscape.BezierCurveTests

open Xunit
open Hesse
open Hesse.Theory

let private point x y = Tensor.ofArray [| x; y |]
let private ring (w: Tensor) = Tensor.square (Tensor.sum (w * w) - 1.0)

let private curve bend = { Start = point -1.0 0.0; Bend = bend; End = point 1.0 0.0 }

[<Fact>]
let ``a curve has its ends and the weights of Bernstein's polynomials`` () =
    let c = curve (point 0.5 3.0)

    for t in [ 0.0; 0.3; 1.0 ] do
        let p = (BezierCurve.at c (Tensor.scalar t)).toArray()
        Assert.Equal(t * t + t * (1.0 - t) - (1.0 - t) ** 2.0, p[0], 1e-14)
        Assert.Equal(2.0 * t * (1.0 - t) * 3.0, p[1], 1e-14)

[<Fact>]
let ``two minima on a ring are joined around the hill between them`` () =
    let loss (data: Tensor) w = Tensor.mean data * ring w
    let options = TrainingOptions.GradientDescent 0.05
    let found = BezierCurve.fit options loss (Tensor.ones [ 3 ]) 500 8 (curve (point 0.0 0.1))
    Assert.Equal(1.0, (Connectivity.linear ring 20 found.Start found.End).Rise, 1e-12)
    Assert.True((BezierCurve.profile ring 40 found).Rise < 0.06)
    // The bend moves, the ends do not.
    Assert.Equal<float[]>([| -1.0; 0.0 |], found.Start.toArray ())
    Assert.True((found.Bend[1]).item() > 1.0)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let c = curve (point 0.0 0.0)
    Assert.Contains("0 intervals", fails (fun () -> BezierCurve.profile ring 0 c))

    Assert.Contains(
        "0 points on the curve",
        fails (fun () ->
            BezierCurve.fit
                (TrainingOptions.GradientDescent 0.1)
                (fun (_: Tensor) w -> ring w)
                (Tensor.ones [ 1 ])
                1
                0
                c)
    )
