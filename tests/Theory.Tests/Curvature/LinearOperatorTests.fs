module Hesse.Theory.Tests.Curvature.LinearOperatorTests

open System
open System.Threading.Tasks
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

let private dense seed m n = normal seed [ m; n ], LinearOperator.ofDense m n (normal seed [ m; n ])

[<Fact>]
let ``sums, differences and multiples are those of the matrices`` () =
    let (a, A), (b, B) = dense 1 3 4, dense 2 3 4
    isMatrix 1e-13 (Array.map2 (+) a b) (A + B)
    isMatrix 1e-13 (Array.map2 (-) a b) (A - B)
    isMatrix 1e-13 (Array.map (fun x -> 2.5 * x) a) (2.5 * A)
    isMatrix 1e-13 (Array.map (fun x -> 2.5 * x) a) (A * 2.5)
    isMatrix 1e-13 (Array.map (fun x -> x / 4.0) a) (A / 4.0)
    isMatrix 1e-13 (Array.map (~-) a) -A

[<Fact>]
let ``a product of operators applies the second first; its transpose turns both around`` () =
    let (a, A), (b, B) = dense 3 3 4, dense 4 4 2
    isMatrix 1e-13 (product 3 4 2 a b) (A * B)
    isMatrix 1e-13 (transposed 3 2 (product 3 4 2 a b)) (A * B).Transpose
    isMatrix 1e-13 (transposed 3 4 a) A.Transpose

[<Fact>]
let ``symmetry is kept by sums, differences and multiples, and not claimed for products`` () =
    let S, T = LinearOperator.ofMatrix 3 (symmetric 5 3), LinearOperator.ofMatrix 3 (symmetric 6 3)
    let _, A = dense 7 3 3

    for operator in [ S + T; S - T; 2.0 * S; -S; S / 2.0 ] do
        Assert.True operator.Symmetric

    for operator in [ S * T; S + A; A - S ] do
        Assert.False operator.Symmetric

    isMatrix 1e-13 (product 3 3 3 (symmetric 5 3) (symmetric 6 3)) (S * T)
    Assert.Same(S, S.Transpose)

[<Fact>]
let ``names say how an operator was made`` () =
    let S, T = (LinearOperator.identity 2).Named "S", (LinearOperator.diagonal [| 1.0; 2.0 |]).Named "T"
    let A = (LinearOperator.ofDense 2 2 [| 1.0; 2.0; 3.0; 4.0 |]).Named "A"
    Assert.Equal("(S + 2·T): symmetric operator [2; 2]", string (S + 2.0 * T))
    Assert.Equal("A·Sᵀ", (A * S).Name + "ᵀ")
    Assert.Equal("Aᵀ: operator [2; 2]", string A.Transpose)
    Assert.Equal("(S + 0.5·I)", (LinearOperator.shifted 0.5 S).Name)

[<Fact>]
let ``wrong lengths and shapes are refused by name`` () =
    let _, A = dense 8 2 3
    let A = A.Named "Jacobian"

    fails [ "'Jacobian' ([2; 3])"; "1 vector(s) of 2 numbers together, wanted 3 numbers each" ] (fun () ->
        A.Apply [| 1.0; 2.0 |] |> ignore)

    fails [ "ApplyTranspose"; "wanted 2 numbers each" ] (fun () -> A.ApplyTranspose [| 1.0 |] |> ignore)
    fails [ "2 vector(s) of 3 numbers together" ] (fun () -> A.ApplyRows [| 1.0; 2.0; 3.0 |] 2 |> ignore)
    fails [ "wanted 2 numbers each" ] (fun () -> A.ApplyTransposeRows [| 1.0; 2.0; 3.0 |] 2 |> ignore)
    fails [ "'Jacobian' is [2; 3], not square; use Rows and Columns" ] (fun () -> A.Size |> ignore)
    fails [ "both must have the same shape" ] (fun () -> A + A.Transpose |> ignore)
    fails [ "the columns of the first must be the rows of the second" ] (fun () -> A * A |> ignore)

[<Fact>]
let ``a product that is not finite is refused by name and says whose fault it is`` () =
    let loss (x: Tensor) = Tensor.sum (Tensor.log x * x)
    let operator = LinearOperator.hessian loss (Tensor.ofArray [| 1.0; 0.0 |])

    fails
        [
            "the product with operator 'Hessian' has the entry"
            "index 1"
            "the vector is finite, so look at the model"
        ]
        (fun () -> operator.Apply [| 1.0; 1.0 |] |> ignore)

    let identity = LinearOperator.identity 2

    fails [ "'I'"; "index 0"; "the vector that it was applied to is not finite either" ] (fun () ->
        identity.ApplyRows [| nan; 1.0; 2.0; 3.0 |] 2 |> ignore)

[<Fact>]
let ``products do not change their argument and may run at the same time`` () =
    let a, A = dense 9 20 20
    let S = LinearOperator.shifted 0.1 (A + A.Transpose)
    let v = normal 10 [ 20 ]
    let kept = Array.copy v
    let expected = S.Apply v
    let results = Array.zeroCreate 32

    Parallel.For(0, 32, (fun i -> results[i] <- if i % 2 = 0 then S.Apply v else S.ApplyRows v 1))
    |> ignore

    for result in results do
        close 1e-13 expected result

    Assert.Equal<float seq>(kept, v)
    Assert.True(Array.forall Double.IsFinite a)
