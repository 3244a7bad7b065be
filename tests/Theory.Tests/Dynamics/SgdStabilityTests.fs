module Hesse.Theory.Tests.Dynamics.SgdStabilityTests

open System
open Xunit
open Hesse
open Hesse.Kernels
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape

/// g₁ = (1, 0), g₂ = (1, 1): small enough to work out by hand, with values known to 16 digits.
let private pair = Tensor.ofArray2D (array2D [ [ 1.0; 0.0 ]; [ 1.0; 1.0 ] ])

let private ensembles = [ for seed in 1..12 -> SgdStability.ensemble (random seed [ 2 + seed % 4; 1 + seed % 5 ]) ]

let private replacing = Sampling.WithReplacement

[<Fact>]
let ``two gradients in the plane have the known thresholds and bounds`` () =
    let e = SgdStability.ensemble pair
    Assert.Equal(1.5, SgdStability.trace e, 1e-14)
    Assert.Equal(1.1314829081786706, SgdStability.criticalStep replacing 1 e, 1e-13)
    Assert.Equal(4.0 / 3.0, SgdStability.criticalStep replacing 2 e, 1e-10)
    Assert.Equal(1.2, SgdStability.momentBound replacing 1 e, 1e-14)
    Assert.Equal(24.0 / 17.0, SgdStability.momentBound replacing 2 e, 1e-13)
    Assert.Equal(1.5278640450004206, SgdStability.gradientDescentBound e, 1e-13)
    Assert.Equal(4.0 / 3.0, SgdStability.traceBound 1 e, 1e-14)

/// The threshold from the n² × n² Kronecker matrices, without reduction or symmetry: 2/λ_max(C⁻¹D).
let private kronecker (g: Tensor) p =
    let n, d = g.Shape[0], g.Shape[1]
    let h = Tensor.matmul (Tensor.transpose g) g / float n
    let product (a: Tensor) (b: Tensor) = Tensor.reshape [ d * d; d * d ] (Tensor.einsum "ij,kl->ikjl" [ a; b ])
    let eye = Tensor.eye d
    let drift = 0.5 * (product h eye + product eye h)

    let single =
        Seq.init n (fun i ->
            let outer = Tensor.einsum "i,j->ij" [ g[i]; g[i] ]
            product outer outer)
        |> Seq.reduce (fun (a: Tensor) b -> a + b)

    let noise: Tensor = p * single / float n + (1.0 - p) * product h h
    let ratio = LinearAlgebra.Solve(drift.toArray (), d * d, noise.toArray (), d * d)
    let struct (real, _) = LinearAlgebra.GeneralEigenvalues(ratio, d * d)
    2.0 / Array.max real

[<Theory>]
[<InlineData(5, 3, 1)>]
[<InlineData(6, 2, 2)>]
[<InlineData(4, 4, 3)>]
let ``the threshold is that of the Kronecker matrices`` (n: int, d: int, batch: int) =
    for seed in 1..4 do
        let g = random (100 * n + seed) [ n; d ]
        let e = SgdStability.ensemble g
        let expected = kronecker g (1.0 / float batch)
        Assert.Equal(expected, SgdStability.criticalStep replacing batch e, 1e-9 * expected)
        let without = kronecker g (SgdStability.singleWeight Sampling.WithoutReplacement batch n)
        Assert.Equal(without, SgdStability.criticalStep Sampling.WithoutReplacement batch e, 1e-9 * without)

[<Fact>]
let ``the second moment stops shrinking at the threshold`` () =
    for e in ensembles do
        for batch in [ 1; 3 ] do
            let eta = SgdStability.criticalStep replacing batch e
            Assert.Equal(1.0, SgdStability.growthFactor replacing batch eta e, 1e-11)
            Assert.True(SgdStability.growthFactor replacing batch (0.99 * eta) e < 1.0)
            Assert.True(SgdStability.growthFactor replacing batch (1.01 * eta) e > 1.0)

[<Fact>]
let ``iterating the covariance operator grows by the growth factor`` () =
    let g = random 31 [ 5; 3 ]
    let e = SgdStability.ensemble g
    let eta = 1.2 * SgdStability.criticalStep replacing 2 e
    let advance = SgdStability.propagate replacing 2 eta g
    let late = Seq.fold (fun s _ -> advance s) (Tensor.eye 3) (seq { 1..400 })
    let ratio = (Tensor.trace (advance late) / Tensor.trace late).item()
    Assert.Equal(SgdStability.growthFactor replacing 2 eta e, ratio, 1e-10)

