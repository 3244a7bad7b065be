module Hesse.Theory.Tests.Curvature.LanczosTests

open System
open Xunit
open Hesse
open Hesse.Kernels
open Hesse.Theory

/// A symmetric matrix with given eigenvalues and random eigenvectors.
let private withSpectrum seed (values: float[]) =
    let n = values.Length
    let struct (q, _) = LinearAlgebra.Qr((Random.normal (Random.key seed) [ n; n ]).toArray(), n, n)
    let basis = Tensor.create [ n; n ] q
    (Tensor.matmul (basis * Tensor.ofArray values) (Tensor.transpose basis)).toArray()

let private start seed n = (Random.normal (Random.key seed) [ n ]).toArray()
let private dot (a: float[]) (b: float[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 a b

[<Fact>]
let ``all steps of a full Krylov space give the spectrum`` () =
    let values = Array.init 30 (fun i -> cos (float i) * float (i + 1))
    let operator = LinearOperator.ofMatrix 30 (withSpectrum 1 values)
    let ritz = Lanczos.largest (Lanczos.factorise operator (start 2 30) 30) 30
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 10)) (Array.sortDescending values) ritz.Values

[<Fact>]
let ``the basis stays orthonormal when eigenvalues have converged`` () =
    // One huge eigenvalue converges at once; without re-orthogonalisation it would come back as a ghost.
    let values = Array.init 80 (fun i -> if i = 0 then 1e6 else float i / 80.0)

    let factorisation =
        Lanczos.factorise (LinearOperator.ofMatrix 80 (withSpectrum 3 values)) (start 4 80) 60

    for i in 0..59 do
        for j in 0..i do
            let expected = if i = j then 1.0 else 0.0
            Assert.Equal(expected, dot factorisation.Basis[i] factorisation.Basis[j], 12)

    let ritz = Lanczos.largest factorisation 60
    Assert.Equal(1, ritz.Values |> Array.filter (fun x -> x > 1e3) |> Array.length)

[<Fact>]
let ``a degenerate spectrum ends after as many steps as there are distinct eigenvalues`` () =
    let values = Array.init 24 (fun i -> [| -1.0; 0.5; 2.0 |].[i % 3])

    let factorisation =
        Lanczos.factorise (LinearOperator.ofMatrix 24 (withSpectrum 5 values)) (start 6 24) 24

    Assert.Equal(3, factorisation.Alpha.Length)
    Assert.Equal(2, factorisation.Beta.Length)
    Assert.Equal(0.0, factorisation.Remainder)
    let ritz = Lanczos.largest factorisation 5
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 12)) [| 2.0; 0.5; -1.0 |] ritz.Values

[<Fact>]
let ``residual norms are those of the Ritz vectors and bound the error`` () =
    let values = Array.init 60 (fun i -> float i)
    let operator = LinearOperator.ofMatrix 60 (withSpectrum 7 values)
    let ritz = Lanczos.largest (Lanczos.factorise operator (start 8 60) 20) 5

    for i in 0..4 do
        let y = ritz.Vectors[i]
        Assert.Equal(1.0, dot y y, 12)
        let r = Array.map2 (fun a b -> a - ritz.Values[i] * b) (operator.Apply y) y
        Assert.Equal(sqrt (dot r r), ritz.Residuals[i], 9)
        let nearest = values |> Array.map (fun v -> abs (v - ritz.Values[i])) |> Array.min
        Assert.True(nearest <= ritz.Residuals[i] + 1e-12)

    // Twenty steps are not enough for all five: the bound must say so.
    Assert.True(ritz.Residuals[4] > 1e-3)

[<Fact>]
let ``the zero operator has the single Ritz value zero`` () =
    let factorisation = Lanczos.factorise (LinearOperator.ofMatrix 4 (Array.zeroCreate 16)) (start 9 4) 4
    Assert.Equal<float[]>([| 0.0 |], factorisation.Alpha)
    Assert.Equal(0.0, factorisation.Remainder)

[<Fact>]
let ``bad starts are refused`` () =
    let operator = LinearOperator.ofMatrix 3 (Array.zeroCreate 9)

    for v, steps in [ [| 0.0; 0.0; 0.0 |], 2; [| 1.0 |], 2; [| nan; 1.0; 1.0 |], 2; [| 1.0; 0.0; 0.0 |], 0 ] do
        let e = Assert.Throws<HesseException>(fun () -> Lanczos.factorise operator v steps |> ignore)
        Assert.Contains("wanted length 3", e.Message)
