namespace Hesse

open Hesse.Linear
open Hesse.Tracing

/// Which way a Jacobian is computed.
[<RequireQualifiedAccess>]
type JacobianMode =
    /// One direction for each input element.
    | Forward
    /// One cotangent for each output element.
    | Reverse
    /// Whichever is predicted to take less work.
    | Auto

/// How a Jacobian is computed.
type JacobianOptions = {
    /// Forward, reverse, or chosen.
    Mode: JacobianMode
    /// How many directions or cotangents are taken at once; memory grows with it. None: sized to the cache.
    Chunk: int option
}

/// Matrices of derivatives, from batches of directions.
module internal Jacobians =
    let private elements (nodes: Node[]) = nodes |> Array.sumBy (fun n -> Shape.length "jacobian" n.Shape)

    let private forward chunk (x: 'X) (t: Trace<Tensor>) : Route<Tensor> =
        let tangents = variablesLike t.Variables
        let outputs = lazy (pushforward t.Variables tangents t.Outputs)

        Routes.make "forward" (fun () -> Basis.rowsCost chunk t.Values tangents outputs.Value) (fun () ->
            let columns = Basis.rows chunk t.Variables t.Values tangents outputs.Value
            tensor (Directions.asColumns x t.Variables columns[0]))

    let private reverse chunk (x: 'X) (t: Trace<Tensor>) : Route<Tensor> =
        let y = t.Outputs[0]
        let cotangents = variablesLike t.Outputs
        let outputs = lazy (pullback t.Variables t.Outputs cotangents)

        Routes.make "reverse" (fun () -> Basis.rowsCost chunk t.Values cotangents outputs.Value) (fun () ->
            let rows = Basis.rows chunk t.Variables t.Values cotangents outputs.Value
            // As by forward mode, in the precision of y.
            let matrix = rows |> Array.map (Precision.toType y.DType) |> Directions.flattenRows (elements t.Outputs)
            tensor (reshape (Array.append y.Shape (Directions.inputShape x t.Variables)) matrix))

    let routes chunk (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        let t = trace f x
        [| forward chunk x t; reverse chunk x t |]

    let jacfwd (f: 'X -> Tensor) (x: 'X) : Tensor = (forward None x (trace f x)).Run()

    let jacrev (f: 'X -> Tensor) (x: 'X) : Tensor = (reverse None x (trace f x)).Run()

    /// Reverse costs at most a few times as much per row as forward per column; beyond that ratio there is nothing to predict.
    let jacobianWith (options: JacobianOptions) (f: 'X -> Tensor) (x: 'X) : Tensor =
        Directions.checkChunk "jacobian" options.Chunk
        let t = trace f x
        let inputs, outputs = int64 (elements t.Variables), int64 (elements t.Outputs)

        match options.Mode with
        | JacobianMode.Forward -> (forward options.Chunk x t).Run()
        | JacobianMode.Reverse -> (reverse options.Chunk x t).Run()
        | JacobianMode.Auto when inputs <= outputs -> (forward options.Chunk x t).Run()
        | JacobianMode.Auto when inputs > 8L * outputs -> (reverse options.Chunk x t).Run()
        | JacobianMode.Auto -> Routes.take [| forward options.Chunk x t; reverse options.Chunk x t |]

    // ----- Hessians -----

    /// In the precision of x, whatever the way.
    let private asHessian (x: 'X) (t: Trace<Tensor>) (matrix: Node) =
        let shape = Directions.inputShape x t.Variables
        let dtype = if t.Variables.Length = 0 then matrix.DType else t.Variables[0].DType
        tensor (Precision.toType dtype (reshape (Array.append shape shape) matrix))

    let private traceScalar (f: 'X -> Tensor) (x: 'X) =
        let t = trace f x
        Graph.checkTypes "hessian" t.Variables
        struct (t, scalarOutput "hessian" t)

    /// The Jacobian of the gradient, from the graph of its product with a direction.
    let private ofProducts name chunk (x: 'X) (t: Trace<Tensor>) (product: Node[] -> Node[]) : Route<Tensor> =
        let directions = variablesLike t.Variables
        let outputs = lazy (product directions)

        Routes.make name (fun () -> Basis.symmetricCost chunk t.Values directions outputs.Value) (fun () ->
            asHessian x t (Basis.symmetric chunk t.Variables t.Values directions outputs.Value))

    let private forwardOverReverse chunk (x: 'X) (t: Trace<Tensor>) (y: Node) : Route<Tensor> =
        ofProducts "forward over reverse" chunk x t (fun v -> pushforward t.Variables v (gradient t.Variables y))

    let private reverseOverReverse chunk (x: 'X) (t: Trace<Tensor>) (y: Node) : Route<Tensor> =
        ofProducts "reverse over reverse" chunk x t (fun v -> pullback t.Variables (gradient t.Variables y) v)

    /// All pairs of directions at once: cheap for a handful of inputs only, as no gradient is needed.
    let private forwardOverForward (x: 'X) (t: Trace<Tensor>) (y: Node) : Route<Tensor> =
        let count = elements t.Variables

        let matrix =
            lazy
                (let inner, outer = variablesLike t.Variables, variablesLike t.Variables
                 let second = pushforward t.Variables outer (pushforward t.Variables inner [| y |])
                 let innerBasis, rows = Directions.batch count inner second
                 let outerBasis, all = Directions.batch count outer rows
                 Array.append innerBasis outerBasis, all)

        Routes.make "forward over forward" (fun () -> Cost.ofGraph (snd matrix.Value)) (fun () ->
            let seeds, all = matrix.Value
            let basis = Directions.basis t.Variables 0 count
            let values = Array.concat [ t.Values; basis; basis ]
            let result = Executor.evaluate (Array.append t.Variables seeds) values all
            asHessian x t result[0])

    let hessianRoutes chunk (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        let struct (t, y) = traceScalar f x
        [| forwardOverReverse chunk x t y; reverseOverReverse chunk x t y; forwardOverForward x t y |]

    let hessianWith chunk (f: 'X -> Tensor) (x: 'X) : Tensor =
        Directions.checkChunk "hessian" chunk
        let struct (t, y) = traceScalar f x
        (forwardOverReverse chunk x t y).Run()
