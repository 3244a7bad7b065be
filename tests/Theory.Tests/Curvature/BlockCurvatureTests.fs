module Hesse.Theory.Tests.Curvature.BlockCurvatureTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private symmetric seed n =
    let a = normal seed [ n; n ]
    Tensor.matmul a (Tensor.transpose a) / float n

let private grouped seed groups n = Tensor.stack 0 [ for d in 0 .. groups - 1 -> symmetric (seed + d) n ]

/// A Kronecker block with two groups, a dense and a diagonal one, in a mixed order of rows.
let private size = 2 * 3 * 2 + 4 + 3

let private order =
    (Tensor.argsort 0 (Random.uniform (Random.key 9) [ size ])).toArray() |> Array.map int

let private left, private right = grouped 1 2 3, grouped 5 2 2
let private middle, private last = symmetric 7 4, [| 0.5; 2.0; 0.1 |]

let private curvature =
    let a, u = Linalg.eigh left
    let g, v = Linalg.eigh right

    {
        Size = size
        Blocks = [|
            {
                Description = "Kronecker"
                Positions = order[..11]
                Basis = BlockBasis.Kronecker(u, v)
                Eigenvalues = (Tensor.expandDims 2 a * Tensor.expandDims 1 g).toArray()
            }
            BlockCurvature.dense "dense" order[12..15] middle
            BlockCurvature.diagonal "diagonal" order[16..] last
        |]
    }

/// The same matrix, element by element.
let private dense =
    let l, r, m = left.toArray (), right.toArray (), middle.toArray ()
    let matrix = Array.zeroCreate (size * size)
    let set i j value = matrix[order[i] * size + order[j]] <- value

    for p in 0..11 do
        for q in 0..11 do
            if p / 6 = q / 6 then
                let d, i, o, j, u = p / 6, p / 2 % 3, p % 2, q / 2 % 3, q % 2
                set p q (l[(d * 3 + i) * 3 + j] * r[(d * 2 + o) * 2 + u])

    for p in 0..3 do
        for q in 0..3 do
            set (12 + p) (12 + q) m[p * 4 + q]

    for p in 0..2 do
        set (16 + p) (16 + p) last[p]

    matrix

let private asMatrix (a: float[]) = Tensor.create [ size; size ] a

[<Fact>]
let ``products are those of the dense matrix`` () =
    near 1e-13 dense (BlockCurvature.toDense curvature)
    near 1e-13 dense (LinearOperator.toDense 5 (BlockCurvature.operator curvature))

[<Fact>]
let ``trace, norm, diagonal, eigenvalues and determinant are those of the dense matrix`` () =
    let diagonal = diagonalOf size dense
    Assert.Equal(Array.sum diagonal, BlockCurvature.trace curvature, 12)
    Assert.Equal((Tensor.norm (asMatrix dense)).item(), BlockCurvature.frobeniusNorm curvature, 12)
    near 1e-13 diagonal (BlockCurvature.diagonalOf curvature)
    near 1e-12 (Spectrum.eigenvalues size dense) (BlockCurvature.eigenvalues curvature)
    let damped = asMatrix dense + 0.3 * Tensor.eye size
    Assert.Equal((Linalg.logdet damped).item(), BlockCurvature.logDeterminant 0.3 curvature, 11)

[<Fact>]
let ``inverse times matrix is the identity`` () =
    let inverse = BlockCurvature.toDense (BlockCurvature.inverse 0.3 curvature)
    let product = Tensor.matmul (asMatrix inverse) (asMatrix dense + 0.3 * Tensor.eye size)
    near 1e-12 ((Tensor.eye size).toArray()) (product.toArray ())

[<Fact>]
let ``what is not positive definite has no inverse and no log-determinant`` () =
    let shifted = BlockCurvature.map (fun x -> x - 1.0) curvature
    let e = Assert.Throws<HesseException>(fun () -> BlockCurvature.inverse 0.1 shifted |> ignore)
    Assert.Contains("BlockCurvature.inverse: the lowest eigenvalue is", e.Message)
    Assert.Contains("give more damping", e.Message)

    Assert.Throws<HesseException>(fun () -> BlockCurvature.logDeterminant nan shifted |> ignore)
    |> ignore

[<Fact>]
let ``draws have the covariance`` () =
    let count = 20000
    let draws = BlockCurvature.sample count (Random.key 3) curvature
    let covariance = (Tensor.matmul (Tensor.transpose draws) draws / float count).toArray()
    let scale = BlockCurvature.trace curvature

    Array.iteri2
        (fun e expected actual ->
            // Var of a sample covariance: (CᵢᵢCⱼⱼ + Cᵢⱼ²)/count; five standard errors.
            let i, j = e / size, e % size
            let error = sqrt ((dense[i * size + i] * dense[j * size + j] + expected * expected) / float count)
            Assert.InRange(actual, expected - 5.0 * error - 1e-12 * scale, expected + 5.0 * error + 1e-12 * scale))
        dense
        covariance

    Assert.Equal<float[]>(draws.toArray (), (BlockCurvature.sample count (Random.key 3) curvature).toArray())

[<Fact>]
let ``diagonal and dense matrices, and the blocks of an operator`` () =
    near
        1e-14
        (Array.init 9 (fun e -> if e / 3 = e % 3 then last[e / 3] else 0.0))
        (BlockCurvature.toDense (BlockCurvature.ofDiagonal last))

    near 1e-13 dense (BlockCurvature.toDense (BlockCurvature.ofMatrix size dense))
    let tree = [ Tensor.zeros [ 3; 2 ]; Tensor.zeros [ size - 6 ] ]

    for batch in [ 1; 4; 100 ] do
        let blocks = BlockCurvature.ofOperator batch (LinearOperator.ofMatrix size dense) tree
        near 1e-12 (keepBlocks size [ [| 0..5 |]; [| 6 .. size - 1 |] ] dense) (BlockCurvature.toDense blocks)

    let e =
        Assert.Throws<HesseException>(fun () ->
            BlockCurvature.ofOperator 1 (LinearOperator.ofMatrix size dense) [ Tensor.zeros [ 4 ] ] |> ignore)

    Assert.Equal(
        $"BlockCurvature.ofOperator: the operator has size {size} and the tree 4 elements; wanted the operator of this tree",
        e.Message
    )

[<Fact>]
let ``a structure for each block, if they fit`` () =
    let diagonal = BlockCurvature.ofDiagonal (diagonalOf size dense)

    let units = {
        diagonal with
            Blocks = order |> Array.map (fun p -> BlockCurvature.diagonal "one" [| p |] [| dense[p * size + p] |])
    }

    let isDense (b: CurvatureBlock) = b.Description = "dense"
    let mixed = BlockCurvature.mixed isDense curvature units
    let expected = keepBlocks size (order[12..15] :: [ for p in order -> [| p |] ]) dense
    near 1e-13 expected (BlockCurvature.toDense mixed)

    let e =
        Assert.Throws<HesseException>(fun () -> BlockCurvature.mixed isDense curvature diagonal |> ignore)

    Assert.Contains(
        "BlockCurvature.mixed: the blocks that are taken and those left beside them have 4 rows together",
        e.Message
    )
