module Hesse.Theory.Tests.Curvature.StructuredOperatorTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

/// Two orthonormal vectors of length 5, as rows.
let private basis =
    let q = transposed 5 2 ((Random.orthogonal (Random.key 1) 5 2).toArray())
    [| q[..4]; q[5..] |]

let private projector = Array.init 25 (fun q -> basis |> Array.sumBy (fun b -> b[q / 5] * b[q % 5]))
let private outside = projector |> Array.mapi (fun q x -> (if q % 6 = 0 then 1.0 else 0.0) - x)
let private sandwich p a = product 5 5 5 (product 5 5 5 p a) p

[<Fact>]
let ``low rank is the sum of weighted outer products`` () =
    let weights, vectors = [| 2.0; -3.0; 0.5 |], Array.init 3 (fun i -> normal (2 + i) [ 4 ])

    let expected =
        Array.init 16 (fun q -> Array.fold2 (fun s w (u: float[]) -> s + w * u[q / 4] * u[q % 4]) 0.0 weights vectors)

    let operator = StructuredOperator.lowRank weights vectors
    isMatrix 1e-13 expected operator
    Assert.True operator.Symmetric

[<Fact>]
let ``projection, deflation and compression`` () =
    let a = symmetric 6 5
    let operator = LinearOperator.ofMatrix 5 a
    isMatrix 1e-13 (sandwich projector a) (StructuredOperator.projected basis operator)
    isMatrix 1e-13 (sandwich outside a) (StructuredOperator.deflated basis operator)
    let q = Array.concat basis
    isMatrix 1e-13 (product 2 5 2 (product 2 5 5 q a) (transposed 2 5 q)) (StructuredOperator.compressed basis operator)
    Assert.True((StructuredOperator.deflated basis operator).Symmetric)
    let general = normal 7 [ 5; 5 ]
    let deflated = StructuredOperator.deflated basis (LinearOperator.ofDense 5 5 general)
    isMatrix 1e-13 (sandwich outside general) deflated
    Assert.False deflated.Symmetric

[<Fact>]
let ``deflating eigenvectors leaves the other eigenvalues`` () =
    let a = symmetric 8 5
    let values, vectors = Spectrum.leading 5 a 2
    let rest = StructuredOperator.deflated vectors (LinearOperator.ofMatrix 5 a) |> LinearOperator.toDense 5
    let expected = Array.sortDescending (Array.append [| 0.0; 0.0 |] values[2..])
    close 1e-12 expected (Spectrum.eigenvalues 5 rest)

[<Fact>]
let ``block diagonal of rectangular and symmetric blocks`` () =
    let a, b = normal 9 [ 2; 3 ], symmetric 10 2

    let expected =
        Array.init 20 (fun q ->
            match q / 5, q % 5 with
            | i, j when i < 2 && j < 3 -> a[3 * i + j]
            | i, j when i >= 2 && j >= 3 -> b[2 * (i - 2) + j - 3]
            | _ -> 0.0)

    let A, B = LinearOperator.ofDense 2 3 a, LinearOperator.ofMatrix 2 b
    let operator = StructuredOperator.blockDiagonal [ A; B ]
    isMatrix 1e-13 expected operator
    Assert.Equal("diag(matrix, matrix)", operator.Name)
    Assert.False operator.Symmetric
    Assert.True((StructuredOperator.blockDiagonal [ B; B ]).Symmetric)

[<Fact>]
let ``Kronecker products of rectangular operators`` () =
    let a, b = normal 11 [ 2; 3 ], normal 12 [ 4; 2 ]
    let expected = Array.init 48 (fun q -> a[q / 6 / 4 * 3 + q % 6 / 2] * b[q / 6 % 4 * 2 + q % 2])
    let A, B = LinearOperator.ofDense 2 3 a, LinearOperator.ofDense 4 2 b
    isMatrix 1e-13 expected (StructuredOperator.kronecker A B)
    let S = LinearOperator.ofMatrix 2 (symmetric 13 2)
    Assert.True((StructuredOperator.kronecker S S).Symmetric)
    Assert.False((StructuredOperator.kronecker S A).Symmetric)

[<Fact>]
let ``what does not fit is refused`` () =
    let A = LinearOperator.ofMatrix 5 (symmetric 14 5)

    fails [ "2 weights for 1 vectors; give one for each" ] (fun () ->
        StructuredOperator.lowRank [| 1.0; 2.0 |] [| [| 1.0 |] |] |> ignore)

    fails [ "lowRank: 2 vectors of lengths {1, 2}" ] (fun () ->
        StructuredOperator.lowRank [| 1.0; 2.0 |] [| [| 1.0 |]; [| 1.0; 2.0 |] |] |> ignore)

    fails [ "not orthonormal"; "Linalg.qr" ] (fun () ->
        StructuredOperator.deflated [| Array.create 5 1.0 |] A |> ignore)

    fails [ "vectors of length 2 for an operator of size 5" ] (fun () ->
        StructuredOperator.projected [| [| 1.0; 0.0 |] |] A |> ignore)

    fails [ "no blocks; give at least one" ] (fun () -> StructuredOperator.blockDiagonal [] |> ignore)
