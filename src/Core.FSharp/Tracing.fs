namespace Hesse

open System
open System.Runtime.ExceptionServices
open System.Threading.Tasks
open Hesse.Linear
open Hesse.Movement

/// What the transformations of `Diff` share: from functions on trees to graphs, and back.
module internal Tracing =
    // ----- tracing -----

    /// A function's graph: its variables, its outputs, and the way from nodes back to the output tree.
    type Trace<'Y> = { Variables: Node[]; Values: Node[]; Outputs: Node[]; Result: Node[] -> 'Y }

    let tensor (node: Node) = Tensor node
    let nodesOf (tree: 'T) = Tree.leaves tree |> Array.map (fun (t: Tensor) -> t.Node)

    /// Calls f on fresh variables in the shape of x.
    let trace (f: 'X -> 'Y) (x: 'X) : Trace<'Y> =
        let leaves, _, rebuild = Tree.flatten x
        let variables = leaves |> Array.map (fun t -> Graph.variable t.Node.Shape)
        let y = f (rebuild (Array.map tensor variables))
        let outputs, _, rebuildResult = Tree.flatten y

        {
            Variables = variables
            Values = leaves |> Array.map (fun t -> t.Node)
            Outputs = outputs |> Array.map (fun t -> t.Node)
            Result = Array.map tensor >> rebuildResult
        }

    let variablesLike (nodes: Node[]) = nodes |> Array.map (fun n -> Graph.variable n.Shape)

    let orZero (like: Node[]) (nodes: Node option[]) =
        Array.map2 (fun (l: Node) n -> n |> Option.defaultWith (fun () -> Graph.zeros l.Shape)) like nodes

    /// The one output of a scalar function.
    let scalarOutput (name: string) (t: Trace<Tensor>) =
        let y = t.Outputs[0]

        if y.Shape.Length > 0 then
            Shape.fail
                $"{name}: expected a scalar output, got shape {Shape.show y.Shape}; use jacobian, or reduce it with Tensor.sum"

        y

    /// The cotangents of the variables for given cotangents of the outputs: linearise, then transpose.
    let pullback (variables: Node[]) (outputs: Node[]) (cotangents: Node[]) : Node[] =
        let tangents = variablesLike variables
        let linear = Jvp.apply variables tangents outputs
        Transpose.apply tangents linear cotangents |> orZero variables

    let gradient (variables: Node[]) (y: Node) = pullback variables [| y |] [| Graph.full [||] 1.0 |]

    let pushforward (variables: Node[]) (tangents: Node[]) (outputs: Node[]) =
        Jvp.apply variables tangents outputs |> orZero outputs

    /// Checks that a tangent or cotangent has the structure of what it belongs to.
    let matching (name: string) (role: string) (expected: Node[]) (given: Node[]) =
        let shapes (nodes: Node[]) = Shape.showAll (nodes |> Array.map (fun n -> n.Shape))

        if
            expected.Length <> given.Length
            || not (Array.forall2 (fun (a: Node) (b: Node) -> a.Shape = b.Shape) expected given)
        then
            Shape.fail
                $"{name}: the {role} has shapes {shapes given}, expected {shapes expected}; give one tensor of the same shape for each"

    /// Evaluates a graph that is linear in `tangents` for many values of them: all that does not depend on them is computed once.
    let linearMap (t: Trace<'Y>) (tangents: Node[]) (outputs: Node[]) : Node[] -> Node[] =
        let residual = Substitute.apply t.Variables t.Values outputs

        if Executor.isClosed tangents residual then
            let program = lazy (Program(tangents, residual))

            fun values ->
                if values |> Array.forall (fun v -> v.IsConcrete) then
                    program.Value.Run values
                else
                    Substitute.apply tangents values residual
        else
            fun values -> Substitute.apply tangents values residual

    // ----- batches of directions -----

    /// Bytes of intermediate values (all of them, also those that share a buffer) that one block of a batch of directions may have.
    /// Then the buffers in use stay in the second-level cache: for the network 10-64-64-1 on 128 points a Hessian-vector product
    /// costs 0.37 ms in blocks of 4, 0.60 ms alone and 0.80 ms in blocks of 20 (2.5 GHz, 1 MiB of second-level cache a core).
    [<Literal>]
    let blockBytes = 8388608.0

    /// How many directions to take at once, from the size of the graph for one.
    let blockSize (variables: Node[]) (outputs: Node[]) (count: int) =
        let perDirection =
            Graph.order (Substitute.oldest variables) outputs
            |> Array.sumBy (fun n -> 8.0 * float (Shape.size n.Shape))

        max 1 (min count (int (blockBytes / max 8.0 perDirection)))

    /// Rows `from` .. `from + count − 1` of the identity of all elements of `shapes`, cut to those shapes.
    let basis (shapes: int[][]) (from: int) (count: int) : Node[] =
        let sizes = shapes |> Array.map (Shape.length "jacobian")
        let starts = Array.scan (+) 0 sizes

        shapes
        |> Array.mapi (fun i shape ->
            let data = Array.zeroCreate (count * sizes[i])

            for k in 0 .. count - 1 do
                let column = from + k - starts[i]

                if column >= 0 && column < sizes[i] then
                    data[k * sizes[i] + column] <- 1.0

            Graph.constant (Array.append [| count |] shape) data)

    /// A linear graph at concrete values, applied to its whole basis in blocks of bounded memory that run on all cores. The last
    /// block is filled up with zero directions, whose results are not kept.
    let private inBlocks variables (values: Node[]) (linear: Node[]) (outputs: Node[]) (count: int) : Node[] =
        let shapes = linear |> Array.map (fun v -> v.Shape)
        let block = blockSize linear outputs count
        let seeds = shapes |> Array.map (fun s -> Graph.variable (Array.append [| block |] s))
        let program = Program(Array.append variables seeds, Batch.apply block linear seeds outputs)
        let rowSizes = outputs |> Array.map (fun y -> Shape.length "jacobian" y.Shape)
        let resultShapes = outputs |> Array.map (fun y -> Array.append [| count |] y.Shape)

        let results =
            resultShapes |> Array.map (Shape.length "jacobian" >> GC.AllocateUninitializedArray<double>)

        let run (index: int) =
            let from = index * block
            let rows = program.Run(Array.append values (basis shapes from block))
            let kept = min block (count - from)

            rows
            |> Array.iteri (fun o part -> Array.Copy(part.Data, 0, results[o], from * rowSizes[o], kept * rowSizes[o]))

        try
            Parallel.For(0, (count + block - 1) / block, run) |> ignore
        with :? AggregateException as failures ->
            ExceptionDispatchInfo.Throw failures.InnerExceptions[0]

        Array.map2 Graph.constant resultShapes results

    /// A linear graph applied to the whole basis of its `linear` variables. Result o has shape [count; shape of output o].
    /// At concrete values in blocks; else as one batch.
    let overBasis (variables: Node[]) (values: Node[]) (linear: Node[]) (outputs: Node[]) : Node[] =
        let shapes = linear |> Array.map (fun v -> v.Shape)
        let count = shapes |> Array.sumBy (Shape.length "jacobian")

        if count = 0 then
            outputs |> Array.map (fun y -> Graph.zeros (Array.append [| 0 |] y.Shape))
        elif
            values |> Array.forall (fun v -> v.IsConcrete)
            && Executor.isClosed (Array.append variables linear) outputs
        then
            inBlocks variables values linear outputs count
        else
            Substitute.apply variables values (Batch.apply count linear (basis shapes 0 count) outputs)

    /// All elements of nodes with a leading axis, in one matrix [count; total].
    let flattenRows (count: int) (nodes: Node[]) =
        match nodes |> Array.map (fun n -> reshape [| count; Shape.length "jacobian" n.Shape / max 1 count |] n) with
        | [||] -> Graph.zeros [| count; 0 |]
        | [| one |] -> one
        | many -> concat 1 many

    /// The shape of x in a derivative: its own for one tensor, [P] for a tree.
    let inputShape (x: 'X) (variables: Node[]) =
        match box x with
        | :? Tensor -> variables[0].Shape
        | _ -> [| variables |> Array.sumBy (fun v -> Shape.length "jacobian" v.Shape) |]
