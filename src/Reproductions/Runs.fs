namespace Hesse.Reproductions

open Hesse

/// Trees of parameters of many runs as one tree with a first axis of runs.
[<RequireQualifiedAccess>]
module internal Runs =
    /// One tree whose tensors have the runs as first axis.
    let stack (trees: 'P[]) : 'P =
        trees
        |> Array.map (Tree.map (Tensor.expandDims 0))
        |> Array.reduce (Tree.map2 (fun a b -> Tensor.concat 0 [ a; b ]))

    /// The parameters of one run.
    let part (i: int) (tree: 'P) : 'P = Tree.map (fun (t: Tensor) -> t[i]) tree
