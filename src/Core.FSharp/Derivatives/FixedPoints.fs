namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// When `Diff.fixedPointWith` and `Diff.newtonRootWith` stop, and how the former accelerates.
type IterationOptions = {
    /// Stop when a step changes no element by more than this times 1 + the largest |element|.
    Tolerance: float
    /// Most steps; fewer than needed is an error.
    MaxSteps: int
    /// How many earlier steps Anderson's acceleration combines; 0 for plain iteration.
    Memory: int
}

/// Solvers for implicit functions as loops of tensor operations, so that they run inside every transformation.
module internal FixedPoints =
    let defaults = { Tolerance = 1e-12; MaxSteps = 1000; Memory = 0 }

    let private distance (next: Tensor) (x: Tensor) =
        Tensor.max (Tensor.abs (next - x)) / (1.0 + Tensor.max (Tensor.abs x))

    /// Steps until the change is small. `step` maps a state to the next one; `point` is the vector in it that must settle. Without convergence an
    /// error where there are values, else NaN.
    let private converge name options (step: 'S -> 'S) (point: 'S -> Tensor) (start: 'S) : Tensor =
        if options.MaxSteps < 1 || not (options.Tolerance >= 0.0) || options.Memory < 0 then
            Shape.fail
                $"{name}: options {options.Tolerance}, {options.MaxSteps}, {options.Memory}; want a tolerance of at least 0, a step at least, and no negative memory"

        let tolerance = Tensor.scalar options.Tolerance

        let body (state, _: Tensor) =
            let next = step state
            next, distance (point next) (point state)

        let going (_, change) = Tensor.greater change tolerance

        let (last, change), _ =
            Control.whileAtMost name options.MaxSteps going body (start, Tensor.scalar infinity)

        let settled = Tensor.lessEqual change tolerance

        if settled.IsConcrete && settled.item () <> 1.0 then
            Shape.fail
                $"{name}: no convergence in {options.MaxSteps} steps: the last one changed x by {change.item ()} relative to 1 + |x|, want at most {options.Tolerance}; start closer, damp the map, or allow more steps"

        Tensor.where settled (point last) (Tensor.scalar nan)

    /// x as one vector, and back.
    let private packed (x: 'X) : Tensor * (Tensor -> 'X) =
        let leaves, _, rebuild = Tree.flatten x
        let nodes = leaves |> Array.map (fun t -> t.Node)
        tensor (CustomRules.pack nodes), fun v -> rebuild (CustomRules.unpack nodes v.Node |> Array.map tensor)

    /// The weights α with Σ α = 1 that make Σ αᵢ fᵢ smallest, where f are the rows; slightly regularised, since rows may repeat.
    let private mixing (f: Tensor) =
        let m = f.Shape[0]
        let gram = Tensor.matmul f (Tensor.transpose f)
        let ridge = 1e-12 * Tensor.trace gram + 1e-200
        let raw = Linalg.solve (gram / ridge + Tensor.eye m) (Tensor.ones [ m; 1 ])
        Tensor.reshape [ 1; m ] (raw / Tensor.sum raw)

    /// The last points and their images in rows, newest last; the next point combines the images (Walker and Ni 2011, with mixing 1).
    let private anderson (g: Tensor -> Tensor) (points: Tensor, images: Tensor) =
        let n = points.Shape[1]
        let next = Tensor.reshape [ n ] (Tensor.matmul (mixing (images - points)) images)
        let push (rows: Tensor) (row: Tensor) = Tensor.concat 0 [ rows[1..]; Tensor.reshape [ 1; n ] row ]
        push points next, push images (g next)

    let fixedPoint (options: IterationOptions) (g: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X =
        let residual a x = Tree.map2 (-) x (g a x)

        let solver a =
            let x, unpack = packed start
            let image x = fst (packed (g a (unpack x)))

            if x.Size = 0 then
                start
            elif options.Memory = 0 then
                unpack (converge "fixedPoint" options image id x)
            else
                let rows v = Tensor.broadcastTo [ options.Memory; x.Size ] v
                let newest (points: Tensor, _: Tensor) = points[options.Memory - 1]
                unpack (converge "fixedPoint" options (anderson image) newest (rows x, rows (image x)))

        Implicit.root "fixedPoint" residual solver a

    let newtonRoot (options: IterationOptions) (residual: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X =
        let solver a =
            let x, unpack = packed start

            let step (x: Tensor) =
                let t = trace (residual a) (unpack x)
                matching "newtonRoot" "residual" t.Variables t.Outputs
                let n = x.Size
                let right = reshape [| n; 1 |] (CustomRules.pack t.Outputs)
                let jacobian = Implicit.transposedJacobian t.Variables t.Outputs n

                let move =
                    LinearAlgebra.solveFor
                        "newtonRoot: a step needs the Jacobian of the residual inverted"
                        true
                        jacobian
                        right

                let at = Substitute.apply t.Variables t.Values [| reshape [| n |] move |]
                x - tensor at[0]

            if x.Size = 0 then start else unpack (converge "newtonRoot" options step id x)

        Implicit.root "newtonRoot" residual solver a