[<Fact>]
let ``the covariance operator averages over every batch`` () =
    let g = random 41 [ 4; 3 ]
    let sigma = let root = random 42 [ 3; 3 ] in Tensor.matmul root (Tensor.transpose root)

    let after eta (batch: int list) =
        let h =
            batch
            |> List.map (fun i -> Tensor.einsum "i,j->ij" [ g[i]; g[i] ])
            |> List.reduce (fun (a: Tensor) b -> a + b)

        let contraction = Tensor.eye 3 - eta / float batch.Length * h
        Tensor.matmul (Tensor.matmul contraction sigma) contraction

    let mean eta batches = (batches |> List.map (after eta) |> List.reduce (+)) / float (List.length batches)
    let near (a: Tensor) (b: Tensor) = Assert.True((Tensor.max (Tensor.abs (a - b))).item() < 1e-12)

    let ordered = [
        for i in 0..3 do
            for j in 0..3 -> [ i; j ]
    ]

    let subsets = [
        for i in 0..3 do
            for j in i + 1 .. 3 -> [ i; j ]
    ]

    near (mean 0.3 [ for i in 0..3 -> [ i ] ]) (SgdStability.propagate replacing 1 0.3 g sigma)
    near (mean 0.3 ordered) (SgdStability.propagate replacing 2 0.3 g sigma)
    near (mean 0.3 subsets) (SgdStability.propagate Sampling.WithoutReplacement 2 0.3 g sigma)
    near (after 0.3 [ 0; 1; 2; 3 ]) (SgdStability.propagate Sampling.WithoutReplacement 4 0.3 g sigma)

[<Fact>]
let ``bounds are ordered, and batches help`` () =
    for e in ensembles do
        for batch in [ 1; 2; 4 ] do
            let critical = SgdStability.criticalStep replacing batch e
            let moment = SgdStability.momentBound replacing batch e
            let slack = 1.0 + 1e-12
            Assert.True(critical <= slack * moment)
            Assert.True(moment <= slack * SgdStability.traceBound batch e)
            Assert.True(critical <= slack * SgdStability.frobeniusBound batch e)
            Assert.True(critical <= slack * SgdStability.gradientDescentBound e)
            Assert.True(critical <= slack * SgdStability.criticalStep replacing (batch + 1) e)

[<Fact>]
let ``gradients of one norm attain the trace bound`` () =
    for seed in 1..6 do
        let g = random (50 + seed) [ 7; 4 ]
        let e = SgdStability.ensemble (g / Tensor.sqrt (Tensor.expandDims 1 (Tensor.sumAxis 1 (g * g))))
        Assert.Equal(SgdStability.traceBound 1 e, SgdStability.criticalStep replacing 1 e, 1e-12)

[<Fact>]
let ``half of the gradients zero attains the Frobenius bound in one dimension`` () =
    let e = SgdStability.ensemble (Tensor.create [ 2; 1 ] [| sqrt 2.0; 0.0 |])
    Assert.Equal(1.0, SgdStability.noiseAlignment e, 1e-14)
    Assert.Equal(SgdStability.frobeniusBound 1 e, SgdStability.criticalStep replacing 1 e, 1e-14)

[<Fact>]
let ``the noise alignment is a minimum over directions`` () =
    let g = random 61 [ 6; 3 ]
    let e = SgdStability.ensemble g
    let h = Tensor.matmul (Tensor.transpose g) g / 6.0
    let frobenius = (Tensor.sum (h * h)).item()

    let alignment (delta: Tensor) =
        let each = Tensor.expandDims 1 (Tensor.matmul g delta) * g
        let mean = Tensor.matmul h delta
        let energy (v: Tensor) = (Tensor.dot v (Tensor.matmul h v)).item()
        let noise = (Seq.init 6 (fun i -> energy each[i]) |> Seq.average) - energy mean
        noise / (energy delta * frobenius)

    let sampled = [ for seed in 1..2000 -> alignment (random (1000 + seed) [ 3 ]) ]
    let least = SgdStability.noiseAlignment e
    Assert.True(List.min sampled >= least - 1e-12)
    // Two thousand directions in three dimensions come within a few per cent of the minimum.
    Assert.InRange(List.min sampled / least, 1.0 - 1e-12, 1.1)

[<Fact>]
let ``repeated gradients do not leave the span or change the Hessian`` () =
    let once = random 71 [ 3; 6 ]
    let twice = Tensor.concat 0 [ once; once ]
    let a, b = SgdStability.ensemble once, SgdStability.ensemble twice
    Assert.Equal(3, b.Rank)
    Assert.Equal(SgdStability.trace a, SgdStability.trace b, 1e-12)
    Assert.Equal(SgdStability.criticalStep replacing 1 a, SgdStability.criticalStep replacing 1 b, 1e-12)

[<Fact>]
let ``a full batch without replacement is gradient descent`` () =
    let e = SgdStability.ensemble (random 81 [ 5; 3 ])
    let eta = SgdStability.criticalStep Sampling.WithoutReplacement 5 e
    Assert.Equal(SgdStability.gradientDescentBound e, eta, 1e-13)
    Assert.Equal(1.0, SgdStability.growthFactor Sampling.WithoutReplacement 5 eta e, 1e-12)

[<Fact>]
let ``errors say what was wanted`` () =
    let throws (part: string) (action: unit -> unit) =
        let e = Assert.Throws<HesseException> action
        Assert.Contains(part, e.Message)

    throws "every gradient is zero" (fun () -> SgdStability.ensemble (Tensor.zeros [ 3; 2 ]) |> ignore)
    throws "wanted a matrix" (fun () -> SgdStability.ensemble (Tensor.zeros [ 3 ]) |> ignore)
    throws "batch size 0" (fun () -> SgdStability.criticalStep replacing 0 (SgdStability.ensemble pair) |> ignore)

    throws "wanted 1 to 2" (fun () ->
        SgdStability.criticalStep Sampling.WithoutReplacement 3 (SgdStability.ensemble pair) |> ignore)
