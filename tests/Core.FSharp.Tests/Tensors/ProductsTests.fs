module Hesse.Tests.Tensors.ProductsTests

open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``Kronecker product: blocks, the mixed product, and derivatives`` () =
    let a, b = Tensor.create [ 1; 2 ] [| 2.0; -1.0 |], Tensor.create [ 2; 2 ] [| 1.0; 2.0; 3.0; 4.0 |]
    Check.tensors "blocks" 0.0 (Tensor.concat 1 [ 2.0 * b; -b ]) (Tensor.kron a b)
    let w, x, y, z = varied 1 [ 2; 3 ], varied 2 [ 3; 2 ], varied 3 [ 3; 2 ], varied 4 [ 2; 4 ]

    Check.tensors
        "(W ⊗ Y)(X ⊗ Z)"
        1e-14
        (Tensor.kron (Tensor.matmul w x) (Tensor.matmul y z))
        (Tensor.matmul (Tensor.kron w y) (Tensor.kron x z))

    checkOrders "square" (fun a -> Tensor.kron a a) b

    Check.fails "kron: expected two matrices, got [2] and [2; 2]; reshape them" (fun () ->
        Tensor.kron (vector [ 1.0; 2.0 ]) b)
