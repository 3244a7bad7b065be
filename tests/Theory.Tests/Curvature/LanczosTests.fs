module Hesse.Theory.Tests.Curvature.LanczosTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private start seed n = (Random.normal (Random.key seed) [ n ]).toArray()

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
let ``the other end of the spectrum`` () =
    let values = Array.init 40 (fun i -> float (i * i))
    let factorisation = Lanczos.factorise (conjugated 21 values) (start 22 40) 40
    let ritz = Lanczos.smallest factorisation 3
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 8)) [| 4.0; 1.0; 0.0 |] ritz.Values

[<Fact>]
let ``selective orthogonalisation gives the same T, half orthogonal vectors and no copies`` () =
    let values = Array.init 300 (fun i -> if i < 3 then 50.0 - 10.0 * float i else float i / 300.0)
    let operator = conjugated 23 values
    let start = start 24 300
    let full = Lanczos.run Reorthogonalisation.Full operator start 70 ignore
    let selective = Lanczos.run Reorthogonalisation.Selective operator start 70 ignore

    Assert.True(
        3 * selective.Orthogonalisations < 2 * full.Orthogonalisations,
        $"{selective.Orthogonalisations} against {full.Orthogonalisations}"
    )

    let q = Array.init 70 (fun i -> Array.sub selective.Rows (300 * i) 300)

    let worst =
        Seq.max (
            seq {
                for i in 0..69 do
                    for j in 0 .. i - 1 -> abs (dot q[i] q[j])
            }
        )

    Assert.True(worst < 1e-7, $"{worst}")

    let eigen (run: LanczosRun) =
        let struct (values, _) =
            Hesse.Kernels.LinearAlgebra.SymmetricTridiagonalEigen(run.Diagonal, run.OffDiagonal)

        values

    let a, b = eigen full, eigen selective
    Assert.Equal(3, b |> Array.filter (fun x -> x > 2.0) |> Array.length)
    Array.iter2 (fun (x: float) (y: float) -> Assert.Equal(x, y, 11)) (Array.skip 60 a) (Array.skip 60 b)

[<Fact>]
let ``a run can be watched and cancelled`` () =
    let operator = conjugated 25 (Array.init 30 float)
    use source = new System.Threading.CancellationTokenSource()
    let seen = ResizeArray<int>()

    let watch products =
        seen.Add products

        if products = 4 then
            source.Cancel()

    Assert.Throws<OperationCanceledException>(fun () ->
        Lanczos.factoriseWith Reorthogonalisation.Selective watch source.Token operator (start 26 30) 20
        |> ignore)
    |> ignore

    Assert.Equal<int[]>([| 1; 2; 3; 4 |], seen.ToArray())

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
