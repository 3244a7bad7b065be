namespace Hesse

open System
open System.Globalization

/// One way to compute a derivative, as predicted before it runs.
type RouteCost = {
    /// What the route is called; `Planner.run` takes this name.
    Name: string
    /// Floating-point operations; a transcendental function counts as one.
    Flops: int64
    /// Bytes read and written by all operations.
    Bytes: int64
    /// Bytes of memory for intermediate values at once, for one block of directions.
    Arena: int64
    /// Whether it fits into the memory limit.
    Fits: bool
    /// Whether it is the one that is taken.
    Chosen: bool
}

/// The ways to compute a derivative, with their costs; nothing has been run yet.
[<NoEquality; NoComparison>]
type DerivativePlan<'R> = internal {
    Title: string
    Choices: Route<'R>[]
    Limit: int64
} with

    /// What is asked for.
    member p.Request = p.Title

    /// The routes in their fixed order.
    member p.Routes: RouteCost[] =
        let chosen = Routes.cheapest p.Limit p.Choices

        p.Choices
        |> Array.map (fun route -> {
            Name = route.Name
            Flops = route.Cost.Value.Flops
            Bytes = route.Cost.Value.Bytes
            Arena = route.Cost.Value.Arena
            Fits = route.Cost.Value.Arena <= p.Limit
            Chosen = obj.ReferenceEquals(route, chosen)
        })

    /// The plan as text: one line for the request, one for each route; → marks the one that is taken.
    override p.ToString() =
        let number (n: int64) =
            if n = Int64.MaxValue then
                "too many"
            else
                n.ToString("N0", CultureInfo.InvariantCulture)

        let lines =
            p.Routes
            |> Array.map (fun r ->
                let mark = if r.Chosen then "→" else " "
                let fits = if r.Fits then "" else ", does not fit"
                $"{mark} {r.Name}: {number r.Flops} FLOPs, {number r.Bytes} bytes moved, arena of {number r.Arena} bytes{fits}")

        String.Join("\n", Array.append [| p.Title |] lines)

