namespace Hesse.Theory

open System
open System.Text.RegularExpressions
open Hesse

/// An MLP from a file.
type MlpFile = {
    /// The layers, float64, first layer first.
    Layers: AffineLayer list
    /// How it stood in the file.
    Layout: WeightLayout
    /// The name of the activation, if the file says it.
    Activation: string option
} with

    /// Input, hidden and output widths.
    member m.Widths = m.Layers.Head.Weight.Shape[0] :: (m.Layers |> List.map _.Weight.Shape[1])

/// Fully connected networks in files of weights, without a description beside them: widths come from the shapes.
[<RequireQualifiedAccess>]
module MlpFile =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private activations = [
        "tanh", Tensor.tanh
        "relu", Tensor.relu
        "gelu", Tensor.gelu
        "silu", Tensor.silu
        "softplus", Tensor.softplus
        "sigmoid", Tensor.sigmoid
        "identity", id
    ]

    /// <summary>The activation of a name: tanh, relu, gelu, silu, softplus, sigmoid or identity.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The function, elementwise.</returns>
    /// <exception cref="T:Hesse.HesseException">There is none of that name; the message lists them.</exception>
    let activation (name: string) : Tensor -> Tensor =
        match activations |> List.tryFind (fun (n, _) -> n = name) with
        | Some(_, f) -> f
        | None ->
            let names = String.Join(", ", activations |> List.map fst)
            fail $"activation '{name}': there are {names}"

    /// What is found of a layer: its number, weight and bias.
    let private grouped (path: string) (pattern: string) (tensors: Map<string, Tensor>) =
        let parts =
            tensors
            |> Map.toArray
            |> Array.map (fun (name, t) ->
                let found = Regex.Match(name, pattern, RegexOptions.CultureInvariant)

                if not found.Success then
                    let wanted = "[i].Weight and [i].Bias, or names that end with a number, .weight and .bias"
                    fail $"model: '{path}' holds a tensor '{name}', which is no part of an MLP; wanted {wanted}"

                int found.Groups["layer"].Value, found.Groups["part"].Value.ToLowerInvariant(), name, t)

        parts
        |> Array.groupBy (fun (layer, _, _, _) -> layer)
        |> Array.sortBy fst
        |> Array.map (fun (layer, found) ->
            let pick part =
                match found |> Array.filter (fun (_, p, _, _) -> p = part) with
                | [| _, _, name, t |] -> name, t
                | [||] ->
                    fail
                        $"model: '{path}' has no {part} for layer {layer} (there is '{found |> Array.map (fun (_, _, n, _) -> n) |> Array.head}'); every layer needs a weight and a bias, a bias of zeros where there is none"
                | several ->
                    let names = several |> Array.map (fun (_, _, n, _) -> $"'{n}'") |> String.concat ", "

                    fail
                        $"model: '{path}' has several tensors for the {part} of layer {layer}: {names}; keep one MLP in a file"

            pick "weight", pick "bias")

    let private layer (path: string) (layout: WeightLayout) (weight: string * Tensor, bias: string * Tensor) =
        let w, b = WeightFile.finite path weight, WeightFile.finite path bias

        if w.Rank <> 2 || b.Rank <> 1 then
            fail
                $"model: '{fst weight}' {Files.show w.Shape} and '{fst bias}' {Files.show b.Shape} of '{path}' are no affine layer; wanted a matrix and a vector"

        let w = if layout = WeightLayout.PyTorch then Tensor.transpose w else w

        if w.Shape[1] <> b.Shape[0] then
            fail
                $"model: '{fst weight}' of '{path}' has {w.Shape[1]} outputs, '{fst bias}' {b.Shape[0]}; a weight is [outputs; inputs] under PyTorch's names and [inputs; outputs] under [i].Weight"

        { Weight = w; Bias = b }

    /// The layers of named tensors.
    let internal ofTensors (path: string) (tensors: Map<string, Tensor>, metadata: Map<string, string>) : MlpFile =
        if tensors.IsEmpty then
            fail $"model: '{path}' holds no tensor"

        let isOurs = tensors.Keys |> Seq.forall (fun name -> name.StartsWith '[')
        let layout = if isOurs then WeightLayout.Hesse else WeightLayout.PyTorch

        let pattern =
            if isOurs then
                @"^\[(?<layer>\d{1,6})\]\.(?<part>Weight|Bias)$"
            else
                @"(?<layer>\d{1,6})\.(?<part>weight|bias)$"

        let layers = grouped path pattern tensors |> Array.map (layer path layout) |> List.ofArray

        for i, (a, b) in layers |> List.pairwise |> List.indexed do
            if a.Weight.Shape[1] <> b.Weight.Shape[0] then
                fail
                    $"model: layer {i} of '{path}' has {a.Weight.Shape[1]} outputs and the next one {b.Weight.Shape[0]} inputs; is a layer missing, or a weight transposed?"

        {
            Layers = layers
            Layout = layout
            Activation = metadata |> Map.tryFind WeightFile.ActivationKey
        }

    /// <summary>Reads an MLP: <c>.safetensors</c> (a checkpoint of a training run too), <c>.npz</c>, or a folder of <c>.npy</c> files named as their tensors.</summary>
    /// <param name="path">The file or the folder.</param>
    /// <returns>The layers.</returns>
    /// <exception cref="T:Hesse.HesseException">It is not readable, tensors are missing or no part of an MLP, shapes do not follow each other, or numbers
    /// are not finite; the message names the tensor.</exception>
    let read (path: string) : MlpFile = ofTensors path (WeightFile.tensorsOf path)

    /// <summary>Writes an MLP under the names <c>[i].Weight</c> and <c>[i].Bias</c>: <c>.npz</c>, or <c>.safetensors</c> with the name of the activation.</summary>
    /// <param name="path">The file.</param>
    /// <param name="activation">The name of the activation; an .npz file has no place for it.</param>
    /// <param name="layers">The layers.</param>
    /// <exception cref="T:Hesse.HesseException">The ending is another, or the file cannot be written.</exception>
    let write (path: string) (activation: string) (layers: AffineLayer list) : unit =
        WeightFile.write path [ WeightFile.ActivationKey, activation ] (Weights.ofTree layers)
