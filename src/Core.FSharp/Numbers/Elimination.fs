namespace Hesse

open Hesse.Kernels

/// Matrices as rows over any number system, and what elimination finds of them.
module internal Elimination =
    let ofFlat rows columns (x: 'N[]) : 'N[][] = Array.init rows (fun i -> x[i * columns .. (i + 1) * columns - 1])

    let flat (m: 'N[][]) : 'N[] = Array.concat m

    let transposed (m: 'N[][]) =
        if m.Length = 0 then
            m
        else
            Array.init m[0].Length (fun j -> Array.init m.Length (fun i -> m[i][j]))

    let dot (n: Arithmetic<'N>) (a: 'N[]) (b: 'N[]) =
        Array.fold2 (fun total x y -> Arithmetic.add n total (Arithmetic.mul n x y)) (Arithmetic.zero n) a b

    let times n (a: 'N[][]) (b: 'N[][]) =
        let columns = transposed b
        a |> Array.map (fun row -> columns |> Array.map (dot n row))

    /// Adds to a row a multiple of another one.
    let addMultiple n (row: 'N[]) factor (other: 'N[]) =
        for j in 0 .. row.Length - 1 do
            row[j] <- Arithmetic.add n row[j] (Arithmetic.mul n factor other[j])

    /// Upper triangle by elimination with the largest pivot, right-hand sides carried along; and the sign of the order of the rows. An error
    /// where no pivot of a column is certainly different from 0: true when they are certainly 0.
    let eliminate n (a: 'N[][]) (b: 'N[][]) : Result<'N[][] * 'N[][] * int, bool> =
        let a, b = Array.map Array.copy a, Array.map Array.copy b
        let order = a.Length
        let mutable sign = 1
        let mutable singular = ValueNone
        let isZero x = Arithmetic.decide n TileOp.Equal x (Arithmetic.zero n) = ValueSome true

        for k in 0 .. order - 1 do
            if singular.IsNone then
                let pivot = Seq.maxBy (fun i -> n.Size(a[i].[k])) (seq { k .. order - 1 })

                if not (n.Size(a[pivot].[k]) > 0.0) then
                    singular <- ValueSome(Seq.forall (fun i -> isZero (a[i].[k])) (seq { k .. order - 1 }))
                else
                    if pivot <> k then
                        sign <- -sign
                        let rowA, rowB = a[k], b[k]
                        a[k] <- a[pivot]
                        b[k] <- b[pivot]
                        a[pivot] <- rowA
                        b[pivot] <- rowB

                    for i in k + 1 .. order - 1 do
                        let factor = Arithmetic.apply1 n TileOp.Neg (Arithmetic.div n (a[i].[k]) (a[k].[k]))
                        addMultiple n a[i] factor a[k]
                        addMultiple n b[i] factor b[k]

        match singular with
        | ValueSome isCertain -> Error isCertain
        | ValueNone -> Ok(a, b, sign)

    /// x with A x = b for a triangle A.
    let substitute (n: Arithmetic<'N>) isLower (a: 'N[][]) (b: 'N[][]) : 'N[][] =
        let order = a.Length
        let x = Array.map Array.copy b

        for step in 0 .. order - 1 do
            let i = if isLower then step else order - 1 - step

            let first, last = if isLower then 0, i - 1 else i + 1, order - 1

            for j in first..last do
                addMultiple n x[i] (Arithmetic.apply1 n TileOp.Neg (a[i].[j])) x[j]

            x[i] <- x[i] |> Array.map (fun v -> Arithmetic.div n v (a[i].[i]))

        x

    let noPivot (n: Arithmetic<'N>) op =
        Shape.fail
            $"{n.Name}: {op}: no pivot is certainly different from 0; the matrix is singular, or the bounds of its elements are too wide"

    let solve n a b =
        match eliminate n a b with
        | Ok(upper, right, _) -> substitute n false upper right
        | Error _ -> noPivot n "solve"

    let productOfDiagonal n (upper: 'N[][]) =
        upper |> Array.mapi (fun i row -> row[i]) |> Array.fold (Arithmetic.mul n) (Arithmetic.one n)

    /// The determinant; 0 where a pivot is certainly 0.
    let det (n: Arithmetic<'N>) op (a: 'N[][]) =
        match eliminate n a (Array.create a.Length [||]) with
        | Ok(upper, _, sign) -> Arithmetic.mul n (n.OfFloat(float sign)) (productOfDiagonal n upper)
        | Error true -> Arithmetic.zero n
        | Error false -> noPivot n op
