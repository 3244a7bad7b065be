module Hesse.Tests.Derivatives.StochasticTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private network (x: Tensor, w: Tensor) =
    Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.sin x)) * Tensor.exp (0.5 * Tensor.matmul w x))

let private point = varied 1 [ 4 ], varied 2 [ 3; 4 ]
let private options = { Probes = 400; Probe = Probe.Rademacher; Key = Random.key 1; Chunk = None }

/// The mean over many keys agrees within 4 standard errors of that mean, and about 95 % of the estimates lie within 1.96 of their own.
let private unbiased what (expected: float) (estimate: Key -> StochasticEstimate<Tensor>) =
    let runs = 200
    let found = [| for seed in 1..runs -> estimate (Random.key seed) |]
    let errors = found |> Array.map (fun e -> e.Value.item () - expected)
    let mean = Array.average errors
    let deviation = sqrt ((errors |> Array.averageBy (fun e -> (e - mean) ** 2.0)) / float runs)
    Assert.True(abs mean < 4.0 * deviation + 1e-12, $"{what}: mean error {mean}, deviation {deviation}")

    let covered =
        Array.map2
            (fun (e: StochasticEstimate<Tensor>) error -> abs error <= 1.96 * e.StandardError.item () + 1e-12)
            found
            errors
        |> Array.filter id

    // 95 % of 200 are 190, with a deviation of 3.1.
    Assert.InRange(covered.Length, 177, runs)

[<Fact>]
let ``Laplacian: unbiased, with standard errors that cover, for every kind of probe`` () =
    let expected = (Diff.laplacian network point).item()

    for probe in [ Probe.Rademacher; Probe.Gaussian; Probe.Coordinate ] do
        unbiased $"{probe}" expected (fun key ->
            Diff.stochasticLaplacian { options with Probe = probe; Key = key; Probes = 100 } network point)

[<Fact>]
let ``weights: diagonal, and a matrix that is neither definite nor symmetric`` () =
    let p = 16
    let a, d = varied 3 [ p; p ], varied 4 [ p ]

    for probe in [ Probe.Rademacher; Probe.Coordinate ] do
        for what, weights in [ "diagonal", d; "matrix", a ] do
            let expected = (Diff.laplacianWith weights network point).item()

            unbiased $"{probe}, {what}" expected (fun key ->
                let options = { options with Probe = probe; Key = key; Probes = 100 }
                Diff.stochasticLaplacianWith weights options network point)

[<Fact>]
let ``Rademacher probes of a diagonal Hessian have no variance`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.exp x)
    let x = varied 1 [ 5 ]
    let found = Diff.stochasticLaplacian { options with Probes = 3 } f x
    Check.tensors "value" 1e-13 (Tensor.sum (Tensor.exp x)) found.Value
    Check.tensors "error" 1e-13 (scalar 0.0) found.StandardError

[<Fact>]
let ``the biharmonic operator from Gaussian probes`` () =
    // E[D⁴f[v, v, v, v]] = 3 Δ²f for standard normal v (Shi et al. 2024).
    let f (x: Tensor) = Tensor.sin x[0] * Tensor.exp (0.5 * x[1]) + x[0] * x[0] * x[1] * x[1]
    let x = vector [ 0.4; -0.3 ]
    let expected = (Diff.laplacian (Diff.laplacian f) x).item()

    unbiased "biharmonic" expected (fun key ->
        let sample key =
            let v = Random.normal key [ 2 ]
            1.0 / 3.0, [ v; v; v; v ]

        Diff.stochasticOperator sample { options with Key = key; Probes = 1000 } f x)

[<Fact>]
let ``a mixed operator of third order from random elements`` () =
    // Σᵢⱼ ∂ᵢ∂ᵢ∂ⱼ f, i and j uniform: weight n², directions eᵢ, eᵢ, eⱼ.
    let f (x: Tensor) = Tensor.exp (Tensor.dot (vector [ 0.5; -0.2; 0.8 ]) x) * Tensor.sum x
    let x = varied 1 [ 3 ]
    let e = Array.init 3 (fun i -> Tensor.eye(3).[i])

    let expected =
        [
            for i in 0..2 do
                for j in 0..2 -> (Diff.directional f x [ e[i]; e[i]; e[j] ]).item()
        ]
        |> List.sum

    unbiased "third order" expected (fun key ->
        let sample key =
            let pick = (Random.integers key 3 [ 2 ]).toArray() |> Array.map int
            let first = Tensor.square e[pick[0]]
            9.0, [ first; first; e[pick[1]] + 0.0 * first ]

        Diff.stochasticOperator sample { options with Key = key; Probes = 100 } f x)

[<Fact>]
let ``the same key gives the same numbers in chunks of any size, and inside compile`` () =
    let expected = Diff.stochasticLaplacian options network point
    Assert.Equal(400, expected.Probes)

    for chunk in [ 1; 7; 64; 400; 1000 ] do
        let found = Diff.stochasticLaplacian { options with Chunk = Some chunk } network point
        Check.tensors "value" 1e-13 expected.Value found.Value
        Check.tensors "error" 1e-13 expected.StandardError found.StandardError

    let compiled = Diff.compile (fun p -> (Diff.stochasticLaplacian options network p).Value)
    Check.tensors "compiled" 1e-12 expected.Value (compiled point)

    // The key may be an argument too, mapped over or compiled in.
    for probe in [ Probe.Rademacher; Probe.Coordinate ] do
        let estimate key =
            (Diff.stochasticLaplacian { options with Key = key; Probe = probe; Probes = 20 } network point).Value

        Check.tensors "compiled over keys" 1e-12 (estimate options.Key) (Diff.compile estimate options.Key)
        let keys = Random.splitKeys 3 options.Key
        let each = Tensor.stack 0 [ for k in Random.split 3 options.Key -> estimate k ]
        Check.tensors "mapped over keys" 1e-12 each (Diff.vmap estimate keys)

    let other = Diff.stochasticLaplacian { options with Key = Random.key 2 } network point
    Assert.NotEqual(expected.Value.item (), other.Value.item ())

[<Fact>]
let ``gradient of an estimate: that of the mean over the same probes`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.sin x * x * x)
    let x = varied 1 [ 3 ]
    let few = { options with Probes = 5 }
    let probes = [ for i in 0..4 -> Random.rademacher (Random.fold 0 (Random.fold i few.Key)) [ 3 ] ]
    let expected x = (probes |> List.map (fun v -> Diff.directional f x [ v; v ]) |> List.reduce (+)) / 5.0
    Check.tensors "grad" 1e-12 (Diff.grad expected x) (Diff.grad (fun x -> (Diff.stochasticLaplacian few f x).Value) x)

