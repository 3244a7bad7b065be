namespace Hesse

open Hesse.Tracing

/// Functions applied to every part of their arguments.
module internal Vectorise =
    let private moveAxis (from: int) (target: int) (t: Tensor) =
        if from = target then
            t
        else
            let others = [| 0 .. t.Rank - 1 |] |> Array.filter ((<>) from)
            Tensor.permute (Array.insertAt target from others) t

    let vmapAxes (inAxis: int) (outAxis: int) (f: 'X -> 'Y) (xs: 'X) : 'Y =
        let leaves, _, rebuild = Tree.flatten xs
        let shapes () = Shape.showAll (leaves |> Array.map (fun t -> t.Node.Shape))

        let sizes =
            leaves
            |> Array.map (fun t ->
                if inAxis < 0 || inAxis >= t.Rank then
                    Shape.fail
                        $"vmap: axis {inAxis} does not exist in every argument (shapes {shapes ()}); close over what is not to be mapped"

                t.Node.Shape[inAxis])
            |> Array.distinct

        if sizes.Length <> 1 then
            Shape.fail
                $"vmap: arguments of shapes {shapes ()} have no common length along axis {inAxis}; all must be mapped over the same number of parts"

        let stacked = leaves |> Array.map (fun t -> (moveAxis inAxis 0 t).Node)
        let variables = stacked |> Array.map (fun n -> Graph.variable n.Shape[1..])
        let y = f (rebuild (Array.map tensor variables))
        let outputs, _, rebuildResult = Tree.flatten y
        let seeds = variablesLike stacked
        let batched = Batch.apply sizes[0] variables seeds (outputs |> Array.map (fun t -> t.Node))

        Executor.evaluate seeds stacked batched
        |> Array.map (fun node ->
            let t = tensor node

            if outAxis < 0 || outAxis >= t.Rank then
                Shape.fail
                    $"vmap: out axis {outAxis} does not exist in a result of shape {Shape.show node.Shape}; use 0 .. {t.Rank - 1}"

            moveAxis 0 outAxis t)
        |> rebuildResult
