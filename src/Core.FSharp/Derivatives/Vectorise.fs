namespace Hesse

open Hesse.Movement
open Hesse.Tracing

/// Which axis of the tensors of an argument is mapped over.
[<RequireQualifiedAccess>]
type InAxes =
    /// This axis of every tensor.
    | At of axis: int
    /// None: every part of the batch sees the whole of it.
    | Whole
    /// One for each part of a tuple, record, array, list or map, in its order.
    | Parts of InAxes list

/// How a function is applied to every part of its argument.
type VmapOptions = {
    /// The axes that are mapped over; all of the same length n.
    In: InAxes
    /// The place of the new axis in every result tensor.
    Out: int
    /// How many parts are taken at once; memory grows with it. None: all.
    Chunk: int option
}

/// Functions applied to every part of their arguments.
module internal Vectorise =
    let private moveAxis (from: int) (target: int) (t: Tensor) =
        if from = target then
            t
        else
            let others = [| 0 .. t.Rank - 1 |] |> Array.filter ((<>) from)
            Tensor.permute (Array.insertAt target from others) t

    let private axesText axes =
        match axes with
        | InAxes.At axis -> $"axis {axis}"
        | _ -> "their axes"

    /// For each tensor the axis that is mapped over, and the number of parts.
    let private mappedAxes (axes: InAxes) (xs: 'X) (leaves: Tensor[]) : int option[] * int =
        let shapes () = Shape.showAll (leaves |> Array.map (fun t -> t.Node.Shape))

        let parts =
            function
            | InAxes.Parts list -> Some list
            | _ -> None

        let found =
            Tree.spreadPrefix "vmap" parts axes xs
            |> Array.map (function
                | InAxes.At axis -> Some axis
                | _ -> None)

        let sizes =
            Array.map2
                (fun axis (t: Tensor) ->
                    match axis with
                    | Some a when a < 0 || a >= t.Rank ->
                        Shape.fail
                            $"vmap: axis {a} does not exist in every argument (shapes {shapes ()}); close over what is not to be mapped"
                    | Some a -> Some t.Node.Shape[a]
                    | None -> None)
                found
                leaves
            |> Array.choose id
            |> Array.distinct

        match sizes with
        | [| size |] -> found, size
        | [||] ->
            Shape.fail "vmap: no tensor is mapped over; give an axis for at least one, or call the function itself"
        | _ ->
            Shape.fail
                $"vmap: arguments of shapes {shapes ()} have no common length along {axesText axes}; all must be mapped over the same number of parts"

    /// Rows from .. from + count − 1 of a node.
    let private rows (from: int) (count: int) (x: Node) =
        let rank = x.Shape.Length
        let start = Array.updateAt 0 from (Array.zeroCreate rank)
        slice start (Array.updateAt 0 (from + count) x.Shape) (Array.create rank 1) x

    let vmapWith (options: VmapOptions) (f: 'X -> 'Y) (xs: 'X) : 'Y =
        Directions.checkChunk "vmap" options.Chunk
        let leaves, _, rebuild = Tree.flatten xs
        let axes, size = mappedAxes options.In xs leaves

        let values =
            Array.map2
                (fun axis (t: Tensor) ->
                    match axis with
                    | Some a -> (moveAxis a 0 t).Node
                    | None -> t.Node)
                axes
                leaves

        let isMapped = axes |> Array.map Option.isSome
        let pick wanted (nodes: Node[]) = Array.zip isMapped nodes |> Array.filter (fst >> (=) wanted) |> Array.map snd

        let variables =
            Array.map2
                (fun mapped (n: Node) -> Graph.variableOf n.DType (if mapped then n.Shape[1..] else n.Shape))
                isMapped
                values

        let outputs, _, rebuildResult = Tree.flatten (f (rebuild (Array.map tensor variables)))
        let outputs = outputs |> Array.map (fun t -> t.Node)

        /// The function of `count` parts, and how to run it on them.
        let batch count =
            let seeds, batched = Directions.batch count (pick true variables) outputs
            let inputs = Array.append seeds (pick false variables)

            if Directions.runs inputs values batched then
                let program = Program(inputs, batched)
                fun parts -> program.Run(Array.append parts (pick false values))
            else
                fun parts -> Substitute.apply inputs (Array.append parts (pick false values)) batched

        let results =
            match options.Chunk with
            | Some chunk when chunk < size ->
                let whole = batch chunk
                let last = lazy (batch (size % chunk))

                let parts = [|
                    for from in 0..chunk .. size - 1 do
                        let count = min chunk (size - from)
                        let run = if count = chunk then whole else last.Value
                        run (pick true values |> Array.map (rows from count))
                |]

                outputs |> Array.mapi (fun o _ -> parts |> Array.map (Array.item o) |> concat 0)
            | _ -> batch size (pick true values)

        results
        |> Array.map (fun node ->
            let t = tensor node

            if options.Out < 0 || options.Out >= t.Rank then
                Shape.fail
                    $"vmap: out axis {options.Out} does not exist in a result of shape {Shape.show node.Shape}; use 0 .. {t.Rank - 1}"

            moveAxis 0 options.Out t)
        |> rebuildResult
