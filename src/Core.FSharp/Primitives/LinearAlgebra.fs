namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear
open Hesse.Movement

/// Solvers, factorisations and determinants of the matrices in the last two axes; the axes before them are a batch.
///
/// A rule is written with primitives of this family and matrix products, so that it may be differentiated again. A factorisation
/// of a symmetric matrix reads the lower triangle, and its derivatives are those of that function of the lower triangle;
/// `symmetrize` in front makes it a function of all elements.
module internal LinearAlgebra =
    let private batchOf (shape: int[]) = shape[.. shape.Length - 3]
    let private last (x: Node) = x.Shape[x.Shape.Length - 1]
    let private count (shape: int[]) = Array.fold (*) 1 shape

    /// The transpose of every matrix.
    let transposed (x: Node) =
        let r = x.Shape.Length
        transpose (Array.append [| 0 .. r - 3 |] [| r - 1; r - 2 |]) x

    /// One matrix, repeated for the whole batch.
    let private everyMatrix (shape: int[]) (element: int -> int -> float) =
        let r = shape.Length
        let m, n = shape[r - 2], shape[r - 1]
        let matrix = constant [| m; n |] (Array.init (m * n) (fun k -> element (k / n) (k % n)))
        broadcast shape [| r - 2; r - 1 |] matrix

    let identity (shape: int[]) = everyMatrix shape (fun i j -> if i = j then 1.0 else 0.0)

    let private masked (keep: int -> int -> float) (x: Node) = mul x (everyMatrix x.Shape keep)

    /// A triangle of each matrix with its diagonal, zeros elsewhere.
    let triangle (isLower: bool) (x: Node) = masked (fun i j -> if i = j || (i > j) = isLower then 1.0 else 0.0) x

    /// The symmetric matrix with this lower triangle.
    let private fromLower (x: Node) =
        add (triangle true x) (transposed (masked (fun i j -> if i > j then 1.0 else 0.0) x))

    let private mm = Contraction.matmul

    let private checkSquare (op: string) (shape: int[]) =
        let r = shape.Length

        if r < 2 || shape[r - 1] <> shape[r - 2] then
            Shape.fail
                $"{op}: expected a square matrix [..., n, n], got shape {Shape.show shape}; the matrix is in the last two axes, batch axes before it"

    /// (A + Aᵀ)/2.
    let symmetrize (op: string) (x: Node) =
        checkSquare op x.Shape
        scale 0.5 (add x (transposed x))

    let private checkSystem (op: string) (a: int[]) (b: int[]) =
        checkSquare op a

        if b.Length <> a.Length || batchOf a <> batchOf b || b[b.Length - 2] <> a[a.Length - 1] then
            Shape.fail
                $"{op}: a right-hand side of shape {Shape.show b} does not fit matrices of shape {Shape.show a}; want [..., {a[a.Length - 1]}, k] with the same batch axes"

    let private prependAxis (x: Node) flag n = if flag then x else batchAxis n x

    /// The batch rule of op(A) x = b. One matrix for many right-hand sides is factored once: the batch becomes columns.
    let private batchSystem p attr (args: Node[]) (flags: bool[]) n =
        let a, b = args[0], args[1]

        if flags[0] then
            bind p attr [| a; prependAxis b flags[1] n |]
        else
            let r = b.Shape.Length
            let toColumns = Array.concat [ [| 1 .. r - 2 |]; [| 0; r - 1 |] ]
            let back = Array.concat [ [| r - 2 |]; [| 0 .. r - 3 |]; [| r - 1 |] ]
            let columns = transpose toColumns b
            let wide = Array.append b.Shape[1 .. r - 2] [| n * last b |]
            transpose back (reshape columns.Shape (bind p attr [| a; reshape wide columns |]))

    let private batchOne p attr (args: Node[]) (_: bool[]) (_: int) = bind p attr args

    // ----- systems ------------------------------------------------------------------------------------------------

    let private triangleOf attr =
        match attr with
        | Triangle(isLower, flipped) -> struct (isLower, flipped)
        | _ -> struct (true, false)

    let rec triangularSolveP: Primitive = {
        Name = "triangularSolve"
        Doc = "x with op(A) x = b, where A is a triangle and op the identity or the transpose."
        Shape =
            fun _ s ->
                checkSystem "triangularSolve" s[0] s[1]
                s[1]
        Derivative =
            Derivative.Quotient(
                1,
                0,
                fun attr a x ->
                    let struct (isLower, flipped) = triangleOf attr
                    let a = triangle isLower a
                    mm (if flipped then transposed a else a) x
            )
        Transpose =
            Some(fun attr args ct _ ->
                let struct (isLower, flipped) = triangleOf attr
                triangularSolve isLower (not flipped) args[0] ct)
        Batch = batchSystem
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr _ shape slots out ->
                let struct (isLower, flipped) = triangleOf attr
                let r = shape.Length

                [
                    TriangularSolveStep(
                        count (batchOf shape),
                        shape[r - 2],
                        shape[r - 1],
                        isLower,
                        flipped,
                        slots[0],
                        slots[1],
                        out
                    )
                ])
    }

    and triangularSolve (isLower: bool) (flipped: bool) a b =
        bind triangularSolveP (Triangle(isLower, flipped)) [| a; b |]

    let private isFlipped attr =
        match attr with
        | Transposed(flipped, _) -> flipped
        | _ -> false

    let private operationOf attr =
        match attr with
        | Transposed(_, operation) -> operation
        | _ -> "solve"

    let rec solveP: Primitive = {
        Name = "solve"
        Doc = "x with op(A) x = b, by LU factorisation; op is the identity or the transpose."
        Shape =
            fun _ s ->
                checkSystem "solve" s[0] s[1]
                s[1]
        Derivative = Derivative.Quotient(1, 0, (fun attr a x -> mm (if isFlipped attr then transposed a else a) x))
        Transpose = Some(fun attr args ct _ -> solveFor (operationOf attr) (not (isFlipped attr)) args[0] ct)
        Batch = batchSystem
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr _ shape slots out ->
                let r = shape.Length

                [
                    SolveStep(
                        count (batchOf shape),
                        shape[r - 2],
                        shape[r - 1],
                        isFlipped attr,
                        slots[0],
                        slots[1],
                        out,
                        operationOf attr
                    )
                ])
    }

    /// A system on behalf of another operation, which the error about a singular matrix names.
    and solveFor (operation: string) (flipped: bool) a b = bind solveP (Transposed(flipped, operation)) [| a; b |]

    let solve (flipped: bool) a b = solveFor "solve" flipped a b

    let inverse (a: Node) =
        checkSquare "inverse" a.Shape
        solve false a (identity a.Shape)

    // ----- determinants -------------------------------------------------------------------------------------------

    let private determinant name doc part derivative : Primitive = {
        Name = name
        Doc = doc
        Shape =
            fun _ s ->
                checkSquare name s[0]
                batchOf s[0]
        Derivative = derivative
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun _ s shape slots out -> [
                DeterminantStep(part, count shape, s[0][s[0].Length - 1], slots[0], out)
            ])
    }

    /// tr(A⁻¹ dA), which is d log|det A| (Jacobi's formula).
    let private traceOfSolved (a: Node) (da: Node) =
        let r = a.Shape.Length
        sum [| r - 2; r - 1 |] (mul da (transposed (inverse a)))

    let signDetP =
        determinant "signDet" "Sign of the determinant: −1, 0 or 1." DeterminantPart.Sign Derivative.Zero

    let logAbsDetP =
        determinant
            "logAbsDet"
            "Logarithm of the absolute value of the determinant."
            DeterminantPart.LogAbsolute
            (Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (traceOfSolved args[0])))

    let detP =
        determinant
            "det"
            "Determinant."
            DeterminantPart.Value
            (Derivative.Rule(fun _ args y dargs -> dargs[0] |> Option.map (fun da -> mul (traceOfSolved args[0] da) y)))

    let signDet a = bind signDetP NoAttr [| a |]
    let logAbsDet a = bind logAbsDetP NoAttr [| a |]
    let det a = bind detP NoAttr [| a |]

    // ----- symmetric matrices -------------------------------------------------------------------------------------

    let private squareShape name (_: Attr) (s: int[][]) =
        checkSquare name s[0]
        s[0]

    /// A rule of one argument: from argument, result and tangent.
    let private ruleOfOne (rule: Node -> Node -> Node -> Node) =
        Derivative.Rule(fun _ args y dargs -> dargs[0] |> Option.map (rule args[0] y))

    /// One step for the whole batch, from batch size, order and slots.
    let private squareSteps (step: int -> int -> int -> int -> Step) =
        Lowering.Steps(fun _ s _ slots out ->
            let n = s[0].Length
            [ step (count (batchOf s[0])) (s[0][n - 1]) slots[0] out ])

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

    /// Two eigenvalues are taken as equal when they differ by no more than this times n times the largest |eigenvalue|.
    [<Literal>]
    let private equalEigenvalues = 1e-14

    /// F with F_ij = 1/(λ_j − λ_i), and 0 where the two are equal, in particular on the diagonal.
    let private inverseGaps (values: Node) =
        let r = values.Shape.Length
        let n = last values
        let shape = Array.append values.Shape [| n |]
        let batch = [| 0 .. r - 2 |]

        let gap =
            sub (broadcast shape (Array.append batch [| r |]) values) (broadcast shape [| 0 .. r - 1 |] values)

        let largest = Elementwise.maxOver [| r - 1 |] (Elementwise.abs values)
        let limit = broadcast shape batch (scale (equalEigenvalues * float n) largest)
        let isEqual = Elementwise.greaterEqual limit (Elementwise.abs gap)
        let one = full shape 1.0
        Elementwise.select isEqual (zeros shape) (Elementwise.div one (Elementwise.select isEqual one gap))

    let rec eigenvaluesP: Primitive = {
        Name = "eigenvalues"
        Doc = "Eigenvalues of a symmetric matrix, ascending; reads the lower triangle."
        Shape =
            fun _ s ->
                checkSquare "eigenvalues" s[0]
                s[0][.. s[0].Length - 2]
        Derivative = Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (eigenvalueTangent args[0]))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = squareSteps (fun batch n a out -> EigenStep(false, batch, n, a, out))
    }

    and eigenvectorsP: Primitive = {
        Name = "eigenvectors"
        Doc = "Eigenvectors of a symmetric matrix in columns, by ascending eigenvalue; reads the lower triangle."
        Shape = fun attr s -> squareShape "eigenvectors" attr s
        Derivative = Derivative.Rule(fun _ args v dargs -> dargs[0] |> Option.map (eigenvectorTangent args[0] v))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower = squareSteps (fun batch n a out -> EigenStep(true, batch, n, a, out))
    }

    /// dλ_i = v_iᵀ dA v_i.
    and private eigenvalueTangent (a: Node) (da: Node) =
        let v = eigenvectors a
        sum [| a.Shape.Length - 2 |] (mul v (mm (fromLower da) v))

    /// dV = V (F ∘ Vᵀ dA V).
    and private eigenvectorTangent (a: Node) (v: Node) (da: Node) =
        let rotated = mm (transposed v) (mm (fromLower da) v)
        mm v (mul rotated (inverseGaps (eigenvalues a)))

    and eigenvalues a = bind eigenvaluesP NoAttr [| a |]
    and eigenvectors a : Node = bind eigenvectorsP NoAttr [| a |]

    // ----- orthogonal factors -------------------------------------------------------------------------------------

    let rec orthonormalP: Primitive = {
        Name = "orthonormal"
        Doc = "The factor Q of A = Q R: orthonormal columns, R upper triangular with a positive diagonal."
        Shape =
            fun _ s ->
                let r = s[0].Length

                if r < 2 || s[0][r - 2] < s[0][r - 1] then
                    Shape.fail
                        $"qr: expected matrices [..., m, n] with m ≥ n, got shape {Shape.show s[0]}; transpose wide matrices"

                s[0]
        Derivative = Derivative.Rule(fun _ args q dargs -> dargs[0] |> Option.map (orthonormalTangent args[0] q))
        Transpose = None
        Batch = batchOne
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun _ s shape slots out ->
                let r = shape.Length
                [ OrthonormalStep(count (batchOf s[0]), shape[r - 2], shape[r - 1], slots[0], out) ])
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

    // ----- matrix exponential -------------------------------------------------------------------------------------

    let rec expmP: Primitive = {
        Name = "expm"
        Doc = "∂ᵏ/∂t₁…∂tₖ exp(A + t₁E₁ + … + tₖEₖ) at t = 0, for arguments A, E₁, …, Eₖ; exp(A) for A alone."
        Shape =
            fun _ s ->
                checkSquare "expm" s[0]
                Shape.same "expm" s
        Derivative = Derivative.Rule expmRule
        Transpose =
            Some(fun attr args ct i ->
                // ⟨W, D(A; E₁, …)⟩ is linear in Eᵢ with gradient D(Aᵀ; …, W, …), the other directions transposed too.
                args |> Array.mapi (fun j x -> if j = i then ct else transposed x) |> bind expmP attr)
        Batch = fun p attr args flags n -> bind p attr (Array.map2 (fun x flag -> prependAxis x flag n) args flags)
        Simplify =
            fun attr args ->
                let directions = args[1..]

                if directions |> Array.exists (fun e -> e.Uniform = ValueSome 0.0) then
                    Some(zeros args[0].Shape)
                else
                    // Directions commute; one order makes equal derivatives one node.
                    let sorted = directions |> Array.sortBy (fun e -> e.Id)

                    if Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) sorted directions then
                        None
                    else
                        Some(bind expmP attr (Array.append [| args[0] |] sorted))
        Lower =
            Lowering.Steps(fun _ _ shape slots out -> [
                ExponentialStep(count (batchOf shape), shape[shape.Length - 1], slots, out)
            ])
    }

    /// A tangent of A is one more direction; in each direction the derivative is linear.
    and private expmRule attr (args: Node[]) (_: Node) (dargs: Node option[]) =
        let inDirection i (t: Node) =
            bind expmP attr (if i = 0 then Array.append args [| t |] else Array.updateAt i t args)

        dargs
        |> Array.mapi (fun i tangent -> tangent |> Option.map (inDirection i))
        |> Array.choose id
        |> Array.fold (fun total t -> total |> Option.map (fun s -> add s t) |> Option.orElse (Some t)) None

    let expm a = bind expmP NoAttr [| a |]

    /// The primitives of this file, in order.
    let primitives = [
        triangularSolveP
        solveP
        signDetP
        logAbsDetP
        detP
        choleskyP
        eigenvaluesP
        eigenvectorsP
        orthonormalP
        expmP
    ]
