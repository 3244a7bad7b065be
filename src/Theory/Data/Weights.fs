namespace Hesse.Theory

open System.IO
open Hesse

/// Where the tensor at a place of a tree is found, and how it is turned into the model's form.
type WeightSource = {
    /// Name of the tensor in the file.
    Name: string
    /// Applied to the tensor of that name, e.g. <c>Tensor.transpose</c>.
    Convert: Tensor -> Tensor
}

/// Parameters of models to and from named tensors. A place in a tree is a path such as <c>[0].Weight</c> (<c>Tree.paths</c>).
[<RequireQualifiedAccess>]
module Weights =
    /// <summary>The tensors of a tree by their paths.</summary>
    /// <param name="tree">Any tree.</param>
    /// <returns>One entry for each tensor.</returns>
    let ofTree (tree: 'P) : Map<string, Tensor> = Array.zip (Tree.paths tree) (Tree.leaves tree) |> Map.ofArray

    /// Names are the paths of the tree.
    let byPath (path: string) : WeightSource = { Name = path; Convert = id }

    /// <summary>Names from a list of pairs; the tensors are taken as they are.</summary>
    /// <param name="names">Pairs of a path and the name in the file; a path that is not listed is its own name.</param>
    /// <returns>The source of each path.</returns>
    let byName (names: (string * string) list) : string -> WeightSource =
        let table = Map.ofList names

        fun path -> { Name = table |> Map.tryFind path |> Option.defaultValue path; Convert = id }

    /// <summary>The names of PyTorch for a list of affine layers, as <c>Mlp</c> has: <c>{prefix}.{place}.weight</c>, of shape
    /// [outputs; inputs] and transposed here, and <c>{prefix}.{place}.bias</c>.</summary>
    /// <param name="prefix">What stands before the number of the layer, without the point; empty for none.</param>
    /// <param name="stride">Distance of the numbers of neighbouring layers: 2 in a Sequential with an activation between layers.</param>
    /// <param name="path">The path in the tree.</param>
    /// <returns>The source.</returns>
    /// <exception cref="T:Hesse.HesseException">The path is not one of a list of affine layers.</exception>
    let ofPyTorch (prefix: string) (stride: int) (path: string) : WeightSource =
        let parts = path.Split([| '['; ']'; '.' |], System.StringSplitOptions.RemoveEmptyEntries)
        let start = if prefix = "" then "" else prefix + "."

        match parts with
        | [| place; "Weight" |] -> { Name = $"{start}{int place * stride}.weight"; Convert = Tensor.transpose }
        | [| place; "Bias" |] -> { Name = $"{start}{int place * stride}.bias"; Convert = id }
        | _ ->
            Files.fail
                $"Weights.ofPyTorch: '{path}' is not the weight or bias of a list of layers, wanted [i].Weight or [i].Bias; write a source for this model"

    /// <summary>A tree with the tensors of a file in its places.</summary>
    /// <param name="source">The source of each path.</param>
    /// <param name="like">A tree of the wanted structure, shapes and precision, such as freshly initialised parameters.</param>
    /// <param name="tensors">The named tensors; each must be wanted by one place.</param>
    /// <returns>The tree, in the precision of <paramref name="like"/>.</returns>
    /// <exception cref="T:Hesse.HesseException">Tensors are missing, left over or of the wrong shape; the message lists all of them.</exception>
    let toTree (source: string -> WeightSource) (like: 'P) (tensors: Map<string, Tensor>) : 'P =
        let places =
            Array.map2 (fun path (leaf: Tensor) -> path, leaf, source path) (Tree.paths like) (Tree.leaves like)

        let wanted = places |> Array.map (fun (_, _, s) -> s.Name)

        let missing = [
            for path, _, s in places do
                if not (tensors.ContainsKey s.Name) then
                    $"'{s.Name}' (for {path})"
        ]

        let extra = [
            for name in tensors.Keys do
                if not (Array.contains name wanted) then
                    $"'{name}'"
        ]

        let twice =
            wanted
            |> Array.countBy id
            |> Array.filter (fun (_, n) -> n > 1)
            |> Array.map (fun (name, _) -> $"'{name}'")

        let found =
            places
            |> Array.map (fun (path, leaf, s) ->
                path, leaf, s.Name, tensors |> Map.tryFind s.Name |> Option.map s.Convert)

        let misshaped = [
            for path, leaf, name, t in found do
                match t with
                | Some t when t.Shape <> leaf.Shape ->
                    $"'{name}' {Files.show t.Shape} (for {path} {Files.show leaf.Shape})"
                | _ -> ()
        ]

        let complaint (title: string) (items: string seq) =
            if Seq.isEmpty items then None else Some(title + " " + String.concat ", " items)

        let complaints =
            List.choose id [
                complaint "missing:" missing
                complaint "not wanted:" extra
                complaint "wanted by more than one place:" twice
                complaint "of another shape:" misshaped
            ]

        if not complaints.IsEmpty then
            let all = String.concat "; " complaints

            Files.fail
                $"Weights: the tensors do not fit the model; {all}; give a source that maps paths to names and shapes"

        let rounded (leaf: Tensor) (t: Tensor) =
            if leaf.DType = DType.Float32 then Tensor.toFloat32 t else Tensor.toFloat64 t

        let parts = found |> Array.map (fun (_, leaf, _, t) -> rounded leaf (Option.get t))
        let mutable next = -1

        like
        |> Tree.map (fun _ ->
            next <- next + 1
            parts[next])

    /// <summary>Reads named tensors by the ending of the file: `.safetensors`, `.npz`, or `.npy` for one array named as the file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Tensors by name.</returns>
    /// <exception cref="T:Hesse.HesseException">The ending is another, or the file is not readable.</exception>
    let read (path: string) : Map<string, Tensor> =
        match Path.GetExtension(path).ToLowerInvariant() with
        | ".safetensors" -> Safetensors.read path
        | ".npz" -> Npy.readArchive path
        | ".npy" -> Map.ofList [ Path.GetFileNameWithoutExtension path, Npy.read path ]
        | ending ->
            Files.fail
                $"Weights.read: '{path}' ends with '{ending}', wanted .safetensors, .npz or .npy; convert the file"
