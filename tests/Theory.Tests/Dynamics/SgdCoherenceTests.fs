module Hesse.Theory.Tests.Dynamics.SgdCoherenceTests

open Xunit
open Hesse
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape

/// n equal curvatures λ in one direction: σ = n.
let private equal n (lambda: float) =
    SgdCoherence.ofFactors (Tensor.full [ n; 1; 2 ] 1.0 * Tensor.ofArray [| sqrt lambda; 0.0 |])

/// Hᵢ = nλ eᵢeᵢᵀ: σ = 1.
let private orthogonal n (lambda: float) =
    SgdCoherence.ofFactors (Tensor.reshape [ n; 1; n ] (sqrt (float n * lambda) * Tensor.eye n))

[<Fact>]
let ``equal curvatures have coherence n, orthogonal ones 1, and both the threshold of the coherence`` () =
    let n, batch, step = 6, 2.0, 0.1
    Assert.Equal(6.0, SgdCoherence.coherence (equal n 3.0), 1e-12)
    Assert.Equal(1.0, SgdCoherence.coherence (orthogonal n 3.0), 1e-12)
    // λ = 2/(η (1 + 1/B − 1/n)) = 15, and λ = 2B/(ηn) = 6.667.
    for make, lambda in [ equal n, 15.0; orthogonal n, 20.0 / 3.0 ] do
        let c: SampleCurvature = make lambda
        Assert.Equal(lambda, SgdCoherence.sharpness c, 1e-11)
        Assert.Equal(1.0, SgdCoherence.growthFactor batch step c, 1e-12)
        Assert.Equal(step, SgdCoherence.criticalStep batch c, 1e-12)
        Assert.Equal(step, SgdCoherence.coherenceStep batch c, 1e-12)

/// M as a dense matrix on all of ℝ^M ⊗ ℝ^M.
let private kronecker (batch: float) (step: float) (a: Tensor) =
    let n, m = a.Shape[0], a.Shape[2]
    let h i = Tensor.matmul (Tensor.transpose a[i]) a[i]
    let mean = (Seq.init n h |> Seq.reduce (+)) / float n
    let contraction = Tensor.eye m - step * mean
    let noise = Seq.init n (fun i -> Tensor.kron (h i) (h i)) |> Seq.reduce (+)
    Tensor.kron contraction contraction + step * step / float (n * n) * (float n / batch - 1.0) * noise

[<Fact>]
let ``the growth factor is the spectral radius of the Kronecker matrix`` () =
    for seed, n, k, m in [ 1, 5, 1, 3; 2, 4, 2, 4; 3, 6, 1, 4 ] do
        let a = random seed [ n; k; m ]
        let c = SgdCoherence.ofFactors a
        Assert.Equal(m, c.Rank)

        for batch in [ 1.0; 2.5; float n ] do
            for step in [ 0.05; 0.4; 1.0 ] do
                let dense = Linalg.eigvalsh (kronecker batch step a)
                let radius = (Tensor.max (Tensor.abs dense)).item()
                Assert.Equal(radius, SgdCoherence.growthFactor batch step c, 1e-8 * radius)

[<Fact>]
let ``at the critical step the growth factor is one, and grows beyond`` () =
    for seed in 1..5 do
        let c = SgdCoherence.ofFactors (random seed [ 6; 2; 5 ])

        for batch in [ 1.0; 3.0 ] do
            let critical = SgdCoherence.criticalStep batch c
            Assert.Equal(1.0, SgdCoherence.growthFactor batch critical c, 1e-8)
            Assert.True(SgdCoherence.growthFactor batch (0.9 * critical) c < 1.0)
            Assert.True(SgdCoherence.growthFactor batch (1.1 * critical) c > 1.0)

[<Fact>]
let ``a step maps the second moment as all batches together do`` () =
    let n, batch, eta = 4, 1.5, 0.3
    let c = SgdCoherence.ofFactors (random 7 [ n; 2; 3 ])
    let a = Tensor.create [ n; 2; c.Rank ] c.Factors
    let root = random 8 [ c.Rank; c.Rank ]
    let sigma = Tensor.matmul root (Tensor.transpose root)

    let after (chosen: int) =
        let isIn i = (chosen >>> i) &&& 1 = 1

        let h = [
            for i in 0 .. n - 1 do
                if isIn i then
                    Tensor.matmul (Tensor.transpose a[i]) a[i]
        ]

        let jump = Tensor.eye c.Rank - eta / batch * List.fold (+) (Tensor.zeros [ c.Rank; c.Rank ]) h
        let p = batch / float n

        p ** float h.Length
        * (1.0 - p) ** float (n - h.Length)
        * Tensor.matmul (Tensor.matmul jump sigma) jump

    let enumerated = [ 0 .. (1 <<< n) - 1 ] |> List.map after |> List.reduce (+)
    let found = SgdCoherence.propagate batch eta c sigma
    Assert.True((Tensor.max (Tensor.abs (found - enumerated))).item() < 1e-11)

