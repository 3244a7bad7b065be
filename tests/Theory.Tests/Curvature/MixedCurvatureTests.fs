module Hesse.Theory.Tests.Curvature.MixedCurvatureTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private risk, private point = mlp Losses.crossEntropy 10 [ 3; 4; 3; 2 ]
let private size = Mlp.parameterCount [ 3; 4; 3; 2 ]
let private layers = [ [| 0..15 |]; [| 16..30 |]; [| 31..38 |] ]
let private options = KfacOptions.Default

let private mixed =
    lazy
        MixedCurvature.curvature
            options
            CurvatureStructure.Dense
            [ "[0]", CurvatureStructure.Kfac; "[1]", CurvatureStructure.QuasiDiagonal ]
            risk
            point

let private kept (positions: int[]) matrix = keepBlocks size [ positions ] matrix

[<Fact>]
let ``each part is what its structure is of the whole`` () =
    let kfac = BlockCurvature.toDense (Kfac.curvature (Kfac.factors options risk point))
    let quasi = QuasiDiagonal.operator (QuasiDiagonal.curvature options.Outputs risk point)
    let exact = gaussNewton risk point

    let expected =
        (kept layers[0] kfac, kept layers[1] (LinearOperator.toDense 8 quasi))
        ||> Array.map2 (+)
        |> Array.map2 (+) (kept layers[2] exact)

    near 1e-12 expected (MixedCurvature.toDense mixed.Value)

    Assert.Equal<string[]>(
        [| "[0]: KFAC"; "[1]: quasi-diagonal"; "the rest: dense" |],
        mixed.Value.Parts |> Array.map (fun p -> p.Description)
    )

[<Fact>]
let ``one structure for each tensor, EKFAC, the diagonal and low rank among them`` () =
    let c =
        MixedCurvature.curvature
            options
            CurvatureStructure.Diagonal
            [ "[2].Weight", CurvatureStructure.LowRank(6, Random.key 1); "[1]", CurvatureStructure.Ekfac ]
            risk
            point

    let exact = gaussNewton risk point
    let ekfac = BlockCurvature.toDense (Ekfac.curvature options risk point)
    let diagonal = layers[0] |> Array.append [| 37; 38 |] |> Array.map Array.singleton

    // The block of a matrix of 6 parameters is of rank 6.
    let expected =
        (kept layers[1] ekfac, keepBlocks size (Seq.append [ [| 31..36 |] ] diagonal) exact)
        ||> Array.map2 (+)

    near 1e-9 expected (MixedCurvature.toDense c)
    near 1e-9 (diagonalOf size expected) (MixedCurvature.diagonalOf c)

[<Fact>]
let ``one dense part for each layer is block-diagonal`` () =
    let dense = [ for i in 0..2 -> $"[{i}]", CurvatureStructure.Dense ]

    for kind in [ OutputCurvature.Exact; OutputCurvature.Empirical ] do
        let whole = BlockCurvature.toDense (ExactBlocks.full kind risk point)
        // No rest is left.
        let c =
            MixedCurvature.curvature { options with Outputs = kind } CurvatureStructure.Kfac dense risk point

        Assert.Equal(3, c.Parts.Length)
        near 1e-12 (keepBlocks size layers whole) (MixedCurvature.toDense c)

[<Fact>]
let ``inverse, determinant, trace and norm are those of the dense matrix`` () =
    let matrix = MixedCurvature.toDense mixed.Value
    let damped = Tensor.create [ size; size ] matrix + 0.4 * Tensor.eye size
    let inverse = MixedCurvature.inverse 0.4 mixed.Value
    near 1e-11 ((Linalg.inverse damped).toArray()) (LinearOperator.toDense 5 inverse)
    let v = normal 3 [ size ]
    near 1e-11 ((Linalg.solve damped v).toArray()) (inverse.Apply(v.toArray ()))
    Assert.Equal((Linalg.logdet damped).item(), MixedCurvature.logDeterminant 0.4 mixed.Value, 10)
    Assert.Equal(Array.sum (diagonalOf size matrix), MixedCurvature.trace mixed.Value, 11)
    Assert.Equal(sqrt (matrix |> Array.sumBy (fun x -> x * x)), MixedCurvature.frobeniusNorm mixed.Value, 11)

