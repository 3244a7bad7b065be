namespace Hesse.Theory

open System
open System.IO
open System.Numerics.Tensors
open Hesse

/// How the tensors of a model are named and oriented in a file.
[<RequireQualifiedAccess>]
type WeightLayout =
    /// The paths of <c>Mlp</c> and <c>Cnn</c>: <c>[i].Weight</c> [inputs; outputs] and <c>[i].Bias</c>; <c>Convolutions[i].Kernel</c> and
    /// <c>.Bias</c> with <c>Dense[i].Weight</c> and <c>.Bias</c>.
    | Hesse
    /// <c>….weight</c> [outputs; inputs] and <c>….bias</c>, in the order of the numbers in the names.
    | PyTorch

/// What files of weights have in common.
module internal WeightFile =
    let fail (message: string) : 'a = raise (HesseException message)

    [<Literal>]
    let ActivationKey = "hesse.activation"

    /// The tensors of a file or folder, and its metadata. Of a checkpoint of a training run only the parameters are taken.
    let tensorsOf (path: string) : Map<string, Tensor> * Map<string, string> =
        if Directory.Exists path then
            let files = Directory.GetFiles(path, "*.npy")

            if files.Length = 0 then
                fail $"model: folder '{path}' holds no .npy file; name a folder with one file for each tensor"

            files |> Array.map (fun f -> Path.GetFileNameWithoutExtension f, Npy.read f) |> Map.ofArray, Map.empty
        elif path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) then
            let file = Safetensors.readWithMetadata path
            let start = "Parameters"
            let isCheckpoint = file.Metadata.ContainsKey "hesse.training.step"

            let tensors =
                if not isCheckpoint then
                    file.Tensors
                else
                    file.Tensors
                    |> Map.toSeq
                    |> Seq.filter (fun (name, _) -> name.StartsWith(start, StringComparison.Ordinal))
                    |> Seq.map (fun (name, t) -> name.Substring(start.Length).TrimStart '.', t)
                    |> Map.ofSeq

            tensors, file.Metadata
        else
            Weights.read path, Map.empty

    let finite (path: string) (name: string, t: Tensor) =
        let t = Tensor.toFloat64 t

        if t.Size > 0 && not (TensorPrimitives.IsFiniteAll(ReadOnlySpan<float>(t.toArray ()))) then
            fail
                $"model: tensor '{name}' of '{path}' holds NaN or infinities; take weights from before the run diverged"

        t

    /// Names with shapes, for messages.
    let listed (tensors: Map<string, Tensor>) : string =
        tensors
        |> Map.toSeq
        |> Seq.map (fun (name, t) -> $"'{name}' {Files.show t.Shape}")
        |> String.concat ", "

    /// Writes named tensors with metadata, for which an .npz file has no place.
    let write (path: string) (metadata: (string * string) list) (tensors: Map<string, Tensor>) : unit =
        match Path.GetExtension(path).ToLowerInvariant() with
        | ".npz" -> Npy.writeArchive path tensors
        | ".safetensors" -> Safetensors.write path { Tensors = tensors; Metadata = Map.ofList metadata }
        | ending -> fail $"model: '{path}' ends with '{ending}', wanted .npz or .safetensors"
