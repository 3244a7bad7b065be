module Hesse.Theory.Tests.Curvature.KroneckerFitsTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private options = { KfacOptions.Default with JoinBiases = false; DenseLimit = 1 }
let private flat (t: Tensor) = Tensor.reshape t.Shape[1..] t

/// Sequences through a shared layer: several places.
let private risk, private point =
    let model (w: Tensor, v: Tensor) (x: Tensor) = Tensor.matmul (Tensor.meanAxis 1 (Tensor.tanh (Tensor.matmul x w))) v

    riskOf 2 model Losses.crossEntropy (normal 1 [ 5; 4; 3 ]) (oneHot 5 2), (normal 2 [ 3; 4 ], normal 3 [ 4; 2 ])

let private size = 12 + 8

/// A product's block of the Gauss–Newton matrix, [inputs; outputs; inputs; outputs].
let private blockOf (exact: float[]) (product: ObservedProduct) =
    let p = product.Positions

    Tensor.create [ product.Inputs; product.Outputs; product.Inputs; product.Outputs ] [|
        for i in p do
            for j in p do
                exact[i * size + j]
    |]

let private error (exact: float[]) (f: KroneckerFactors) =
    let block = blockOf exact f.Product
    (Tensor.norm (block - Tensor.einsum "ij,op->iojp" [ flat f.A; flat f.G ])).item()

[<Fact>]
let ``tensor normal factors have the partial traces of the block`` () =
    let exact = gaussNewton risk point
    let fit = KroneckerFits.tensorNormal options risk point

    for f in fit.Factors do
        let block = blockOf exact f.Product
        let product = Tensor.einsum "ij,op->iojp" [ flat f.A; flat f.G ]

        for spec in [ "iojo->ij"; "ioip->op" ] do
            near 1e-12 ((Tensor.einsum spec [ block ]).toArray()) ((Tensor.einsum spec [ product ]).toArray())

[<Fact>]
let ``the nearest factors are the leading singular pair of the rearranged block`` () =
    let exact = gaussNewton risk point
    let fit = KroneckerFits.nearest 40 options risk point

    for f in fit.Factors do
        let a, b = f.Product.Inputs, f.Product.Outputs

        let rearranged =
            Tensor.reshape [ a * a; b * b ] (Tensor.permute [ 0; 2; 1; 3 ] (blockOf exact f.Product))

        let values = (Linalg.singularValues rearranged).toArray()
        let rest = values[1..] |> Array.sumBy (fun s -> s * s) |> sqrt
        Assert.Equal(rest, error exact f, 9)
        Assert.True((Tensor.min (Linalg.eigvalsh f.A)).item() > -1e-12)

[<Fact>]
let ``no fit has a larger error than the factors it starts from, and one sweep is better than none`` () =
    let exact = gaussNewton risk point
    let errors (kfac: Kfac) = kfac.Factors |> Array.sumBy (error exact)
    let one, two = KroneckerFits.nearest 1 options risk point, KroneckerFits.nearest 2 options risk point
    Assert.True(errors one < errors (Kfac.factors options risk point))
    Assert.True(errors two <= errors one && errors two <= errors (KroneckerFits.tensorNormal options risk point))

[<Fact>]
let ``biases and other parameters have the exact blocks of KFAC, and a dead layer stays zero`` () =
    let risk, point = mlp Losses.crossEntropy 6 [ 3; 4; 2 ]

    let dead =
        point |> List.mapi (fun i l -> if i = 1 then { l with Weight = Tensor.zeros l.Weight.Shape } else l)

    let options = { options with DenseLimit = 100 }

    for fit in [ KroneckerFits.tensorNormal options risk dead; KroneckerFits.nearest 2 options risk dead ] do
        let exact = gaussNewton risk dead
        let curvature = Kfac.curvature fit
        let biases = fit.Others |> Array.map (fun b -> b.Positions)
        Assert.Equal(2, biases.Length)
        near 1e-12 (keepBlocks 26 biases exact) (keepBlocks 26 biases (BlockCurvature.toDense curvature))
        Assert.All((fit.Factors[0].A).toArray(), fun x -> Assert.Equal(0.0, x))

[<Fact>]
let ``one example with one place: every fit is the block itself`` () =
    let risk, point = mlp Losses.meanSquaredError 1 [ 3; 4; 2 ]
    let options = KfacOptions.Default
    let expected = BlockCurvature.toDense (Kfac.curvature (Kfac.factors options risk point))
    near 1e-12 expected (BlockCurvature.toDense (Kfac.curvature (KroneckerFits.tensorNormal options risk point)))
    near 1e-12 expected (BlockCurvature.toDense (Kfac.curvature (KroneckerFits.nearest 1 options risk point)))

[<Fact>]
let ``no sweeps are refused`` () =
    let e = Assert.Throws<HesseException>(fun () -> KroneckerFits.nearest 0 options risk point |> ignore)
    Assert.Equal("KroneckerFits.nearest: 0 sweeps; wanted at least 1", e.Message)
