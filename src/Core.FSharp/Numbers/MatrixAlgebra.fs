namespace Hesse

open Hesse.Kernels
open Hesse.Elimination
open Hesse.MatrixFactorisations
open Hesse.MatrixDirections

/// The textbook algorithms of linear algebra over any number system: an oracle for LAPACK and for the kernels. Matrices are arrays of rows.
module internal MatrixAlgebra =
    /// Applies f to every matrix of a batch: from the arguments' matrices to the elements of the result's part.
    let private overBatch (s: int[][]) (args: 'N[][]) (f: 'N[][][] -> 'N[]) : 'N[] =
        let sizes = s |> Array.map (fun shape -> shape[shape.Length - 2], shape[shape.Length - 1])
        let count = s[0][.. s[0].Length - 3] |> Array.fold (*) 1

        [|
            for b in 0 .. count - 1 do
                yield!
                    Array.map2
                        (fun (rows, columns) (x: 'N[]) ->
                            ofFlat rows columns x[b * rows * columns .. (b + 1) * rows * columns - 1])
                        sizes
                        args
                    |> f
        |]

    /// Every element of a batch member's result depends on every element of its arguments: all that a pattern can say.
    let private mixed (n: Arithmetic<'N>) (s: int[][]) (shape: int[]) (args: 'N[][]) : 'N[] =
        let count = s[0][.. s[0].Length - 3] |> Array.fold (*) 1
        let total = Array.fold (*) 1 shape

        [|
            for b in 0 .. count - 1 do
                let part (x: 'N[]) = x[b * x.Length / count .. (b + 1) * x.Length / count - 1]
                let all = args |> Seq.collect part |> Seq.fold n.Join (Arithmetic.zero n)
                yield! Array.create (total / count) all
        |]

    type Rule<'N> = Attr -> int[][] -> int[] -> 'N[][] -> 'N[]

    /// The rules of linear algebra that a number system can have, by primitive.
    let rules (n: Arithmetic<'N>) : (string * Rule<'N>) list =
        let ofOne (f: 'N[][] -> 'N[]) : Rule<'N> = fun _ s _ args -> overBatch s args (fun m -> f m[0])
        let hasRoots = not (n.Missing.Contains TileOp.Sqrt)
        let hasLogarithm = not (n.Missing.Contains TileOp.Log)

        let orMixed (rule: Rule<'N>) : Rule<'N> =
            fun attr s shape args -> if n.Unknown.IsSome then mixed n s shape args else rule attr s shape args

        [
            LinearAlgebra.solveP.Name,
            (fun attr s _ args ->
                let flipped =
                    match attr with
                    | Transposed(flipped, _) -> flipped
                    | _ -> false

                overBatch s args (fun m -> flat (solve n (if flipped then transposed m[0] else m[0]) m[1])))
            LinearAlgebra.triangularSolveP.Name,
            (fun attr s _ args ->
                let isLower, flipped =
                    match attr with
                    | Triangle(isLower, flipped) -> isLower, flipped
                    | _ -> true, false

                overBatch s args (fun m ->
                    flat (substitute n (isLower <> flipped) (if flipped then transposed m[0] else m[0]) m[1])))
            LinearAlgebra.detP.Name, ofOne (fun a -> [| det n "det" a |])
            LinearAlgebra.signDetP.Name, ofOne (fun a -> [| Arithmetic.apply1 n TileOp.Sign (det n "signDet" a) |])
            if hasLogarithm then
                LinearAlgebra.logAbsDetP.Name,
                ofOne (fun a -> [|
                    Arithmetic.apply1 n TileOp.Log (Arithmetic.apply1 n TileOp.Abs (det n "logAbsDet" a))
                |])
            if hasRoots then
                Factorisations.choleskyP.Name, ofOne (cholesky n >> flat)
                Factorisations.orthonormalP.Name, ofOne (orthonormal n >> flat)
            LinearAlgebra.cofactorP.Name, (fun _ s _ args -> overBatch s args (cofactors n >> flat))
            if n.HasIterations || n.Unknown.IsSome then
                Factorisations.eigenvaluesP.Name, ofOne (eigen n >> fst)

                Factorisations.eigenP.Name,
                ofOne (fun a ->
                    let values, vectors = eigen n a
                    Array.append values (flat vectors))

                Factorisations.singularValuesP.Name, ofOne (fun a -> let s, _, _ = svd n a in s)

                Factorisations.svdP.Name,
                ofOne (fun a ->
                    let s, u, v = svd n a
                    Array.concat [ s; flat u; flat v ])

                Factorisations.pseudoInverseP.Name,
                (fun attr s _ args ->
                    let limit =
                        match attr with
                        | Limit limit -> limit
                        | _ -> 0.0

                    overBatch s args (fun m -> flat (pseudoInverse n limit m[0])))

                LinearAlgebra.expmP.Name, (fun _ s _ args -> overBatch s args (exponential n >> flat))
        ]
        |> List.map (fun (name, rule) -> name, orMixed rule)
