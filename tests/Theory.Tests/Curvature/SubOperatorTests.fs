module Hesse.Theory.Tests.Curvature.SubOperatorTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

let private layers = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]
let private layout = ParameterLayout.ofTree layers

let private loss p =
    let x, y = Random.normal (Random.key 2) [ 5; 3 ], Random.normal (Random.key 3) [ 5; 2 ]
    Losses.meanSquaredError (Mlp.apply Tensor.tanh p x) y

[<Fact>]
let ``the layout follows the raveled vector`` () =
    let parts = layout.Parts |> Array.map (fun p -> p.Path, p.Start, p.Length)

    Assert.Equal<(string * int * int) seq>(
        [ "[0].Weight", 0, 12; "[0].Bias", 12, 4; "[1].Weight", 16, 8; "[1].Bias", 24, 2 ],
        parts
    )

    Assert.Equal(26, layout.Size)
    Assert.Equal<int seq>([ 3; 4 ], layout.Parts[0].Shape)
    let range path = ParameterLayout.range path layout
    Assert.Equal(struct (16, 10), range "[1]")
    Assert.Equal(struct (0, 26), range "")
    Assert.Equal(struct (24, 2), range "[1].Bias")

[<Fact>]
let ``a wrong path is refused with a list of those that exist`` () =
    for path in [ "[2]"; "[0].Weigh"; "[0"; "weights" ] do
        fails [ $"no path '{path}'"; "'[0].Weight', '[0].Bias', '[1].Weight', '[1].Bias'; take one of them" ] (fun () ->
            ParameterLayout.range path layout |> ignore)

[<Fact>]
let ``chosen rows and columns of a general matrix`` () =
    let a = normal 4 [ 4; 5 ]
    let rows, columns = [| 3; 0; 3 |], [| 4; 1; 1; 2 |]

    let expected = [|
        for i in rows do
            for j in columns -> a[5 * i + j]
    |]

    isMatrix 1e-13 expected (SubOperator.ofIndices rows columns (LinearOperator.ofDense 4 5 a))

[<Fact>]
let ``the same rows and columns of a symmetric operator are a symmetric one`` () =
    let operator = LinearOperator.ofMatrix 4 (symmetric 5 4)
    Assert.True((SubOperator.ofIndices [| 2; 0 |] [| 2; 0 |] operator).Symmetric)
    Assert.False((SubOperator.ofIndices [| 2; 0 |] [| 0; 2 |] operator).Symmetric)

[<Fact>]
let ``blocks by path are slices of the dense Hessian, within and across layers`` () =
    let hessian = LinearOperator.hessian loss layers
    let whole = LinearOperator.toDense 8 hessian

    for rowPath in [ "[0].Weight"; "[1]"; "" ] do
        for columnPath in [ "[1].Bias"; "[0]"; "[0].Weight" ] do
            let struct (i, m), struct (j, n) =
                ParameterLayout.range rowPath layout, ParameterLayout.range columnPath layout

            let expected = Array.init (m * n) (fun q -> whole[(i + q / n) * 26 + j + q % n])
            let block = SubOperator.block layout rowPath columnPath hessian
            isMatrix 1e-12 expected block
            Assert.Equal((rowPath = columnPath), block.Symmetric)

    Assert.Equal("Hessian['[0].Weight'; '[1].Bias']", (SubOperator.block layout "[0].Weight" "[1].Bias" hessian).Name)

[<Fact>]
let ``the block diagonal by layers is the dense Hessian without what lies between the layers`` () =
    let hessian = LinearOperator.hessian loss layers
    let layerOf i = if i < 16 then 0 else 1

    let expected =
        LinearOperator.toDense 8 hessian
        |> Array.mapi (fun q x -> if layerOf (q / 26) = layerOf (q % 26) then x else 0.0)

    let blocks = SubOperator.blockDiagonal layout [ "[0]"; "[1]" ] hessian
    isMatrix 1e-12 expected blocks
    Assert.True blocks.Symmetric
    fails [ "cover 16 of 26 parameters" ] (fun () -> SubOperator.blockDiagonal layout [ "[0]" ] hessian |> ignore)

    fails [ "'[0].Bias' begins at 12, the one before it ends at 0" ] (fun () ->
        SubOperator.blockDiagonal layout [ "[0].Bias" ] hessian |> ignore)

[<Fact>]
let ``wrong indices and a layout of other parameters are refused`` () =
    let operator = LinearOperator.ofDense 2 3 (normal 6 [ 2; 3 ])

    fails [ "there is no row 2; the operator has rows 0 .. 1" ] (fun () ->
        SubOperator.ofIndices [| 2 |] [| 0 |] operator |> ignore)

    fails [ "there is no column -1" ] (fun () -> SubOperator.ofIndices [| 0 |] [| -1 |] operator |> ignore)

    fails [ "'I' has size 3, the parameters have 26 elements" ] (fun () ->
        SubOperator.block layout "" "" (LinearOperator.identity 3) |> ignore)
