namespace Hesse

open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear
open Hesse.Movement
open Hesse.LinearAlgebra

/// Factorisations of the matrices in the last two axes; the axes before them are a batch.
///
/// A rule is written with products, solves and the factorisation itself, so that it may be differentiated again. A factorisation of a
/// symmetric matrix reads the lower triangle, and its derivatives are those of that function of the lower triangle; `symmetrize`
/// in front makes it a function of all elements. Where two factors belong together, they are one operation, whose result is cut.
module internal Factorisations =
    /// (A + Aᵀ)/2.
    let symmetrize (op: string) (x: Node) =
        checkSquare op x.Shape
        scale 0.5 (add x (transposed x))

    /// The symmetric matrix with this lower triangle.
    let private fromLower (x: Node) =
        add (triangle true x) (transposed (masked (fun i j -> if i > j then 1.0 else 0.0) x))

    // ----- symmetric matrices -------------------------------------------------------------------------------------

    let private squareShape name (_: Attr) (s: int[][]) =
        checkSquare name s[0]
        s[0]

    /// A rule of one argument: from argument, result and tangent.
    let private ruleOfOne (rule: Node -> Node -> Node -> Node) =
        Derivative.Rule(fun _ args y dargs -> dargs[0] |> Option.map (rule args[0] y))

    /// One step for the whole batch, from batch size, rows, columns and slots.
    let private matrixSteps (step: int -> int -> int -> int -> int -> Step) =
        Lowering.Steps(fun _ s _ slots out ->
            let r = s[0].Length
            [ step (count (batchOf s[0])) (s[0][r - 2]) (s[0][r - 1]) (slots[0]) out ])

    let private squareSteps (step: int -> int -> int -> int -> Step) =
        matrixSteps (fun batch _ n a out -> step batch n a out)

    /// dL = L Φ(L⁻¹ dA L⁻ᵀ), where Φ takes the lower triangle and half the diagonal (Murray 2016, equation 8).
    let private choleskyRule (_: Node) (l: Node) (da: Node) =
        let half = triangularSolve true false l (fromLower da)
        let inner = triangularSolve true false l (transposed half)

        mm
            l
            (masked
                (fun i j ->
                    if i = j then 0.5
                    elif i > j then 1.0
                    else 0.0)
                inner)

    let choleskyP: Primitive = {
        Name = "cholesky"
        Doc = "Lower L with A = L Lᵀ; reads the lower triangle."
        Shape = squareShape "cholesky"
        Derivative = ruleOfOne choleskyRule
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = squareSteps (fun batch n a out -> CholeskyStep(batch, n, a, out))
    }

    let cholesky a = bind choleskyP NoAttr [| a |]

    // ----- symmetric eigenvalues ----------------------------------------------------------------------------------

    /// Two eigenvalues or singular values are taken as equal when they differ by no more than this times n times the largest: 45
    /// roundings.
    let private equalValues (values: Node) = if values.IsFloat32 then 5.4e-6 else 1e-14

    /// The matrix f(x_i, x_j) of each vector x.
    let private pairs (f: Node -> Node -> Node) (x: Node) =
        let r = x.Shape.Length
        let shape = Array.append x.Shape [| last x |]
        f (broadcast shape [| 0 .. r - 1 |] x) (broadcast shape (Array.append [| 0 .. r - 2 |] [| r |]) x)

    /// 1/x, and 0 where |x| is no more than the limit that `values` set.
    let private reciprocalOrZero (values: Node) (x: Node) =
        let r = values.Shape.Length
        let largest = Elementwise.maxOver [| r - 1 |] (Elementwise.abs values)

        let limit =
            broadcast x.Shape [| 0 .. r - 2 |] (scale (equalValues values * float (last values)) largest)

        let isZero = Elementwise.greaterEqual limit (Elementwise.abs x)
        let one = full x.Shape 1.0
        Elementwise.select isZero (zeros x.Shape) (Elementwise.div one (Elementwise.select isZero one x))

    /// F with F_ij = 1/(λ_j − λ_i), and 0 where the two are equal, in particular on the diagonal.
    let private inverseGaps (values: Node) = values |> pairs (fun xi xj -> sub xj xi) |> reciprocalOrZero values

    /// Rows start .. stop − 1 of each matrix.
    let private rows start stop (x: Node) =
        let r = x.Shape.Length
        let low = Array.init r (fun d -> if d = r - 2 then start else 0)
        let high = Array.init r (fun d -> if d = r - 2 then stop else x.Shape[d])
        slice low high (Array.create r 1) x

    /// The first row of each matrix, as a vector.
    let private firstRow (x: Node) = reshape (Array.append (batchOf x.Shape) [| last x |]) (rows 0 1 x)

    /// Vectors as matrices of one row, above other matrices.
    let private above (blocks: Node list) (values: Node) =
        let row = reshape (Array.insertAt (values.Shape.Length - 1) 1 values.Shape) values
        concat (values.Shape.Length - 1) (Array.ofList (row :: blocks))

    let private diagonal (x: Node) = sum [| x.Shape.Length - 2 |] (mul x (identity x.Shape))

    /// Eigenvalues in the first row, eigenvectors in the columns below: one factorisation for both.
    let private splitEigen (packed: Node) = firstRow packed, rows 1 (last packed + 1) packed

    let rec eigenP: Primitive = {
        Name = "eigen"
        Doc =
            "Eigenvalues of a symmetric matrix, ascending, as first row; its eigenvectors in columns below; reads the lower triangle."
        Shape =
            fun _ s ->
                checkSquare "eigen" s[0]
                let n = s[0][s[0].Length - 1]
                Array.append (batchOf s[0]) [| n + 1; n |]
        // dλ_i = v_iᵀ dA v_i; dV = V (F ∘ Vᵀ dA V).
        Derivative =
            Derivative.Rule(fun _ _ y dargs ->
                dargs[0]
                |> Option.map (fun da ->
                    let values, v = splitEigen y
                    let rotated = mm (transposed v) (mm (fromLower da) v)
                    diagonal rotated |> above [ mm v (mul rotated (inverseGaps values)) ]))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = squareSteps (fun batch n a out -> EigenStep(true, batch, n, a, out))
    }

    /// Values and vectors.
    let eigen a = splitEigen (bind eigenP NoAttr [| a |])

    let eigenvaluesP: Primitive = {
        Name = "eigenvalues"
        Doc = "Eigenvalues of a symmetric matrix, ascending; reads the lower triangle."
        Shape =
            fun _ s ->
                checkSquare "eigenvalues" s[0]
                s[0][.. s[0].Length - 2]
        Derivative =
            ruleOfOne (fun a _ da ->
                let _, v = eigen a
                sum [| a.Shape.Length - 2 |] (mul v (mm (fromLower da) v)))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = squareSteps (fun batch n a out -> EigenStep(false, batch, n, a, out))
    }

    let eigenvalues a = bind eigenvaluesP NoAttr [| a |]

    // ----- singular values ----------------------------------------------------------------------------------------

    let private checkTall (op: string) (shape: int[]) =
        let r = shape.Length

        if r < 2 || shape[r - 2] < shape[r - 1] then
            Shape.fail
                $"{op}: expected matrices [..., m, n] with m ≥ n, got shape {Shape.show shape}; transpose wide matrices"

    /// Singular values, left vectors and right vectors out of their packed form.
    let private splitSvd (packed: Node) =
        let r = packed.Shape.Length
        let n = packed.Shape[r - 1]
        let m = packed.Shape[r - 2] - 1 - n
        firstRow packed, rows 1 (m + 1) packed, rows (m + 1) (m + 1 + n) packed

    /// With P = Uᵀ dA V, E_ij = 1/(s_j − s_i) and G_ij = 1/(s_j + s_i): ds = diag P, Uᵀ dU = ½ (E ∘ (P + Pᵀ) + G ∘ (P − Pᵀ)),
    /// Vᵀ dV = ½ (E ∘ (P + Pᵀ) − G ∘ (P − Pᵀ)), and dU has (I − U Uᵀ) dA V S⁻¹ besides (Townsend 2016, in other words). E and G
    /// are 0 where they divide by nothing, and so is S⁻¹.
    let private svdTangent (y: Node) (da: Node) =
        let s, u, v = splitSvd y
        let image = mm da v
        let p = mm (transposed u) image
        let symmetric = mul (add p (transposed p)) (inverseGaps s)
        let skew = mul (sub p (transposed p)) (s |> pairs add |> reciprocalOrZero s)
        let outside = sub image (mm u p)
        let r = s.Shape.Length
        let scales = broadcast outside.Shape (Array.append [| 0 .. r - 2 |] [| r |]) (reciprocalOrZero s s)
        let du = add (mm u (scale 0.5 (add symmetric skew))) (mul outside scales)
        let dv = mm v (scale 0.5 (sub symmetric skew))
        diagonal p |> above [ du; dv ]

    let svdP: Primitive = {
        Name = "svd"
        Doc =
            "Singular values, descending, as first row; left and right singular vectors in columns below; no more columns than rows."
        Shape =
            fun _ s ->
                checkTall "svd" s[0]
                let m, n = s[0][s[0].Length - 2], s[0][s[0].Length - 1]
                Array.append (batchOf s[0]) [| 1 + m + n; n |]
        Derivative = ruleOfOne (fun _ y da -> svdTangent y da)
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = matrixSteps (fun batch m n a out -> SvdStep(true, batch, m, n, a, out))
    }

    let private isWide (a: Node) = a.Shape[a.Shape.Length - 2] < last a

    /// U, s and V of the thin decomposition A = U diag(s) Vᵀ; of a wide matrix by its transpose.
    let svd (a: Node) =
        if isWide a then
            let s, v, u = splitSvd (bind svdP NoAttr [| transposed a |])
            u, s, v
        else
            let s, u, v = splitSvd (bind svdP NoAttr [| a |])
            u, s, v

    let singularValuesP: Primitive = {
        Name = "singularValues"
        Doc = "Singular values, descending, of a matrix with no more columns than rows."
        Shape =
            fun _ s ->
                checkTall "singularValues" s[0]
                Array.append (batchOf s[0]) [| s[0][s[0].Length - 1] |]
        Derivative =
            ruleOfOne (fun a _ da ->
                let u, _, v = svd a
                sum [| a.Shape.Length - 2 |] (mul u (mm da v)))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = matrixSteps (fun batch m n a out -> SvdStep(false, batch, m, n, a, out))
    }

    let singularValues (a: Node) = bind singularValuesP NoAttr [| (if isWide a then transposed a else a) |]

    // ----- pseudo-inverse -----------------------------------------------------------------------------------------

    /// dA⁺ = −A⁺ dA A⁺ + A⁺ A⁺ᵀ dAᵀ (I − A A⁺) + (I − A⁺ A) dAᵀ A⁺ᵀ A⁺ while the rank stays (Golub and Pereyra 1973, equation 4.12).
    let private pseudoInverseTangent (a: Node) (y: Node) (da: Node) =
        let dat, yt = transposed da, transposed y
        let inner = neg (mm y (mm da y))
        let byRows = mm y (mm yt dat)
        let byColumns = mm dat (mm yt y)
        let left = sub byRows (mm (mm byRows a) y)
        let right = sub byColumns (mm y (mm a byColumns))
        add inner (add left right)

    let pseudoInverseP: Primitive = {
        Name = "pseudoInverse"
        Doc = "Moore-Penrose inverse; singular values up to a limit relative to the largest count as zero."
        Shape =
            fun _ s ->
                let r = s[0].Length

                if r < 2 then
                    Shape.fail $"pinv: expected matrices [..., m, n], got shape {Shape.show s[0]}; reshape it"

                Array.append (batchOf s[0]) [| s[0][r - 1]; s[0][r - 2] |]
        Derivative = ruleOfOne pseudoInverseTangent
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let limit =
                    match attr with
                    | Limit limit -> limit
                    | _ -> 0.0

                let r = s[0].Length
                [ PseudoInverseStep(limit, count (batchOf s[0]), s[0][r - 2], s[0][r - 1], slots[0], out) ])
    }

    let pseudoInverse (limit: float) a = bind pseudoInverseP (Limit limit) [| a |]

    // ----- orthogonal factors -------------------------------------------------------------------------------------

    let rec orthonormalP: Primitive = {
        Name = "orthonormal"
        Doc = "The factor Q of A = Q R: orthonormal columns, R upper triangular with a positive diagonal."
        Shape =
            fun _ s ->
                checkTall "qr" s[0]
                s[0]
        Derivative = Derivative.Rule(fun _ args q dargs -> dargs[0] |> Option.map (orthonormalTangent args[0] q))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = matrixSteps (fun batch m n a out -> OrthonormalStep(batch, m, n, a, out))
    }

    /// With C = dA R⁻¹ and M = Qᵀ C: dQ = C − Q (M − Ω), where the skew Ω = Qᵀ dQ has the strict lower triangle of M, because
    /// M − Ω = dR R⁻¹ is upper triangular.
    and private orthonormalTangent (a: Node) (q: Node) (da: Node) =
        let upper = upperFactor a q
        let c = transposed (triangularSolve false true upper (transposed da))
        let m = mm (transposed q) c
        let below = masked (fun i j -> if i > j then 1.0 else 0.0) m
        sub c (mm q (sub m (sub below (transposed below))))

    /// R = Qᵀ A.
    and upperFactor (a: Node) (q: Node) = triangle false (mm (transposed q) a)

    let orthonormal a = bind orthonormalP NoAttr [| a |]

    /// The primitives of this file, in order.
    let primitives = [ choleskyP; eigenP; eigenvaluesP; svdP; singularValuesP; pseudoInverseP; orthonormalP ]
