namespace Hesse

open System
open System.Runtime.ExceptionServices
open System.Threading.Tasks
open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing
open Hesse.Kernels

/// Many directions for one graph: as one batch inside other transformations, in blocks of bounded memory at concrete values.
///
/// A set of directions is a count and a function that gives some of them: from a start and a number to one node [number; shape] for each
/// variable. Past the last direction it must give zeros.
module internal Directions =
    /// Bytes of intermediate values (all of them, also those that share a buffer) that one block of a batch of directions may have.
    /// Then the buffers in use stay in the second-level cache: for the network 10-64-64-1 on 128 points a Hessian-vector product
    /// costs 0.37 ms in blocks of 4, 0.60 ms alone and 0.80 ms in blocks of 20 (2.5 GHz, 1 MiB of second-level cache a core).
    [<Literal>]
    let private blockBytes = 8388608.0

    /// How many directions to take at once: as told, else from the size of the graph for one.
    let blockSize (chunk: int option) (variables: Node[]) (outputs: Node[]) (count: int) =
        match chunk with
        | Some chunk -> max 1 (min count chunk)
        | None ->
            let perDirection =
                Graph.order (Substitute.oldest variables) outputs
                |> Array.sumBy (fun n -> (if n.IsFloat32 then 4.0 else 8.0) * float (Shape.size n.Shape))

            max 1 (min count (int (blockBytes / max 8.0 perDirection)))

    /// Checks the number of directions that a user wants to be taken at once.
    let checkChunk (name: string) (chunk: int option) =
        match chunk with
        | Some c when c < 1 -> Shape.fail $"{name}: chunk is {c}; want at least 1, or None to have it chosen"
        | _ -> ()

    /// Unit directions along elements of `nodes`, numbered through, cut to their shapes; zeros for a number that is out of range.
    let units (nodes: Node[]) (elements: int[]) : Node[] =
        let sizes = nodes |> Array.map (fun n -> Shape.length "jacobian" n.Shape)
        let starts = Array.scan (+) 0 sizes

        nodes
        |> Array.mapi (fun i node ->
            let data = Array.zeroCreate (elements.Length * sizes[i])

            elements
            |> Array.iteri (fun row element ->
                let column = element - starts[i]

                if column >= 0 && column < sizes[i] then
                    data[row * sizes[i] + column] <- 1.0)

            Graph.constantOf node.DType (Array.append [| elements.Length |] node.Shape) data)

    /// Rows `from` .. `from + count − 1` of the identity of all elements of `nodes`, cut to their shapes.
    let basis (nodes: Node[]) (from: int) (count: int) : Node[] = units nodes (Array.init count ((+) from))

    /// Parts of given rows, zeros past their end.
    let ofRows (rows: Node[]) (from: int) (count: int) : Node[] =
        rows
        |> Array.map (fun row ->
            let width = Shape.length "directions" row.Shape[1..]
            let data = Array.zeroCreate (count * width)
            let kept = max 0 (min count (row.Shape[0] - from))
            Array.Copy(row.Data, from * width, data, 0, kept * width)
            Graph.constantOf row.DType (Array.append [| count |] row.Shape[1..]) data)

    /// True when a graph in these variables can run at these values, block by block.
    let runs (variables: Node[]) (values: Node[]) (outputs: Node[]) =
        values |> Array.forall (fun v -> v.IsConcrete) && Executor.isClosed variables outputs

    /// Runs a program for every block of directions on all cores: `take` gets the block's number, its first direction and the results.
    let forBlocks
        (program: Program)
        (values: Node[])
        (rows: int -> int -> Node[])
        (count: int)
        (block: int)
        (take: int -> int -> Node[] -> unit)
        =
        let run (index: int) =
            let from = index * block
            take index from (program.Run(Array.append values (rows from block)))

        try
            Parallel.For(0, (count + block - 1) / block, run) |> ignore
        with :? AggregateException as failures ->
            ExceptionDispatchInfo.Throw failures.InnerExceptions[0]

    /// The variables of a block of directions and the outputs for all of it.
    let batch (block: int) (linear: Node[]) (outputs: Node[]) : Node[] * Node[] =
        let seeds = linear |> Array.map (fun v -> Graph.variableOf v.DType (Array.append [| block |] v.Shape))

        seeds, Batch.apply block linear seeds outputs

    /// The last block is filled up with zero directions, whose results are not kept.
    let private inBlocks
        chunk
        variables
        (values: Node[])
        (linear: Node[])
        (outputs: Node[])
        (count: int)
        rows
        : Node[] =
        let block = blockSize chunk linear outputs count
        let seeds, batched = batch block linear outputs
        let program = Program(Array.append variables seeds, batched)
        let rowSizes = outputs |> Array.map (fun y -> Shape.length "jacobian" y.Shape)
        let resultShapes = outputs |> Array.map (fun y -> Array.append [| count |] y.Shape)

        let results = resultShapes |> Array.map (Shape.length "jacobian" >> ResultMemory.Take)

        forBlocks program values rows count block (fun _ from parts ->
            let kept = min block (count - from)

            parts
            |> Array.iteri (fun o part -> Array.Copy(part.Data, 0, results[o], from * rowSizes[o], kept * rowSizes[o])))

        Array.map3 (fun (y: Node) shape data -> Graph.constantOf y.DType shape data) outputs resultShapes results

    /// A graph in `variables` and a direction `linear`, for each of many directions. Result o has shape [count; shape of output o].
    let over chunk (variables: Node[]) (values: Node[]) (linear: Node[]) (outputs: Node[]) (count: int) rows : Node[] =
        if count = 0 then
            outputs |> Array.map (fun y -> Graph.fullOf y.DType (Array.append [| 0 |] y.Shape) 0.0)
        elif runs (Array.append variables linear) values outputs then
            inBlocks chunk variables values linear outputs count rows
        else
            Substitute.apply variables values (Batch.apply count linear (rows 0 count) outputs)

    /// The same for the whole basis of the directions' space.
    let overBasis chunk (variables: Node[]) (values: Node[]) (linear: Node[]) (outputs: Node[]) : Node[] =
        let count = linear |> Array.sumBy (fun v -> Shape.length "jacobian" v.Shape)
        over chunk variables values linear outputs count (basis linear)

    /// What `over` would take, block by block; one block alone holds memory on each core.
    let cost chunk (linear: Node[]) (outputs: Node[]) (count: int) : Cost =
        let block = blockSize chunk linear outputs (max 1 count)
        let _, batched = batch block linear outputs
        Cost.repeat ((count + block - 1) / block) (Cost.ofGraph batched)

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

    /// Rows [P; shape of y], one for each element of x, as [shape of y; shape of x].
    let asColumns (x: 'X) (variables: Node[]) (rows: Node) =
        let shape = rows.Shape[1..]
        let matrix = transpose (Array.append [| 1 .. shape.Length |] [| 0 |]) rows
        reshape (Array.append shape (inputShape x variables)) matrix
