namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear
open Hesse.Movement

/// Solvers, determinants and the exponential of the matrices in the last two axes; the axes before them are a batch.
///
/// A rule is written with primitives of this family and matrix products, so that it may be differentiated again.
module internal LinearAlgebra =
    let batchOf (shape: int[]) = shape[.. shape.Length - 3]
    let last (x: Node) = x.Shape[x.Shape.Length - 1]
    let count (shape: int[]) = Array.fold (*) 1 shape

    /// The transpose of every matrix.
    let transposed (x: Node) =
        let r = x.Shape.Length
        transpose (Array.append [| 0 .. r - 3 |] [| r - 1; r - 2 |]) x

    /// One matrix, repeated for the whole batch.
    let private everyMatrix (shape: int[]) (element: int -> int -> float) =
        let r = shape.Length
        let m, n = shape[r - 2], shape[r - 1]
        let matrix = weak [| m; n |] (Array.init (m * n) (fun k -> element (k / n) (k % n)))
        broadcast shape [| r - 2; r - 1 |] matrix

    let identity (shape: int[]) = everyMatrix shape (fun i j -> if i = j then 1.0 else 0.0)

    let masked (keep: int -> int -> float) (x: Node) = mul x (everyMatrix x.Shape keep)

    /// A triangle of each matrix with its diagonal, zeros elsewhere.
    let triangle (isLower: bool) (x: Node) = masked (fun i j -> if i = j || (i > j) = isLower then 1.0 else 0.0) x

    let mm = Contraction.matmul

    let checkSquare (op: string) (shape: int[]) =
        let r = shape.Length

        if r < 2 || shape[r - 1] <> shape[r - 2] then
            Shape.fail
                $"{op}: expected a square matrix [..., n, n], got shape {Shape.show shape}; the matrix is in the last two axes, batch axes before it"

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

    let batchOne p attr (args: Node[]) (_: bool[]) (_: int) = bind p attr args

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

    // ----- functions and their derivatives in given directions ----------------------------------------------------

    /// A tangent of A is one more direction; in each direction the derivative is linear.
    let private directionRule p attr (args: Node[]) (dargs: Node option[]) =
        let inDirection i (t: Node) = bind p attr (if i = 0 then Array.append args [| t |] else Array.updateAt i t args)

        dargs
        |> Array.mapi (fun i tangent -> tangent |> Option.map (inDirection i))
        |> Array.choose id
        |> Array.fold (fun total t -> total |> Option.map (fun s -> add s t) |> Option.orElse (Some t)) None

    /// Directions commute; one order makes equal derivatives one node.
    let private inOrder p attr (args: Node[]) =
        let directions = args[1..]
        let sorted = directions |> Array.sortBy (fun e -> e.Id)

        if directions |> Array.exists (fun e -> e.Uniform = ValueSome 0.0) then
            Some(zeros args[0].Shape)
        elif Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) sorted directions then
            None
        else
            Some(bind p attr (Array.append [| args[0] |] sorted))

    /// A function f of a matrix A together with its mixed derivatives ∂ᵏ/∂t₁…∂tₖ f(A + t₁E₁ + … + tₖEₖ) at t = 0: one operation
    /// on A, E₁, …, Eₖ, closed under differentiation by itself. Turned around in one direction, it is the same operation on the
    /// cotangent in its place and `adjoint` of the other arguments.
    let private directional name doc (adjoint: Node -> Node) (step: int -> int -> int[] -> int -> Step) =
        let rec p: Primitive = {
            Name = name
            Doc = doc
            Shape =
                fun _ s ->
                    checkSquare name s[0]
                    Shape.same name s
            Derivative = Derivative.Rule(fun attr args _ dargs -> directionRule p attr args dargs)
            Transpose =
                Some(fun attr args ct i ->
                    args |> Array.mapi (fun j x -> if j = i then ct else adjoint x) |> bind p attr)
            Batch = fun p attr args flags n -> bind p attr (Array.map2 (fun x flag -> prependAxis x flag n) args flags)
            Simplify = fun attr args -> inOrder p attr args
            Lower =
                Lowering.Steps(fun _ _ shape slots out -> [
                    step (count (batchOf shape)) shape[shape.Length - 1] slots out
                ])
        }

        p

    // ⟨W, D(A; E₁, …)⟩ is linear in Eᵢ with gradient D(Aᵀ; …, W, …), the other directions transposed too.
    let expmP =
        directional
            "expm"
            "∂ᵏ/∂t₁…∂tₖ exp(A + t₁E₁ + … + tₖEₖ) at t = 0, for arguments A, E₁, …, Eₖ; exp(A) for A alone."
            transposed
            (fun batch n slots out -> ExponentialStep(batch, n, slots, out))

    // The cofactors are the gradient of the determinant, so their derivatives are symmetric: ⟨W, D(A; E₁, …)⟩ = ⟨E₁, D(A; W, …)⟩.
    let cofactorP =
        directional
            "cofactor"
            "∂ᵏ/∂t₁…∂tₖ cof(A + t₁E₁ + … + tₖEₖ) at t = 0, for arguments A, E₁, …, Eₖ; cof(A) is the gradient of det A."
            id
            (fun batch n slots out -> CofactorStep(batch, n, slots, out))

    let expm a = bind expmP NoAttr [| a |]
    let cofactor a = bind cofactorP NoAttr [| a |]

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
            (Derivative.Rule(fun _ args _ dargs ->
                dargs[0]
                |> Option.map (fun da ->
                    let r = da.Shape.Length
                    sum [| r - 2; r - 1 |] (mul da (cofactor args[0])))))

    let signDet a = bind signDetP NoAttr [| a |]
    let logAbsDet a = bind logAbsDetP NoAttr [| a |]
    let det a = bind detP NoAttr [| a |]

    /// The primitives of this file, in order.
    let primitives = [ triangularSolveP; solveP; expmP; cofactorP; signDetP; logAbsDetP; detP ]
