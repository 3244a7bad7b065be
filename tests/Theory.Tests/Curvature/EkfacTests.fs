module Hesse.Theory.Tests.Curvature.EkfacTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private options = KfacOptions.Default

[<Fact>]
let ``corrected eigenvalues are Rayleigh quotients of the Gauss–Newton matrix, so trace and error are no worse`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let kfac, ekfac = Kfac.curvature (Kfac.factors options risk point), Ekfac.curvature options risk point
    let exact = gaussNewton risk point
    let blocks = keepBlocks ekfac.Size (ekfac.Blocks |> Array.map (fun b -> b.Positions)) exact
    Assert.Equal(Array.sum (diagonalOf ekfac.Size exact), BlockCurvature.trace ekfac, 11)
    let error c = Array.fold2 (fun s a b -> s + (a - b) ** 2.0) 0.0 blocks (BlockCurvature.toDense c)
    Assert.True(error ekfac < error kfac)

    // uᵀ G u for every eigenvector.
    let g = Tensor.create [ ekfac.Size; ekfac.Size ] exact

    for block in ekfac.Blocks do
        match block.Basis with
        | BlockBasis.Kronecker(left, right) ->
            let part =
                Tensor.gather 0 (Tensor.ofArray (Array.map float block.Positions)) g
                |> Tensor.gather 1 (Tensor.ofArray (Array.map float block.Positions))

            let u = Tensor.kron (Tensor.reshape left.Shape[1..] left) (Tensor.reshape right.Shape[1..] right)
            let quotients = Tensor.einsum "ik,ij,jk->k" [ u; part; u ]
            near 1e-11 (quotients.toArray ()) block.Eigenvalues
        | _ -> Assert.Fail "a product has a Kronecker block"
