namespace Hesse.Tests

open System
open Hesse
open Hesse.Kernels

open Hesse.Tests.ProgramBuilder

/// Steps of random programs with matrices: arguments far from where a factorisation is not smooth.
module internal MatrixMakers =
    /// Shape of a matrix or of a small batch of them.
    let matrices (b: Builder) rows columns = Array.append (if b.Flip() then [||] else [| 2 |]) [| rows; columns |]

    /// M + c·I with the elements of M within ±1 and c = n + 1/2: invertible, and so is either triangle.
    let dominant (b: Builder) =
        let n = 1 + b.Random.Next 3
        let shape = matrices b n n
        let x = b.Any()
        let total = b.Apply(Linear.sumP, Axes [| 0 .. (b.Shape x).Length - 1 |], x)
        let wide = b.Apply(Linear.broadcastP, Spread(shape, [||]), total)
        let m = b.Apply(Elementwise.sinP, NoAttr, b.Apply(Linear.mulP, NoAttr, wide, b.Constant shape))
        let size = int (Shape.size shape)
        let diagonal = Array.init size (fun k -> if k / n % n = k % n then float n + 0.5 else 0.0)
        b.Apply(Linear.addP, NoAttr, m, b.Data(shape, diagonal))

    /// Symmetric: half of A + Aᵀ of the above, hence positive definite.
    let definite (b: Builder) =
        let a = dominant b
        let shape = b.Shape a
        let r = shape.Length
        let flip = Array.append [| 0 .. r - 3 |] [| r - 1; r - 2 |]
        let total = b.Apply(Linear.addP, NoAttr, a, b.Apply(Movement.transposeP, Axes flip, a))
        b.Apply(Linear.mulP, NoAttr, total, b.Full(shape, 0.5))

    let system primitive (attr: Builder -> Attr) (b: Builder) =
        let a = dominant b
        let shape = b.Shape a
        let right = Array.updateAt (shape.Length - 1) (1 + b.Random.Next 3) shape
        b.Apply(primitive, attr b, a, b.Like right)

    let ofDominant primitive (b: Builder) = b.Apply(primitive, NoAttr, dominant b)
    let ofDefinite primitive (b: Builder) = b.Apply(primitive, NoAttr, definite b)

    let apart (values: Node) =
        for row in Array.chunkBySize (Array.last values.Shape) values.Data do
            require (row |> Array.pairwise |> Array.forall (fun (x, y) -> abs (y - x) > 0.3))

    /// The two largest elements of each column apart, since the sign of a vector follows the largest.
    let signsKept (vectors: Node) =
        let rows = LinearAlgebra.transposed vectors

        for v in Array.chunkBySize (Array.last rows.Shape) rows.Data do
            let sorted = v |> Array.map abs |> Array.sortDescending
            require (v.Length = 1 || sorted[0] - sorted[1] > kinkDistance)

    let eigen primitive (b: Builder) =
        let a = definite b
        let values, vectors = Factorisations.eigen (b.Value a)
        apart values
        signsKept vectors
        b.Apply(primitive, NoAttr, a)

    /// The first columns of a dominant matrix, which are far from dependent.
    let tall (b: Builder) =
        let a = dominant b
        let shape = b.Shape a
        let columns = 1 + b.Random.Next shape[shape.Length - 1]
        let stop = Array.updateAt (shape.Length - 1) columns shape
        let zeros, ones = shape |> Array.map (fun _ -> 0), shape |> Array.map (fun _ -> 1)
        b.Apply(Movement.sliceP, Window(zeros, stop, ones), a)

    let orthonormal (b: Builder) = b.Apply(Factorisations.orthonormalP, NoAttr, tall b)

    let singular primitive (b: Builder) =
        let a = tall b
        let _, values, vectors = Factorisations.svd (b.Value a)
        apart values
        signsKept vectors
        b.Apply(primitive, NoAttr, a)

    /// Of full rank, tall or wide.
    let pseudoInverse (b: Builder) =
        let a = tall b
        let r = (b.Shape a).Length
        let flip = Array.append [| 0 .. r - 3 |] [| r - 1; r - 2 |]
        let a = if b.Flip() then a else b.Apply(Movement.transposeP, Axes flip, a)
        b.Apply(Factorisations.pseudoInverseP, Limit 1e-10, a)

    /// A function of a matrix, or its derivative in one or two directions.
    let directional primitive (b: Builder) =
        let n = 1 + b.Random.Next 3
        let shape = matrices b n n
        let half = b.Full(shape, 0.5)
        let argument () = b.Apply(Linear.mulP, NoAttr, b.Like shape, half)
        let args = Array.init (1 + b.Random.Next 3) (fun _ -> argument ())
        b.Apply(primitive, NoAttr, args)
