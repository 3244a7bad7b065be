module Hesse.Theory.Tests.Dynamics.SharpnessAwareTests

open Xunit
open Hesse
open Hesse.Theory

let private rates = Tensor.ofArray [| 0.5; 2.0; 8.0 |]
let private quadratic (w: Tensor) = 0.5 * Tensor.sum (rates * w * w)
let private w = Tensor.ofArray [| 1.0; -2.0; 0.5 |]
let private near (a: Tensor) (b: Tensor) = Assert.True((Tensor.max (Tensor.abs (a - b))).item() < 1e-13)

let private gradient perturbation =
    let options = { SharpnessAwareOptions.Sam 0.1 with Perturbation = perturbation }

    snd (SharpnessAware.valueAndGrad options quadratic w)

[<Fact>]
let ``on a quadratic SAM is (I + rho H / |Hw|) Hw`` () =
    let g = rates * w
    near (g + 0.1 / Tensor.norm g * rates * g) (gradient Perturbation.Normalised)

[<Fact>]
let ``on a quadratic USAM is (I + rho H) Hw`` () =
    let g = rates * w
    near (g + 0.1 * rates * g) (gradient Perturbation.Unnormalised)

[<Fact>]
let ``ASAM measures the perturbation relative to the parameters`` () =
    let g, t = rates * w, Tensor.abs w + 0.01
    let e = 0.1 * t * t * g / Tensor.norm (t * g)
    near (rates * (w + e)) (gradient (Perturbation.Adaptive 0.01))

    // ‖T⁻¹ε‖ = ρ, and ε is the steepest such direction.
    let options = { SharpnessAwareOptions.Sam 0.1 with Perturbation = Perturbation.Adaptive 0.01 }

    let e = SharpnessAware.perturbation options g w
    Assert.Equal(0.1, (Tensor.norm (e / t)).item(), 1e-14)

[<Fact>]
let ``ASAM does not see a rescaling that leaves the function as it is`` () =
    // L(a, b) = (ab − 1)²/2 does not change under (a, b) → (ca, b/c); neither does the loss at the perturbed point.
    let loss (a: Tensor, b: Tensor) = 0.5 * Tensor.square (a * b - 1.0)

    let perturbed perturbation (c: float) =
        let options = { SharpnessAwareOptions.Sam 0.3 with Perturbation = perturbation }

        let w = Tensor.scalar (0.7 * c), Tensor.scalar (0.4 / c)
        let e = SharpnessAware.perturbation options (Diff.grad loss w) w
        (loss (Tree.map2 (+) w e)).item()

    let adaptive = perturbed (Perturbation.Adaptive 0.0)
    Assert.Equal(adaptive 1.0, adaptive 5.0, 1e-13)
    let plain = perturbed Perturbation.Normalised
    Assert.True(abs (plain 1.0 - plain 5.0) > 1e-2)

[<Fact>]
let ``the perturbation has the radius, over the whole tree, and vanishes with the gradient`` () =
    let tree = [ Tensor.ofArray [| 3.0; 0.0 |]; Tensor.ofArray [| 4.0 |] ]
    let e = SharpnessAware.perturbation (SharpnessAwareOptions.Sam 0.5) tree tree

    Assert.Equal<float[]>(
        [| 0.3; 0.0; 0.4 |],
        (fst (Tree.ravel e)).toArray() |> Array.map (fun x -> System.Math.Round(x, 14))
    )

    let zero = Tree.map (fun t -> 0.0 * t) tree

    for perturbation in [ Perturbation.Normalised; Perturbation.Unnormalised; Perturbation.Adaptive 0.0 ] do
        let options = { SharpnessAwareOptions.Sam 0.5 with Perturbation = perturbation }

        let e = SharpnessAware.perturbation options zero tree
        Assert.All((fst (Tree.ravel e)).toArray(), fun x -> Assert.Equal(0.0, x))

/// Least squares with three samples of two features.
let private data = Random.normal (Random.key 1) [ 6; 3 ], Random.normal (Random.key 2) [ 6 ]
let private loss (x: Tensor, y: Tensor) (w: Tensor) = 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y))

[<Fact>]
let ``m-SAM is the mean of SAM on the parts`` () =
    let options size = { SharpnessAwareOptions.Sam 0.2 with MicroBatch = size }

    let part first size = Tree.map (Tensor.slice 0 first (first + size) 1) data

    for size in [ 1; 2; 3; 6 ] do
        let value, g = SharpnessAware.batchValueAndGrad (options (Some size)) loss data w

        let parts =
            [ 0..size..5 ]
            |> List.map (fun i -> SharpnessAware.valueAndGrad (options None) (loss (part i size)) w)

        near (List.reduce (+) (List.map snd parts) / float parts.Length) g
        Assert.Equal((loss data w).item(), value.item (), 1e-13)

    let whole = snd (SharpnessAware.batchValueAndGrad (options None) loss data w)
    near whole (snd (SharpnessAware.batchValueAndGrad (options (Some 6)) loss data w))

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let options = { SharpnessAwareOptions.Sam 0.1 with MicroBatch = Some 4 }

    Assert.Contains(
        "parts of 4 samples do not divide a batch of 6",
        fails (fun () -> SharpnessAware.batchValueAndGrad options loss data w)
    )

    Assert.Contains(
        "the radius is -1",
        fails (fun () -> SharpnessAware.valueAndGrad (SharpnessAwareOptions.Sam -1.0) quadratic w)
    )
