module Hesse.Theory.Tests.Dynamics.CheckpointTests

open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private data = Random.normal (Random.key 1) [ 8; 3 ], Random.normal (Random.key 2) [ 8; 2 ]
let private loss (x: Tensor, y: Tensor) layers = Losses.meanSquaredError (Mlp.apply Tensor.tanh layers x) y
let private init widths = Mlp.init (Random.key 3) 1.0 widths
let private flat (w: 'P) = (fst (Tree.ravel w)).toArray()

let private options = {
    TrainingOptions.GradientDescent 0.01 with
        Optimizer = Optimizer.adam
        Batch = BatchSize.Shuffled 3
}

[<Fact>]
let ``a run from a file is the run without a stop, bit for bit`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "run.safetensors")
        let first = Training.start options (init [ 3; 5; 2 ])
        let run steps = Training.run options loss data steps ignore CancellationToken.None
        let whole = run 9 first

        // The observer saves as the run goes; the last save before the stop counts.
        let observe = Training.every 2 (fun step -> Checkpoint.save path step.State)
        Training.run options loss data 5 observe CancellationToken.None first |> ignore
        let loaded = Checkpoint.load path (Training.start options (init [ 3; 5; 2 ]))
        Assert.Equal(4, loaded.Step)
        let resumed = run 9 loaded
        Assert.Equal<float[]>(flat whole.Parameters, flat resumed.Parameters)
        Assert.Equal<float[]>(flat whole.Moments, flat resumed.Moments)
        Assert.Equal<string[]>([| path |], Directory.GetFiles folder))

[<Fact>]
let ``a file of another model, optimizer or program is refused`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "run.safetensors")
        Checkpoint.save path (Training.start options (init [ 3; 5; 2 ]))

        refuses [ "of another shape"; "Parameters[0].Weight"; "[3; 5]"; "[3; 6]" ] (fun () ->
            Checkpoint.load path (Training.start options (init [ 3; 6; 2 ])))

        let momentum = { options with Optimizer = Optimizer.momentum 0.9 }

        refuses [ "not wanted: 'Moments[1][0].Bias'" ] (fun () ->
            Checkpoint.load path (Training.start momentum (init [ 3; 5; 2 ])))

        Safetensors.write path { Tensors = Map.empty; Metadata = Map.empty }

        refuses [ "no entry 'hesse.training.step'"; "Checkpoint.save" ] (fun () ->
            Checkpoint.load path (Training.start options (init [ 3; 5; 2 ]))))
