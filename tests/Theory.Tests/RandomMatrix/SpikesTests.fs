module Hesse.Theory.Tests.RandomMatrix.SpikesTests

open System
open Xunit
open Hesse
open Hesse.Kernels
open Hesse.Theory

let private top n (a: float[]) =
    let struct (values, vectors) = LinearAlgebra.SymmetricEigen(a, n, true)
    values[n - 1], Array.init n (fun i -> vectors[i * n + n - 1])

[<Fact>]
let ``a spiked Wigner matrix`` () =
    let n, spike = 500, 1.8
    let matrix = Samples.wigner 11 n
    matrix[0] <- matrix[0] + spike
    let value, vector = top n matrix
    let expected = Spikes.wigner 1.0 spike
    Assert.True expected.IsOutlier
    Assert.True(abs (value - expected.Position) < 0.12)
    Assert.True(abs (vector[0] * vector[0] - expected.Overlap) < 0.1)
    let below = Spikes.wigner 1.0 0.9
    Assert.Equal({ IsOutlier = false; Position = 2.0; Overlap = 0.0; Threshold = 1.0 }, below)

[<Fact>]
let ``a spiked covariance matrix, and back`` () =
    let p, n, spike = 300, 600, 4.0
    let scales = Array.init p (fun i -> if i = 0 then sqrt spike else 1.0)
    let value, vector = top p (Samples.covariance 12 scales n)
    let expected = Spikes.covariance 0.5 1.0 spike
    Assert.True(abs (value / expected.Position - 1.0) < 0.1)
    Assert.True(abs (vector[0] * vector[0] - expected.Overlap) < 0.1)

    for s in [ 1.8; 4.0; 30.0 ] do
        let out = Spikes.covariance 0.5 2.0 (2.0 * s)
        Assert.Equal(2.0 * s, Spikes.covarianceSpike 0.5 2.0 out.Position, 10)

    // At the threshold the outlier leaves from the edge, with overlap zero.
    let at = Spikes.covariance 0.5 1.0 (1.0 + sqrt 0.5 + 1e-12)
    Assert.Equal(snd (MarchenkoPastur.edges 0.5 1.0), at.Position, 10)
    Assert.Equal(0.0, at.Overlap, 10)

[<Fact>]
let ``any bulk: the semicircle again, and two intervals`` () =
    for spike in [ 1.2; 3.0 ] do
        let a, b = Spikes.additive (Semicircle.law 1.0) spike, Spikes.wigner 1.0 spike
        Assert.Equal(b.Position, a.Position, 9)
        Assert.Equal(b.Overlap, a.Overlap, 7)
        Assert.Equal(1.0, a.Threshold, 5)

    Assert.False((Spikes.additive (Semicircle.law 1.0) 0.9).IsOutlier)
    let bulk = FreeConvolution.additive (SpectralLaw.ofAtoms [| -2.0, 0.5; 0.0, 0.5 |]) (Semicircle.law 0.5)
    let expected = Spikes.additive bulk 2.0
    let n = 500
    let noise = Samples.wigner 13 n
    let direction = (Random.sphere (Random.key 14) n []).toArray()

    let matrix =
        noise
        |> Array.mapi (fun q x ->
            let i, j = q / n, q % n
            0.5 * x + (if i = j && i < n / 2 then -2.0 else 0.0) + 2.0 * direction[i] * direction[j])

    let value, vector = top n matrix
    let cosine = Array.fold2 (fun s a b -> s + a * b) 0.0 vector direction
    Assert.True(abs (value - expected.Position) < 0.1, $"{value}, {expected.Position}")
    Assert.True(abs (cosine * cosine - expected.Overlap) < 0.1, $"{cosine * cosine}, {expected.Overlap}")

[<Fact>]
let ``mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("larger spike", message (fun () -> Spikes.covariance 0.5 1.0 0.5))
    Assert.Contains("below the edge", message (fun () -> Spikes.covarianceSpike 0.5 1.0 1.0))
    Assert.Contains("above 0", message (fun () -> Spikes.wigner 1.0 0.0))
    Assert.Contains("above 0", message (fun () -> Spikes.additive (Semicircle.law 1.0) -1.0))