/// Jacobians and Hessians with many zeros, by colours, as routes.
module internal SparseRoutes =
    /// Above this many elements of the matrix its pattern is not looked at: that would take longer than it may save.
    [<Literal>]
    let private largestPattern = 4194304L

    let private size (nodes: Node[]) = nodes |> Array.sumBy (fun n -> Shape.size n.Shape)
    let private dense (m: SparseMatrix) = Tensor.ofArray2D (m.ToDense())

    let private route (columns: int64) (rows: int64) (t: Tracing.Trace<Tensor>) colours linear outputs run =
        if columns * rows > largestPattern || t.Values |> Array.exists (fun v -> not v.IsConcrete) then
            [||]
        else
            try
                let count: int = colours ()

                if int64 count >= columns then
                    [||]
                else
                    [| Routes.make "by colours" (fun () -> Directions.cost None linear (outputs ()) count) run |]
            with :? HesseException ->
                // An operation whose pattern is not known, or a variable from outside: no such route.
                [||]

    let jacobian (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        let t = Tracing.trace f x
        let tangents = Tracing.variablesLike t.Variables

        route
            (size t.Variables)
            (size t.Outputs)
            t
            (fun () -> Sparse.jacobianColours t)
            tangents
            (fun () -> Tracing.pushforward t.Variables tangents t.Outputs)
            (fun () ->
                let shape = Array.append t.Outputs[0].Shape (Directions.inputShape x t.Variables)
                Tensor.reshape shape (dense (Sparse.jacobian f x)))

    let hessian (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        let t = Tracing.trace f x
        let gradient = Tracing.gradient t.Variables (Tracing.scalarOutput "hessian" t)
        let tangents = Tracing.variablesLike t.Variables

        route
            (size t.Variables)
            (size t.Variables)
            t
            (fun () -> Sparse.hessianColours t gradient)
            tangents
            (fun () -> Tracing.pushforward t.Variables tangents gradient)
            (fun () ->
                let shape = Directions.inputShape x t.Variables
                Tensor.reshape (Array.append shape shape) (dense (Sparse.hessian f x)))

/// The ways to compute a derivative, what each would take, and which is taken.
///
/// A route's graph is built and compiled at the shapes of the arguments, and the counters of its plan are its cost; nothing is run. The work
/// of a route is its FLOPs plus the bytes that it moves; the least work that fits into the memory limit is taken.
[<RequireQualifiedAccess>]
module Planner =
    let private plan title (routes: Route<'R>[]) = { Title = title; Choices = routes; Limit = Routes.memoryLimit () }

    let private shapes (x: 'X) = Shape.showAll (Tree.leaves x |> Array.map (fun t -> t.Node.Shape))

    /// <summary>Ways to the mixed derivative Dᵏf(x)[v₁, …, v_k]: a multivariate jet, nested jvps, polarised jets, the gradient of a jet.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_k; one and the same tree where directions are equal.</param>
    /// <returns>The plan of `Diff.directional`.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction and x differ in structure or shape.</exception>
    let directional (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : DerivativePlan<'Y> =
        plan
            $"derivative of order {directions.Length} along given directions, at {shapes x}"
            (Directional.routes "directional" f x directions)

    /// <summary>Ways to the Jacobian: forward, reverse, or by colours when it has many zeros.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The plan; its result is that of `Diff.jacobian`.</returns>
    let jacobian (f: 'X -> Tensor) (x: 'X) : DerivativePlan<Tensor> =
        plan $"Jacobian at {shapes x}" (Array.append (Jacobians.routes None f x) (SparseRoutes.jacobian f x))

    /// <summary>Ways to the Hessian of a scalar function: products by forward over reverse or reverse over reverse, forward over forward, or by colours when it has many zeros.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The plan; its result is that of `Diff.hessian`.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    let hessian (f: 'X -> Tensor) (x: 'X) : DerivativePlan<Tensor> =
        plan $"Hessian at {shapes x}" (Array.append (Jacobians.hessianRoutes None f x) (SparseRoutes.hessian f x))

    /// <summary>Ways to the sum of second derivatives: the forward Laplacian, second-order jets, Hessian-vector products.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The plan; its result is that of `Diff.laplacian`.</returns>
    let laplacian (f: 'X -> Tensor) (x: 'X) : DerivativePlan<Tensor> =
        plan $"sum of second derivatives at {shapes x}" (Laplacians.routes f x)

    /// <summary>Ways to the full tensor of k-th derivatives: nested Jacobians, with a reverse sweep innermost or all forward, or one jet for each set of axes.</summary>
    /// <param name="order">k, at least 0.</param>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The plan; its result is that of `Diff.derivativeTensor`.</returns>
    /// <exception cref="T:Hesse.HesseException">The order is negative.</exception>
    let derivativeTensor (order: int) (f: 'X -> Tensor) (x: 'X) : DerivativePlan<Tensor> =
        plan $"all derivatives of order {order} at {shapes x}" (DerivativeTensors.routes order f x)

    /// <summary>The same plan under another memory limit.</summary>
    /// <param name="bytes">What the intermediate values of a route may take.</param>
    /// <param name="plan">Any plan.</param>
    let withMemory (bytes: int64) (plan: DerivativePlan<'R>) : DerivativePlan<'R> = { plan with Limit = bytes }

    /// <summary>The derivative, by the route that the plan chose.</summary>
    /// <param name="plan">Any plan.</param>
    /// <returns>What the derivative is; the same for every route up to rounding.</returns>
    let run (plan: DerivativePlan<'R>) : 'R = (Routes.cheapest plan.Limit plan.Choices).Run()

    /// <summary>The derivative, by a route that you choose.</summary>
    /// <param name="name">The name of a route of the plan.</param>
    /// <param name="plan">Any plan.</param>
    /// <returns>What the derivative is.</returns>
    /// <exception cref="T:Hesse.HesseException">The plan has no such route.</exception>
    let runBy (name: string) (plan: DerivativePlan<'R>) : 'R =
        match plan.Choices |> Array.tryFind (fun r -> r.Name = name) with
        | Some route -> route.Run()
        | None ->
            let names = String.Join(", ", plan.Choices |> Array.map (fun r -> r.Name))
            Shape.fail $"Planner.runBy: there is no route '{name}' to the {plan.Title}; use one of: {names}"