[<Fact>]
let ``low rank plus a diagonal within a mixed matrix`` () =
    let u, _ = Linalg.qr (normal 1 [ 5; 2 ])
    let columns = (Tensor.transpose u).toArray()

    let lowRank = {
        Size = 5
        Vectors = [| columns[0..4]; columns[5..9] |]
        Values = [| 3.0; -0.2 |]
        Diagonal = [| 0.1; 0.2; 0.3; 0.4; 0.5 |]
    }

    let c =
        MixedCurvature.ofParts 7 [|
            {
                Description = "pairs"
                Positions = [| 6; 0; 4; 1; 2 |]
                Matrix = StructuredMatrix.LowRank lowRank
            }
            {
                Description = "rest"
                Positions = [| 5; 3 |]
                Matrix = StructuredMatrix.Blocks(BlockCurvature.ofDiagonal [| 2.0; 7.0 |])
            }
        |]

    let matrix = MixedCurvature.toDense c
    Assert.Equal(7.0, matrix[3 * 7 + 3])
    Assert.Equal(2.0, matrix[5 * 7 + 5])
    let damped = Tensor.create [ 7; 7 ] matrix + 1.5 * Tensor.eye 7
    near 1e-11 ((Linalg.inverse damped).toArray()) (LinearOperator.toDense 5 (MixedCurvature.inverse 1.5 c))
    near 1e-12 (diagonalOf 7 matrix) (MixedCurvature.diagonalOf c)
    Assert.Equal(sqrt (matrix |> Array.sumBy (fun x -> x * x)), MixedCurvature.frobeniusNorm c, 12)

let private refused (f: unit -> 'a) = Assert.Throws<HesseException>(fun () -> f () |> ignore).Message

let private assigned list =
    refused (fun () -> MixedCurvature.curvature options CurvatureStructure.Diagonal list risk point)

[<Fact>]
let ``wrong paths, tensors with two structures, draws with low rank`` () =
    Assert.StartsWith(
        "ParameterLayout: there is no path '[7]' in these parameters; they are '[0].Weight', '[0].Bias'",
        assigned [ "[7]", CurvatureStructure.Kfac ]
    )

    Assert.Equal(
        "MixedCurvature.curvature: '[1].Bias' lies below '[1]' and below '[1].Bias'; give every tensor one structure",
        assigned [ "[1]", CurvatureStructure.Kfac; "[1].Bias", CurvatureStructure.Diagonal ]
    )

    let draws = { options with Outputs = OutputCurvature.MonteCarlo(1, Random.key 1) }
    let lowRank = CurvatureStructure.LowRank(2, Random.key 1)

    Assert.StartsWith(
        "MixedCurvature.curvature: low rank comes from products",
        refused (fun () -> MixedCurvature.curvature draws lowRank [] risk point)
    )

[<Fact>]
let ``parts that do not make up a matrix, and a part that is not definite`` () =
    let diagonal values = StructuredMatrix.Blocks(BlockCurvature.ofDiagonal values)
    let part positions matrix = { Description = "d"; Positions = positions; Matrix = matrix }

    Assert.Equal(
        "MixedCurvature.ofParts: 'd' has 2 rows and 1 positions; wanted as many",
        refused (fun () -> MixedCurvature.ofParts 2 [| part [| 0 |] (diagonal [| 1.0; 2.0 |]) |])
    )

    Assert.Equal(
        "MixedCurvature.ofParts: the parts have 3 positions, 2 of them different, for a matrix of size 3; wanted 0 .. 2, each once",
        refused (fun () ->
            MixedCurvature.ofParts 3 [| part [| 0; 1 |] (diagonal [| 1.0; 2.0 |]); part [| 1 |] (diagonal [| 1.0 |]) |])
    )

    let c = MixedCurvature.ofParts 2 [| part [| 0; 1 |] (diagonal [| 1.0; -2.0 |]) |]

    Assert.Equal(
        "MixedCurvature, part 'd': BlockCurvature.inverse: the lowest eigenvalue is -2 and the damping 0.5; their sum must be positive: give more damping",
        refused (fun () -> MixedCurvature.inverse 0.5 c)
    )
