namespace Hesse

open System.Collections.Generic
open Hesse.Linear

/// Where parameters go through operations that only move them, or scale them all by one number.
module internal ParameterPlacement =
    let isPrim (prim: Primitive) (node: Node) = obj.ReferenceEquals(node.Prim, prim)

    /// A tensor made of parameters: for each element 1 + the place of its parameter (0 for none), and the number that they are scaled by.
    [<NoComparison; ReferenceEquality>]
    type Placement = { Ids: Node; Scale: float }

    let private movers =
        HashSet<string>(
            [
                reshapeP
                broadcastP
                Movement.transposeP
                Movement.sliceP
                Movement.padP
                Movement.concatP
                Movement.gatherP
                Windows.windowsP
            ]
            |> List.map (fun p -> p.Name)
        )

    /// The operation on identities instead of values, if all that it does is to move or scale. `find` tells what is placed already.
    let moved (find: Node -> Placement option) (node: Node) : Placement option =
        let placed = node.Args |> Array.map find
        let scales = placed |> Array.choose (Option.map (fun p -> p.Scale)) |> Array.distinct

        let isFixed i = placed[i].IsSome || node.Args[i].IsConcrete

        if scales.Length <> 1 || not (Seq.forall isFixed (seq { 0 .. placed.Length - 1 })) then
            None
        elif movers.Contains node.Prim.Name then
            let ids i (arg: Node) =
                match placed[i] with
                | Some p -> p.Ids
                | None when isPrim Movement.gatherP node && i = 1 -> arg
                | None -> Graph.zeros arg.Shape

            let onIds = Graph.bind node.Prim node.Attr (node.Args |> Array.mapi ids)
            Some { Ids = onIds; Scale = scales[0] }
        elif isPrim negP node then
            placed[0] |> Option.map (fun p -> { p with Scale = -p.Scale })
        elif isPrim Precision.toFloat32P node || isPrim Precision.toFloat64P node then
            placed[0]
        elif isPrim mulP node then
            match placed, node.Args |> Array.map (fun a -> a.Uniform) with
            | [| Some p; None |], [| _; ValueSome c |]
            | [| None; Some p |], [| ValueSome c; _ |] when c <> 0.0 -> Some { p with Scale = p.Scale * c }
            | _ -> None
        else
            None

    /// 1, 2, 3, … in a shape. Identities are float64 whatever the precision of what they stand for.
    let numbered (first: int) (shape: int[]) =
        Graph.constant shape (Array.init (Shape.length "observe" shape) (fun i -> float (first + i)))

    /// The elements of a tensor with its axes in the order of `target`; where it is the same along an axis, the first along it.
    let elements (labels: int[]) (target: int[]) (node: Node) : int[] =
        let strides = Shape.strides node.Shape
        let shape = target |> Array.map (fun l -> node.Shape[System.Array.IndexOf(labels, l)])
        let steps = target |> Array.map (fun l -> strides[System.Array.IndexOf(labels, l)])
        let inner = Shape.strides shape

        Array.init (Array.fold (*) 1 shape) (fun e ->
            let mutable at = 0L

            for d in 0 .. shape.Length - 1 do
                at <- at + (int64 e / inner[d] % int64 shape[d]) * steps[d]

            int node.Data[int at])

    /// Whether a tensor is the same all along an axis.
    let isConstantAlong (axis: int) (node: Node) =
        let stride = int (Shape.strides node.Shape).[axis]
        let length = node.Shape[axis]
        let data = node.Data

        Seq.forall (fun i -> (i / stride % length = 0) || data[i] = data[i - stride]) (seq { 0 .. data.Length - 1 })
