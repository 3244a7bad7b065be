module Hesse.Theory.Tests.Curvature.LowRankTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private size = 12

/// A matrix of rank 4.
let private lowRank sign =
    let u, _ = Linalg.qr (normal 1 [ size; 4 ])
    let values = Tensor.ofArray [| 5.0; 2.0; 1.0; sign * 0.5 |]
    (Tensor.matmul (u * values) (Tensor.transpose u)).toArray()

let private ritz matrix rank =
    let operator = LinearOperator.ofMatrix size matrix
    let pairs = Lanczos.largest (Lanczos.factorise operator ((normal 3 [ size ]).toArray()) size) rank
    LowRank.ofPairs pairs.Values pairs.Vectors

let private asMatrix (a: float[]) = Tensor.create [ size; size ] a
let private dense operator = LinearOperator.toDense 5 operator
let private diagonal = (Random.uniform (Random.key 7) [ size ] + 0.5).toArray()

[<Fact>]
let ``Nyström is exact for matrices of its rank, and below the matrix otherwise`` () =
    let matrix = lowRank 1.0

    for rank in [ 4; 7; size ] do
        let found = LowRank.nystrom rank (Random.key 5) (LinearOperator.ofMatrix size matrix)
        near 1e-9 matrix (dense (LowRank.operator found))

    let full = (asMatrix matrix + Tensor.eye size).toArray()
    let below = LowRank.nystrom 5 (Random.key 5) (LinearOperator.ofMatrix size full)
    Assert.Equal(5, below.Values.Length)
    let rest = Array.map2 (-) full (dense (LowRank.operator below))
    let values = Spectrum.eigenvalues size rest
    Assert.True(values[size - 1] > -1e-12 && values[0] > 0.5)

[<Fact>]
let ``Nyström of a zero matrix has rank zero; of an indefinite one it is refused`` () =
    let zero =
        LowRank.nystrom 3 (Random.key 1) (LinearOperator.ofMatrix size (Array.zeroCreate (size * size)))

    Assert.Empty zero.Values
    near 1e-14 ((2.0 * Tensor.eye size).toArray()) (dense (LowRank.inverse 0.5 zero))
    Assert.Equal(float size * log 0.5, LowRank.logDeterminant 0.5 zero, 12)

    let e =
        Assert.Throws<HesseException>(fun () ->
            LowRank.nystrom size (Random.key 1) (LinearOperator.ofMatrix size (lowRank -1.0)) |> ignore)

    Assert.Contains("LowRank.nystrom: operator 'matrix' is not positive semi-definite", e.Message)

    let rank =
        Assert.Throws<HesseException>(fun () ->
            LowRank.nystrom 13 (Random.key 1) (LinearOperator.ofMatrix size (lowRank 1.0)) |> ignore)

    Assert.Equal("LowRank.nystrom: rank 13 of a matrix of size 12; wanted 1 .. 12", rank.Message)

[<Fact>]
let ``leading pairs with the missing diagonal have the diagonal of the matrix`` () =
    let matrix = (asMatrix (lowRank 1.0) + Tensor.diag (Tensor.ofArray diagonal)).toArray()
    let all = diagonalOf size matrix
    let found = LowRank.withDiagonal all (ritz matrix 3)
    near 1e-11 all (diagonalOf size (dense (LowRank.operator found)))
    Assert.Equal(Array.sum all, LowRank.trace found, 10)
    let e = Assert.Throws<HesseException>(fun () -> LowRank.withDiagonal [| 1.0 |] found |> ignore)
    Assert.Equal("LowRank.withDiagonal: 1 numbers for a matrix of size 12; wanted one for each row", e.Message)

[<Fact>]
let ``inverse and determinant are those of the dense matrix, also with negative values`` () =
    for sign in [ 1.0; -1.0 ] do
        let u, _ = Linalg.qr (normal 1 [ size; 4 ])
        let columns = (Tensor.transpose u).toArray()

        let c = {
            Size = size
            Vectors = Array.init 4 (fun i -> columns[i * size .. (i + 1) * size - 1])
            Values = [| 5.0; 2.0; 1.0; sign * 0.3 |]
            Diagonal = diagonal
        }

        let matrix = asMatrix (dense (LowRank.operator c))

        let assembled =
            Tensor.matmul (u * Tensor.ofArray c.Values) (Tensor.transpose u)
            + Tensor.diag (Tensor.ofArray diagonal)

        near 1e-12 (assembled.toArray ()) (matrix.toArray ())
        let damped = matrix + 0.2 * Tensor.eye size
        near 1e-11 ((Linalg.inverse damped).toArray()) (dense (LowRank.inverse 0.2 c))
        Assert.Equal((Linalg.logdet damped).item(), LowRank.logDeterminant 0.2 c, 11)

[<Fact>]
let ``a diagonal that is not positive has no inverse`` () =
    let e = Assert.Throws<HesseException>(fun () -> LowRank.inverse 0.0 (ritz (lowRank 1.0) 2) |> ignore)

    Assert.Equal(
        "LowRank.inverse: the diagonal with damping 0 is as low as 0; it must be positive: give more damping",
        e.Message
    )
