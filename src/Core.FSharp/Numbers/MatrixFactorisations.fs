namespace Hesse

open Hesse.Kernels
open Hesse.Elimination

/// Factors of matrices over any number system, by the textbook algorithms.
module internal MatrixFactorisations =
    let cholesky (n: Arithmetic<'N>) (a: 'N[][]) : 'N[][] =
        let order = a.Length
        let l = Array.init order (fun _ -> Array.create order (Arithmetic.zero n))

        for i in 0 .. order - 1 do
            for j in 0..i do
                let sofar = dot n (Array.truncate j l[i]) (Array.truncate j l[j])
                let rest = Arithmetic.sub n (a[i].[j]) sofar

                if j < i then
                    l[i][j] <- Arithmetic.div n rest (l[j].[j])
                elif Arithmetic.decide n TileOp.Greater rest (Arithmetic.zero n) <> ValueSome true then
                    Shape.fail
                        $"{n.Name}: cholesky: pivot {i} of {order} is not certainly positive; add a small multiple of the identity"
                else
                    l[i][i] <- Arithmetic.apply1 n TileOp.Sqrt rest

        l

    /// Orthonormal columns with a positive diagonal of R, by Gram and Schmidt; a second pass takes away what rounding left.
    let orthonormal (n: Arithmetic<'N>) (a: 'N[][]) : 'N[][] =
        let columns = transposed a
        let q = ResizeArray<'N[]>()

        for column in columns do
            let v = Array.copy column

            for _ in 1 .. (if n.HasIterations then 2 else 1) do
                for other in q do
                    addMultiple n v (Arithmetic.apply1 n TileOp.Neg (dot n other v)) other

            let length = Arithmetic.apply1 n TileOp.Sqrt (dot n v v)
            q.Add(v |> Array.map (fun x -> Arithmetic.div n x length))

        if q.Count = 0 then a else transposed (q.ToArray())

    let isNegative (n: Arithmetic<'N>) x = Arithmetic.decide n TileOp.Greater (Arithmetic.zero n) x = ValueSome true

    /// A vector with the sign that makes the first of the largest components (to 10⁻⁸) of `column` positive: the rule of the kernels.
    let signOf (n: Arithmetic<'N>) (column: 'N[]) (vector: 'N[]) =
        let limit = (column |> Seq.map n.Size |> Seq.max) * (1.0 - 1e-8)
        let largest = column |> Array.find (fun x -> n.Size x >= limit)

        if isNegative n largest then
            vector |> Array.map (Arithmetic.apply1 n TileOp.Neg)
        else
            vector

    /// Cosine and sine of the rotation that makes the off-diagonal element of [[pp, pq]; [pq, qq]] zero (Golub and Van Loan 2013,
    /// section 8.5.2).
    let rotation (n: Arithmetic<'N>) pp qq pq =
        let one, sqrt = Arithmetic.one n, Arithmetic.apply1 n TileOp.Sqrt
        let hypotenuse x = sqrt (Arithmetic.add n (Arithmetic.mul n x x) one)
        let theta = Arithmetic.div n (Arithmetic.sub n qq pp) (Arithmetic.mul n (n.OfFloat 2.0) pq)
        let size = Arithmetic.apply1 n TileOp.Abs theta
        let t = Arithmetic.div n one (Arithmetic.add n size (hypotenuse theta))
        let t = if isNegative n theta then Arithmetic.apply1 n TileOp.Neg t else t
        let c = Arithmetic.div n one (hypotenuse t)
        struct (c, Arithmetic.mul n t c)

    /// Replaces two vectors by their rotation.
    let rotatePair n struct (c, s) (x: 'N[]) (y: 'N[]) =
        for k in 0 .. x.Length - 1 do
            let a, b = x[k], y[k]
            x[k] <- Arithmetic.sub n (Arithmetic.mul n c a) (Arithmetic.mul n s b)
            y[k] <- Arithmetic.add n (Arithmetic.mul n s a) (Arithmetic.mul n c b)

    /// Sweeps of a Jacobi method; convergence is quadratic, and a sweep over small numbers costs nothing more.
    let sweeps order (rotate: int -> int -> unit) =
        for _ in 1..20 do
            for p in 0 .. order - 2 do
                for q in p + 1 .. order - 1 do
                    rotate p q

    let sorted n descending (values: 'N[]) =
        let before i j = Arithmetic.decide n TileOp.Greater (values[j]) (values[i]) = ValueSome true

        let order = OrderedRules.mergeSort before [ 0 .. values.Length - 1 ]
        Array.ofList (if descending then List.rev order else order)

    /// Eigenvalues, ascending, and eigenvectors in columns, by Jacobi's rotations (Golub and Van Loan 2013, section 8.5).
    let eigen (n: Arithmetic<'N>) (source: 'N[][]) : 'N[] * 'N[][] =
        let order = source.Length
        let columns = Array.init order (fun j -> Array.init order (fun i -> source[max i j].[min i j]))

        let vectors =
            Array.init order (fun j -> Array.init order (fun i -> n.OfFloat(if i = j then 1.0 else 0.0)))

        let rotate p q =
            let pp, qq, pq = columns[p].[p], columns[q].[q], columns[p].[q]

            if n.Size pq > 1e-40 * (n.Size pp + n.Size qq) then
                let struct (c, s) = rotation n pp qq pq
                rotatePair n struct (c, s) columns[p] columns[q]
                let rows = transposed columns
                rotatePair n struct (c, s) rows[p] rows[q]
                transposed rows |> Array.iteri (fun j column -> columns[j] <- column)
                rotatePair n struct (c, s) vectors[p] vectors[q]

        sweeps order rotate
        let values = columns |> Array.mapi (fun i column -> column[i])
        let ascending = sorted n false values
        let inOrder = ascending |> Array.map (fun i -> signOf n vectors[i] vectors[i])
        ascending |> Array.map (fun i -> values[i]), transposed inOrder

    /// Singular values, descending, left and right vectors in columns, of a matrix with no more columns than rows, by one-sided rotations
    /// (Hestenes 1958). A left vector of singular value 0 is 0.
    let svd (n: Arithmetic<'N>) (a: 'N[][]) : 'N[] * 'N[][] * 'N[][] =
        let images = transposed a
        let order = images.Length

        let right =
            Array.init order (fun j -> Array.init order (fun i -> n.OfFloat(if i = j then 1.0 else 0.0)))

        let rotate p q =
            let pp, qq, pq = dot n images[p] images[p], dot n images[q] images[q], dot n images[p] images[q]

            if n.Size pq > 1e-33 * sqrt (n.Size pp * n.Size qq) then
                let turn = rotation n pp qq pq
                rotatePair n turn images[p] images[q]
                rotatePair n turn right[p] right[q]

        sweeps order rotate
        let values = images |> Array.map (fun x -> Arithmetic.apply1 n TileOp.Sqrt (dot n x x))
        let descending = sorted n true values

        let left i =
            if n.Size values[i] > 0.0 then
                images[i] |> Array.map (fun x -> Arithmetic.div n x values[i])
            else
                images[i]

        let pick f = descending |> Array.map (fun i -> signOf n right[i] (f i)) |> transposed
        descending |> Array.map (fun i -> values[i]), pick left, pick (fun i -> right[i])

    /// V S⁺ Uᵀ, where singular values up to a limit relative to the largest count as zero.
    let pseudoInverse (n: Arithmetic<'N>) (limit: float) (a: 'N[][]) : 'N[][] =
        let isWide = a.Length > 0 && a.Length < a[0].Length
        let s, u, v = svd n (if isWide then transposed a else a)
        let largest = s |> Seq.map n.Size |> Seq.fold max 0.0

        let inverse =
            s
            |> Array.map (fun x ->
                if n.Size x > limit * largest then
                    Arithmetic.div n (Arithmetic.one n) x
                else
                    Arithmetic.zero n)

        let scaled = v |> Array.map (fun row -> Array.map2 (Arithmetic.mul n) row inverse)
        let result = times n scaled (transposed u)
        if isWide then transposed result else result