[<Fact>]
let ``errors`` () =
    let x = varied 1 [ 3 ]

    Check.fails "stochasticLaplacian: 1 probes have no standard error; want at least 2" (fun () ->
        Diff.stochasticLaplacian { options with Probes = 1 } Tensor.sum x)

    Check.fails "stochasticLaplacian: chunk is 0; want at least 1, or None to have it chosen" (fun () ->
        Diff.stochasticLaplacian { options with Chunk = Some 0 } Tensor.sum x)

    Check.fails
        "stochasticLaplacianWith: weights of shape [2] for an argument of 3 elements; want a tensor with a value, [3] (a diagonal) or [3; 3]"
        (fun () -> Diff.stochasticLaplacianWith (Tensor.ones [ 2 ]) options Tensor.sum x)

    Check.fails
        "stochasticOperator: the direction has shapes [2], expected [3]; give one tensor of the same shape for each"
        (fun () -> Diff.stochasticOperator (fun _ -> 1.0, [ Tensor.ones [ 2 ] ]) options Tensor.sum x)

    let mutable calls = 0

    let uneven _ =
        calls <- calls + 1
        1.0, (if calls = 1 then [ x; x ] else [ x; 2.0 * x ])

    Check.fails
        "stochasticOperator: the directions of one probe are equal in the places [0; 0], those of another in [0; 1]; give the same number, and equal ones in the same places"
        (fun () -> Diff.stochasticOperator uneven options Tensor.sum x)

[<Fact>]
let ``float32 arguments: directions at their precision, and the float64 estimate rounded`` () =
    let near what (expected: StochasticEstimate<Tensor>) (found: StochasticEstimate<Tensor>) =
        Assert.Equal(DType.Float32, found.Value.DType)
        Assert.Equal(DType.Float32, found.StandardError.DType)
        Check.tensors what 1e-5 expected.Value (Tensor.toFloat64 found.Value)
        Check.tensors $"{what}, error" 1e-5 expected.StandardError (Tensor.toFloat64 found.StandardError)

    let single = Tree.map Tensor.toFloat32 point
    let double = Tree.map Tensor.toFloat64 single

    for probe in [ Probe.Rademacher; Probe.Gaussian; Probe.Coordinate ] do
        let options = { options with Probe = probe; Probes = 20 }
        let laplacian x = Diff.stochasticLaplacian options network x
        near $"{probe}" (laplacian double) (laplacian single)
        let weights = varied 3 [ 16; 16 ] |> Tensor.toFloat32
        let weighted w x = Diff.stochasticLaplacianWith w options network x
        near $"{probe}, weights" (weighted (Tensor.toFloat64 weights) double) (weighted weights single)

    let f (x: Tensor) = Tensor.sum (Tensor.sin x)
    let x = varied 1 [ 4 ] |> Tensor.toFloat32

    let third (x: Tensor) =
        let sample key =
            let v = Random.rademacher key [ 4 ]
            let v = if x.DType = DType.Float32 then Tensor.toFloat32 v else v
            0.5, [ v; v; v ]

        Diff.stochasticOperator sample { options with Probes = 20 } f x

    near "operator" (third (Tensor.toFloat64 x)) (third x)

    Check.fails
        "stochasticLaplacianWith: tensors of different dtype do not mix: float64 [4] and float32 [4]; convert one with Tensor.toFloat32 or Tensor.toFloat64"
        (fun () -> Diff.stochasticLaplacianWith (varied 2 [ 4 ]) options f x)
