namespace Hesse

open Hesse.Kernels

/// The textbook algorithms of linear algebra over any number system: an oracle for LAPACK and for the kernels. Matrices are arrays of rows.
module internal MatrixAlgebra =
    let private ofFlat rows columns (x: 'N[]) : 'N[][] =
        Array.init rows (fun i -> x[i * columns .. (i + 1) * columns - 1])

    let private flat (m: 'N[][]) : 'N[] = Array.concat m

    let private transposed (m: 'N[][]) =
        if m.Length = 0 then
            m
        else
            Array.init m[0].Length (fun j -> Array.init m.Length (fun i -> m[i][j]))

    let private dot (n: Arithmetic<'N>) (a: 'N[]) (b: 'N[]) =
        Array.fold2 (fun total x y -> Arithmetic.add n total (Arithmetic.mul n x y)) (Arithmetic.zero n) a b

    let private times n (a: 'N[][]) (b: 'N[][]) =
        let columns = transposed b
        a |> Array.map (fun row -> columns |> Array.map (dot n row))

    /// Adds to a row a multiple of another one.
    let private addMultiple n (row: 'N[]) factor (other: 'N[]) =
        for j in 0 .. row.Length - 1 do
            row[j] <- Arithmetic.add n row[j] (Arithmetic.mul n factor other[j])

    // ----- elimination -----

    /// Upper triangle by elimination with the largest pivot, right-hand sides carried along; and the sign of the order of the rows. An error
    /// where no pivot of a column is certainly different from 0: true when they are certainly 0.
    let private eliminate n (a: 'N[][]) (b: 'N[][]) : Result<'N[][] * 'N[][] * int, bool> =
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
    let private substitute (n: Arithmetic<'N>) isLower (a: 'N[][]) (b: 'N[][]) : 'N[][] =
        let order = a.Length
        let x = Array.map Array.copy b

        for step in 0 .. order - 1 do
            let i = if isLower then step else order - 1 - step

            let first, last = if isLower then 0, i - 1 else i + 1, order - 1

            for j in first..last do
                addMultiple n x[i] (Arithmetic.apply1 n TileOp.Neg (a[i].[j])) x[j]

            x[i] <- x[i] |> Array.map (fun v -> Arithmetic.div n v (a[i].[i]))

        x

    let private noPivot (n: Arithmetic<'N>) op =
        Shape.fail
            $"{n.Name}: {op}: no pivot is certainly different from 0; the matrix is singular, or the bounds of its elements are too wide"

    let private solve n a b =
        match eliminate n a b with
        | Ok(upper, right, _) -> substitute n false upper right
        | Error _ -> noPivot n "solve"

    let private productOfDiagonal n (upper: 'N[][]) =
        upper |> Array.mapi (fun i row -> row[i]) |> Array.fold (Arithmetic.mul n) (Arithmetic.one n)

    /// The determinant; 0 where a pivot is certainly 0.
    let private det (n: Arithmetic<'N>) op (a: 'N[][]) =
        match eliminate n a (Array.create a.Length [||]) with
        | Ok(upper, _, sign) -> Arithmetic.mul n (n.OfFloat(float sign)) (productOfDiagonal n upper)
        | Error true -> Arithmetic.zero n
        | Error false -> noPivot n op

    // ----- factorisations -----

    let private cholesky (n: Arithmetic<'N>) (a: 'N[][]) : 'N[][] =
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
    let private orthonormal (n: Arithmetic<'N>) (a: 'N[][]) : 'N[][] =
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

    let private isNegative (n: Arithmetic<'N>) x =
        Arithmetic.decide n TileOp.Greater (Arithmetic.zero n) x = ValueSome true

    /// A vector with the sign that makes the first of the largest components (to 10⁻⁸) of `column` positive: the rule of the kernels.
    let private signOf (n: Arithmetic<'N>) (column: 'N[]) (vector: 'N[]) =
        let limit = (column |> Seq.map n.Size |> Seq.max) * (1.0 - 1e-8)
        let largest = column |> Array.find (fun x -> n.Size x >= limit)

        if isNegative n largest then
            vector |> Array.map (Arithmetic.apply1 n TileOp.Neg)
        else
            vector

    /// Cosine and sine of the rotation that makes the off-diagonal element of [[pp, pq]; [pq, qq]] zero (Golub and Van Loan 2013,
    /// section 8.5.2).
    let private rotation (n: Arithmetic<'N>) pp qq pq =
        let one, sqrt = Arithmetic.one n, Arithmetic.apply1 n TileOp.Sqrt
        let hypotenuse x = sqrt (Arithmetic.add n (Arithmetic.mul n x x) one)
        let theta = Arithmetic.div n (Arithmetic.sub n qq pp) (Arithmetic.mul n (n.OfFloat 2.0) pq)
        let size = Arithmetic.apply1 n TileOp.Abs theta
        let t = Arithmetic.div n one (Arithmetic.add n size (hypotenuse theta))
        let t = if isNegative n theta then Arithmetic.apply1 n TileOp.Neg t else t
        let c = Arithmetic.div n one (hypotenuse t)
        struct (c, Arithmetic.mul n t c)

    /// Replaces two vectors by their rotation.
    let private rotatePair n struct (c, s) (x: 'N[]) (y: 'N[]) =
        for k in 0 .. x.Length - 1 do
            let a, b = x[k], y[k]
            x[k] <- Arithmetic.sub n (Arithmetic.mul n c a) (Arithmetic.mul n s b)
            y[k] <- Arithmetic.add n (Arithmetic.mul n s a) (Arithmetic.mul n c b)

    /// Sweeps of a Jacobi method; convergence is quadratic, and a sweep over small numbers costs nothing more.
    let private sweeps order (rotate: int -> int -> unit) =
        for _ in 1..20 do
            for p in 0 .. order - 2 do
                for q in p + 1 .. order - 1 do
                    rotate p q

    let private sorted n descending (values: 'N[]) =
        let before i j = Arithmetic.decide n TileOp.Greater (values[j]) (values[i]) = ValueSome true

        let order = OrderedRules.mergeSort before [ 0 .. values.Length - 1 ]
        Array.ofList (if descending then List.rev order else order)

    /// Eigenvalues, ascending, and eigenvectors in columns, by Jacobi's rotations (Golub and Van Loan 2013, section 8.5).
    let private eigen (n: Arithmetic<'N>) (source: 'N[][]) : 'N[] * 'N[][] =
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
    let private svd (n: Arithmetic<'N>) (a: 'N[][]) : 'N[] * 'N[][] * 'N[][] =
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
    let private pseudoInverse (n: Arithmetic<'N>) (limit: float) (a: 'N[][]) : 'N[][] =
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

    // ----- the exponential -----

    /// ∂ᵏ/∂t₁…∂tₖ exp(A + Σ tᵢEᵢ) at 0: Taylor's series of the scaled matrix, then squarings, in the algebra where every tᵢ² = 0. An element
    /// is one matrix for each set of the tᵢ, indexed by bits.
    let private exponential (n: Arithmetic<'N>) (args: 'N[][][]) : 'N[][] =
        let order = args[0].Length
        let sets = 1 <<< (args.Length - 1)
        let zero = Array.init order (fun _ -> Array.create order (Arithmetic.zero n))
        let plus = Array.map2 (Array.map2 (Arithmetic.add n))
        let scale c = Array.map (Array.map (Arithmetic.mul n (n.OfFloat c)))

        let multiply (x: 'N[][][]) (y: 'N[][][]) =
            Array.init sets (fun set ->
                seq { 0..set }
                |> Seq.filter (fun part -> part &&& set = part)
                |> Seq.fold (fun total part -> plus total (times n (x[part]) (y[set ^^^ part]))) zero)

        let largest = args |> Seq.collect (Seq.collect (Seq.map n.Size)) |> Seq.fold max 1e-300
        let squarings = max 0 (int (System.Math.Ceiling(System.Math.Log2(largest * float order))) + 3)
        let down = System.Math.ScaleB(1.0, -squarings)

        let x =
            Array.init sets (fun set ->
                if set = 0 then
                    scale down args[0]
                elif System.Numerics.BitOperations.IsPow2 set then
                    scale down args[1 + System.Numerics.BitOperations.Log2(uint32 set)]
                else
                    zero)

        let identity =
            Array.init order (fun i -> Array.init order (fun j -> n.OfFloat(if i = j then 1.0 else 0.0)))

        let mutable term = Array.init sets (fun set -> if set = 0 then identity else zero)
        let mutable sum = term

        for k in 1..28 do
            let next = multiply term x
            term <- next |> Array.map (Array.map (Array.map (fun v -> Arithmetic.div n v (n.OfFloat(float k)))))
            sum <- Array.map2 plus sum term

        for _ in 1..squarings do
            sum <- multiply sum sum

        sum[sets - 1]

    // ----- cofactors -----

    /// ∂ᵏ/∂t₁…∂tₖ of the cofactors of A + Σ tᵢEᵢ, in the same algebra; determinants by Bird's algorithm, which divides by nothing
    /// (Bird 2011, "A simple division-free algorithm for computing determinants").
    let private cofactors (n: Arithmetic<'N>) (args: 'N[][][]) : 'N[][] =
        let order = args[0].Length
        let sets = 1 <<< (args.Length - 1)
        let none = Array.create sets (Arithmetic.zero n)
        let add = Array.map2 (Arithmetic.add n)
        let neg = Array.map (Arithmetic.apply1 n TileOp.Neg)

        let mul (x: 'N[]) (y: 'N[]) =
            Array.init sets (fun set ->
                seq { 0..set }
                |> Seq.filter (fun part -> part &&& set = part)
                |> Seq.fold
                    (fun total part -> Arithmetic.add n total (Arithmetic.mul n (x[part]) (y[set ^^^ part])))
                    (Arithmetic.zero n))

        let element i j =
            Array.init sets (fun set ->
                if set = 0 then
                    args[0].[i].[j]
                elif System.Numerics.BitOperations.IsPow2 set then
                    args[1 + System.Numerics.BitOperations.Log2(uint32 set)].[i].[j]
                else
                    Arithmetic.zero n)

        let determinant (m: 'N[][][]) =
            let size = m.Length

            let step (x: 'N[][][]) =
                // Above the diagonal x itself, on it minus the sum of what follows on it.
                let upper i j =
                    if j > i then
                        x[i].[j]
                    elif j < i then
                        none
                    else
                        Seq.fold (fun t k -> add t (x[k].[k])) none (seq { i + 1 .. size - 1 }) |> neg

                Array.init size (fun i ->
                    Array.init size (fun j ->
                        Seq.fold (fun t k -> add t (mul (upper i k) (m[k].[j]))) none (seq { 0 .. size - 1 })))

            if size = 0 then
                Array.init sets (fun set -> n.OfFloat(if set = 0 then 1.0 else 0.0))
            else
                let last = Seq.fold (fun x _ -> step x) m (seq { 2..size })
                if size % 2 = 0 then neg (last[0].[0]) else last[0].[0]

        let all = Array.init order (fun i -> Array.init order (element i))

        Array.init order (fun i ->
            Array.init order (fun j ->
                let minor = all |> Array.removeAt i |> Array.map (Array.removeAt j)
                let value = (determinant minor)[sets - 1]
                if (i + j) % 2 = 0 then value else Arithmetic.apply1 n TileOp.Neg value))

    // ----- rules by primitive -----

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
