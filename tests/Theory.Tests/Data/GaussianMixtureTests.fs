module Hesse.Theory.Tests.Data.GaussianMixtureTests

open Xunit
open Hesse
open Hesse.Theory

let private means = GaussianMixture.orthonormalMeans (Random.key 1) 3 6
let private distance (a: Tensor) (b: Tensor) = (Tensor.max (Tensor.abs (a - b))).item()

[<Fact>]
let ``means are orthonormal`` () =
    Assert.Equal<int>([| 3; 6 |], means.Shape)
    Assert.True(distance (Tensor.matmul means (Tensor.transpose means)) (Tensor.eye 3) < 1e-14)

[<Fact>]
let ``a point is the mean of its component and noise of variance 1/λ`` () =
    let n, snr = 40_000, 8.0
    let s = GaussianMixture.sample (Random.key 2) means snr n
    Assert.True(distance s.Inputs (Tensor.gather 0 s.Components means + s.Noise) < 1e-14)
    // Five standard errors: of a variance 1/λ from nd numbers, and of a frequency 1/3 from n.
    let variance = (Tensor.mean (s.Noise * s.Noise)).item()
    Assert.Equal(1.0, variance * snr, 5.0 * sqrt (2.0 / float (6 * n)))

    for c in 0..2 do
        let share = s.Components.toArray () |> Array.averageBy (fun v -> if v = float c then 1.0 else 0.0)
        Assert.Equal(1.0 / 3.0, share, 5.0 * sqrt (2.0 / 9.0 / float n))

[<Fact>]
let ``the key fixes the sample`` () =
    let draw seed = (GaussianMixture.sample (Random.key seed) means 2.0 5).Inputs
    Assert.Equal(0.0, distance (draw 3) (draw 3))
    Assert.NotEqual(0.0, distance (draw 3) (draw 4))

[<Fact>]
let ``errors say what was wanted`` () =
    let fails means snr n =
        (Assert.Throws<HesseException>(fun () -> GaussianMixture.sample (Random.key 1) means snr n |> ignore)).Message

    Assert.Contains("means of shape [3], wanted [components; dimensions]", fails (Tensor.zeros [ 3 ]) 1.0 5)
    Assert.Contains("a signal-to-noise ratio of 0 and 5 points", fails means 0.0 5)
    Assert.Contains("a signal-to-noise ratio of 1 and 0 points", fails means 1.0 0)