[<Fact>]
let ``the growth mode is a covariance that a step multiplies by the growth factor`` () =
    for batch, eta in [ 1.0, 0.05; 1.0, 0.5; 3.0, 0.2 ] do
        let c = SgdCoherence.ofFactors (random 9 [ 5; 2; 4 ])
        let rho, sigma = SgdCoherence.growthMode batch eta c
        let distance = Tensor.max (Tensor.abs (SgdCoherence.propagate batch eta c sigma - rho * sigma))
        Assert.True(distance.item () < 1e-7 * rho)
        Assert.Equal(1.0, (Tensor.trace sigma).item(), 1e-12)
        Assert.True((Tensor.min (Linalg.eigvalsh sigma)).item() > -1e-9)

[<Fact>]
let ``no family is stable beyond the bound of the theorem`` () =
    for seed in 1..40 do
        let n = 3 + seed % 5
        let c = SgdCoherence.ofFactors (random seed [ n; 1; 2 + seed % 4 ])
        let sigma = SgdCoherence.coherence c
        Assert.InRange(sigma, 1.0 - 1e-12, float n + 1e-12)

        for batch in [ 1.0; 2.0; float n ] do
            let critical = SgdCoherence.criticalStep batch c
            Assert.True(critical <= SgdCoherence.divergenceBound batch c * (1.0 + 1e-9))

[<Fact>]
let ``full batches are gradient descent`` () =
    let c = SgdCoherence.ofFactors (random 1 [ 5; 1; 4 ])
    Assert.Equal(2.0 / SgdCoherence.sharpness c, SgdCoherence.criticalStep 5.0 c, 1e-9)

let private net = Mlp.init (Random.key 1) 1.0 [ 3; 4; 3 ]
let private x = random 2 [ 6; 3 ]

let private meanCurvature (c: SampleCurvature) =
    let a = Tensor.create [ c.Samples * c.Outputs; c.Rank ] c.Factors
    Linalg.eigvalsh (Tensor.matmul (Tensor.transpose a) a / float c.Samples)

[<Fact>]
let ``the curvatures of a network add up to its Gauss-Newton matrix`` () =
    let model w x = Mlp.apply Tensor.tanh w x
    let targets = Tensor.oneHot 3 (Tensor.ofArray [| 0.0; 1.0; 2.0; 0.0; 1.0; 2.0 |])

    for c, loss in
        [
            SgdCoherence.squaredLoss model x net, Losses.meanSquaredError
            SgdCoherence.crossEntropy model x net, Losses.crossEntropy
        ] do
        let operator = LinearOperator.gaussNewton (fun w -> model w x) (fun f -> loss f targets) net
        let exact = LinearOperator.toDense 31 operator |> Spectrum.eigenvalues operator.Size
        let found = Array.rev ((meanCurvature c).toArray())
        Array.iteri (fun i (v: float) -> Assert.Equal(exact[i], v, 1e-10)) found
        Assert.Equal(exact[0], SgdCoherence.sharpness c, 1e-10)

[<Fact>]
let ``the noise alignment is that of the covariance of the gradients`` () =
    let j, r = random 4 [ 5; 3 ], random 5 [ 5 ]
    let gradients = Tensor.expandDims 1 r * j
    let mean = Tensor.meanAxis 0 gradients
    let covariance = Tensor.matmul (Tensor.transpose gradients) gradients / 5.0 - Tensor.outer mean mean
    let g = Tensor.matmul (Tensor.transpose j) j / 5.0
    let loss = 0.5 * Tensor.mean (r * r)
    let expected = Tensor.sum (covariance * g) / (2.0 * loss * Tensor.sum (g * g))
    Assert.Equal(expected.item (), SgdCoherence.noiseAlignment j r, 1e-12)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("[5; 3], wanted [n; k; M]", fails (fun () -> SgdCoherence.ofFactors (random 1 [ 5; 3 ])))
    Assert.Contains("all curvatures are zero", fails (fun () -> SgdCoherence.ofFactors (Tensor.zeros [ 2; 1; 3 ])))
    Assert.Contains("an expected batch of 7 among 6", fails (fun () -> SgdCoherence.criticalStep 7.0 (equal 6 1.0)))

    Assert.Contains(
        "[5; 3] and residuals [4]",
        fails (fun () -> SgdCoherence.noiseAlignment (random 1 [ 5; 3 ]) (random 1 [ 4 ]))
    )

    Assert.Contains(
        "the loss or the curvature is zero",
        fails (fun () -> SgdCoherence.noiseAlignment (random 1 [ 5; 3 ]) (Tensor.zeros [ 5 ]))
    )

    Assert.Contains(
        "a second moment of shape [2; 2], wanted [1; 1]",
        fails (fun () -> SgdCoherence.propagate 2.0 0.1 (equal 6 1.0) (Tensor.eye 2))
    )
