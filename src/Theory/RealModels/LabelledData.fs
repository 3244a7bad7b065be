namespace Hesse.Theory

open System
open System.IO
open System.Numerics.Tensors
open Hesse

/// What belongs to each row of a data set.
[<RequireQualifiedAccess>]
type DataTargets =
    /// The number of a class, from 0, length n.
    | Classes of int[]
    /// Numbers, shape [n; k].
    | Values of Tensor

/// A data set from files.
type LabelledData = {
    /// Shape [n; d], n at least 1, finite, float64.
    Inputs: Tensor
    /// What belongs to the rows.
    Targets: DataTargets
} with

    /// The number of rows.
    member d.Count = d.Inputs.Shape[0]

    /// Numbers in a row.
    member d.Features = d.Inputs.Shape[1]

/// Data sets in the formats that real data comes in, chosen by the ending of the file.
[<RequireQualifiedAccess>]
module LabelledData =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private ofDigits (digits: Digits) = {
        Inputs = Digits.inputs digits
        Targets = DataTargets.Classes digits.Labels
    }

    let private finite (path: string) (t: Tensor) =
        let t = Tensor.toFloat64 t

        if t.Size > 0 && not (TensorPrimitives.IsFiniteAll(ReadOnlySpan<float>(t.toArray ()))) then
            fail $"data: '{path}' holds NaN or infinities; remove or replace these rows"

        t

    let private firstRows (limit: int option) (t: Tensor) =
        match limit with
        | Some n when n < t.Shape[0] -> Tensor.slice 0 0 n 1 t
        | _ -> t

    let private ofNpy (path: string) (targets: string) (limit: int option) =
        let inputs = Npy.read path |> firstRows limit |> finite path

        if inputs.Rank < 2 || inputs.Size = 0 then
            fail $"data: '{path}' holds an array {Files.show inputs.Shape}, wanted [n; …] with at least one row"

        let values = Npy.read targets |> firstRows limit |> finite targets
        let n = inputs.Shape[0]

        if values.Rank < 1 || values.Rank > 2 || values.Shape[0] <> n then
            fail
                $"data: '{targets}' holds an array {Files.show values.Shape}, wanted [{n}] classes or [{n}; k] numbers, as '{path}' has {n} rows"

        let isClass x = x >= 0.0 && x < 1e6 && x = Math.Floor x

        let targets =
            if values.Rank = 2 then
                DataTargets.Values values
            else
                let numbers = values.toArray ()

                match numbers |> Array.tryFind (isClass >> not) with
                | Some other ->
                    fail
                        $"data: '{targets}' holds {other}, wanted classes 0, 1, 2, …; give numbers to be predicted as an array [n; 1]"
                | None -> DataTargets.Classes(numbers |> Array.map int)

        { Inputs = Tensor.reshape [ n; inputs.Size / n ] inputs; Targets = targets }

    /// The file of the labels next to a file of images, in the names of MNIST.
    let private labelsBeside (images: string) =
        let name = Path.GetFileName images

        let other =
            name.Replace("images-idx3", "labels-idx1").Replace("images.idx3", "labels.idx1").Replace("images", "labels")

        if other = name then
            None
        else
            Some(Path.Combine(Path.GetDirectoryName images, other))

    /// <summary>Reads a data set: <c>.csv</c> and <c>.csv.gz</c> as <c>Digits.loadFile</c>; <c>.npy</c> inputs [n; …] with <c>.npy</c> classes [n]
    /// or numbers [n; k]; everything else as IDX images and labels, plain or gzip.</summary>
    /// <param name="path">The file of the inputs.</param>
    /// <param name="labels">The file of the labels; None where the inputs' file has them, or for IDX files with the names of MNIST
    /// (<c>…images-idx3-ubyte…</c> beside <c>…labels-idx1-ubyte…</c>).</param>
    /// <param name="limit">How many rows are taken at most, from the first; None for all.</param>
    /// <returns>The data; pixels of images in [0, 1], the axes after the first flattened.</returns>
    /// <exception cref="T:Hesse.HesseException">A file is missing, damaged, empty, of another format, or holds numbers that are not finite; or the
    /// labels do not belong to the inputs; or the limit is below 1.</exception>
    let read (path: string) (labels: string option) (limit: int option) : LabelledData =
        match limit with
        | Some n when n < 1 -> fail $"data: {n} rows are asked for, wanted at least 1"
        | _ -> ()

        let name = path.ToLowerInvariant()

        if
            name.EndsWith(".csv", StringComparison.Ordinal)
            || name.EndsWith(".csv.gz", StringComparison.Ordinal)
        then
            if labels.IsSome then
                fail $"data: '{path}' has its labels in its last column; leave out the file of labels"

            let all = ofDigits (Digits.loadFile path)

            match limit, all.Targets with
            | Some n, DataTargets.Classes classes -> {
                Inputs = firstRows limit all.Inputs
                Targets = DataTargets.Classes(Array.truncate n classes)
              }
            | _ -> all
        else
            match labels |> Option.orElse (labelsBeside path) with
            | None -> fail $"data: '{path}' comes without labels; name the file of the labels"
            | Some labels when name.EndsWith(".npy", StringComparison.Ordinal) -> ofNpy path labels limit
            | Some labels ->
                let most = limit |> Option.map (fun n -> min n (max 1 (Idx.stated path)))
                let digits = Idx.readDigits path labels most

                if digits.Count = 0 then
                    fail $"data: '{path}' holds no image; wanted at least 1"

                ofDigits digits

    /// <summary>Targets for a model with so many outputs: one-hot rows of the classes, or the numbers as they are.</summary>
    /// <param name="outputs">k.</param>
    /// <param name="data">The data.</param>
    /// <returns>Shape [n; k].</returns>
    /// <exception cref="T:Hesse.HesseException">A class is not below k, or the numbers have another length.</exception>
    let targets (outputs: int) (data: LabelledData) : Tensor =
        match data.Targets with
        | DataTargets.Values values when values.Shape[1] = outputs -> values
        | DataTargets.Values values ->
            fail
                $"data: {values.Shape[1]} numbers for each row, the model has {outputs} outputs; take the model of these data"
        | DataTargets.Classes classes ->
            let most = Array.max classes

            if most >= outputs then
                fail
                    $"data: class {most} among the labels, the model has {outputs} outputs; take the model of these data"

            Tensor.oneHot outputs (Tensor.ofArray (classes |> Array.map float))
