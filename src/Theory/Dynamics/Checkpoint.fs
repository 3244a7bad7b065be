namespace Hesse.Theory

open System.Globalization
open Hesse

/// States of training in files, from which a run goes on exactly as if it had not stopped.
[<RequireQualifiedAccess>]
module Checkpoint =
    [<Literal>]
    let private StepKey = "hesse.training.step"

    /// A state without its step, so that every tensor has a path of its own.
    let private parts (state: TrainingState<'P>) = {| Parameters = state.Parameters; Moments = state.Moments |}

    /// <summary>Writes a state as a safetensors file: <c>Parameters…</c> and <c>Moments[i]…</c> by their paths, the step in the metadata.</summary>
    /// <param name="path">The file; an old one is replaced when the new one is whole.</param>
    /// <param name="state">The state.</param>
    /// <exception cref="T:Hesse.HesseException">The file cannot be written.</exception>
    let save (path: string) (state: TrainingState<'P>) : unit =
        Safetensors.write path {
            Tensors = Weights.ofTree (parts state)
            Metadata = Map.ofList [ StepKey, state.Step.ToString CultureInfo.InvariantCulture ]
        }

    /// <summary>Reads a state.</summary>
    /// <param name="path">A file from <c>save</c>.</param>
    /// <param name="like">A state of the same model and optimizer, from <c>Training.start</c>.</param>
    /// <returns>The state that was saved, bit for bit.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is not readable, holds no step, or belongs to another model or optimizer; the message lists what does not fit.</exception>
    let load (path: string) (like: TrainingState<'P>) : TrainingState<'P> =
        let file = Safetensors.readWithMetadata path

        let step =
            match file.Metadata |> Map.tryFind StepKey |> Option.map System.Int32.TryParse with
            | Some(true, step) when step >= 0 -> step
            | _ ->
                Files.fail
                    $"Checkpoint.load: '{path}' has no entry '{StepKey}' with a number of steps in its metadata; it was not written by Checkpoint.save"

        let read = Weights.toTree Weights.byPath (parts like) file.Tensors

        { Step = step; Parameters = read.Parameters; Moments = read.Moments }
