namespace Hesse

/// How a linear system A y = b is solved when A is a function.
[<RequireQualifiedAccess>]
type LinearSolver =
    /// The matrix of A, column by column, and its LU factors: n applications of A and n² numbers.
    | Dense
    /// Conjugate gradients (Hestenes and Stiefel 1952), for a symmetric positive definite A.
    | ConjugateGradient
    /// Generalised minimal residuals (Saad and Schultz 1986), for any regular A: keeps so many vectors, then starts again from what it has.
    | Gmres of restart: int

/// How `Diff.linearSolveWith` and `Diff.implicitRootWith` solve linear systems, and when they stop.
type LinearSolveOptions = {
    /// The method.
    Solver: LinearSolver
    /// Stop when |b − A y| is at most this times |b| (Euclidean norms); at least 1e-6 is taken for float32.
    Tolerance: float
    /// Most applications of A; fewer than needed is an error.
    MaxSteps: int
}

/// Solvers for A y = b that only apply A. Vectors are rows, [members; n]: a batch is solved in one loop, and a member that has
/// converged stays as it is. They are loops of tensor operations without histories, since nobody differentiates them.
module internal Krylov =
    /// ⟨a, b⟩ of every row, [members; 1].
    let private dot (a: Tensor) (b: Tensor) = Tensor.expandDims -1 (Tensor.sumAxis -1 (a * b))

    let private zero = Tensor.scalar 0.0
    let private any (mask: Tensor) = Tensor.max mask

    /// Steps while a row's squared residual is above its limit; returns the rows and their squared residuals.
    let private iterate maxSteps (limit: Tensor) (residual: 'S -> Tensor) (step: Tensor -> 'S -> 'S) each (start: 'S) =
        let active state = Tensor.greater (residual state) limit

        let going (state, steps: Tensor) = any (active state) * Tensor.less steps (Tensor.scalar (float maxSteps))

        let body (state, steps: Tensor) = step (active state) state, steps + float each

        let (state, _), _ =
            Control.whileAtMost "linearSolve" Loop.unbounded going body (start, Tensor.scalar 0.0)

        state

    let private conjugateGradient maxSteps limit (apply: Tensor -> Tensor) (b: Tensor) =
        let step active (y, r: Tensor, p: Tensor, rho: Tensor) =
            let image = apply p
            let alpha = Tensor.where active (rho / dot p image) zero
            let next = r - alpha * image
            let square = dot next next
            let beta = Tensor.where active (square / rho) zero
            y + alpha * p, next, next + beta * p, square

        let y, _, _, square =
            iterate maxSteps limit (fun (_, _, _, rho) -> rho) step 1 (Tensor.zeros b.Shape, b, b, dot b b)

        y, square

    /// An orthonormal basis of span(r, A r, …), [steps + 1; members; n], and A in it, [members; steps + 1; steps]: modified twice (Arnoldi 1951).
    /// A vector that adds nothing becomes zero, and so does all that comes after it.
    let private arnoldi steps (apply: Tensor -> Tensor) (first: Tensor) =
        let unit (i: int) = Tensor.equal (Tensor.arange (steps + 1)) (Tensor.scalar (float i))
        let units from = Tensor.stack 0 [ for i in from .. from + steps - 1 -> unit i ]
        let place (at: Tensor) (row: Tensor) = Tensor.reshape [ steps + 1; 1; 1 ] at * Tensor.expandDims 0 row

        let step (basis: Tensor) (here: Tensor, next: Tensor) =
            let image = apply (Tensor.einsum "k,kbn->bn" [ here; basis ])
            let along row = Tensor.einsum "kbn,bn->kb" [ basis; row ]
            let without row parts = row - Tensor.einsum "kb,kbn->bn" [ parts; basis ]
            let parts = along image
            let rest = without image parts
            let more = along rest
            let rest = without rest more
            let size = Tensor.sqrt (dot rest rest)
            let isNew = Tensor.greater size (1e-14 * Tensor.sqrt (dot image image))
            let row = Tensor.where isNew (rest / size) zero
            let height = Tensor.reshape [ 1; row.Shape[0] ] (Tensor.where isNew size zero)
            basis + place next row, parts + more + Tensor.reshape [ steps + 1; 1 ] next * height

        let basis, columns =
            Control.scanWith { Reverse = false; Snapshots = [] } step (place (unit 0) first) (units 0, units 1)

        basis, Tensor.permute [ 2; 1; 0 ] columns

    let private gmres restart maxSteps limit (apply: Tensor -> Tensor) (b: Tensor) =
        let steps = min restart b.Shape[1]

        let step active (y: Tensor, r: Tensor, square: Tensor) =
            let size = Tensor.sqrt square
            let first = Tensor.where active (r / size) zero
            let basis, projected = arnoldi steps apply first
            let isFinite = Tensor.less (Tensor.abs projected) (Tensor.scalar 1e300)
            let inverse = Linalg.pinv (Tensor.where isFinite projected zero)
            // The least residual |size · e₁ − H c|.
            let c = size * Tensor.squeeze 2 (Tensor.slice 2 0 1 1 inverse)
            let next = y + Tensor.einsum "bk,kbn->bn" [ c; Tensor.slice 0 0 steps 1 basis ]
            let rest = b - apply next
            let chosen = Tensor.broadcastTo b.Shape active
            Tensor.where chosen next y, Tensor.where chosen rest r, Tensor.where active (dot rest rest) square

        let y, _, square =
            iterate maxSteps limit (fun (_, _, square) -> square) step steps (Tensor.zeros b.Shape, b, dot b b)

        y, square

    /// Rows y with A y = b, each to the tolerance; without convergence an error where there are values, else NaN.
    let solve name (options: LinearSolveOptions) (apply: Tensor -> Tensor) (b: Tensor) : Tensor =
        // Rows of largest element 1, so that squares neither overflow nor vanish.
        let largest = Tensor.expandDims -1 (Tensor.maxAxis -1 (Tensor.abs b))
        let size = Tensor.where (Tensor.greater largest zero) largest (Tensor.scalar 1.0)
        let b = b / size
        let limit = options.Tolerance * options.Tolerance * dot b b

        let y, square =
            match options.Solver with
            | LinearSolver.Gmres restart -> gmres restart options.MaxSteps limit apply b
            | _ -> conjugateGradient options.MaxSteps limit apply b

        let settled = Tensor.lessEqual square limit

        if settled.IsConcrete && (Tensor.min settled).item() <> 1.0 then
            let worst = Tensor.sqrt (Tensor.max (square / dot b b))

            Shape.fail
                $"{name}: no convergence in {options.MaxSteps} applications: the residual is {worst.item ():G3} times the right-hand side, want at most {options.Tolerance}; allow more steps, scale the system, or use LinearSolver.Dense (conjugate gradients need a symmetric positive definite system)"

        Tensor.where (Tensor.broadcastTo b.Shape settled) (size * y) (Tensor.scalar nan)
