module Hesse.Theory.Tests.RealModels.DigitsTrainingTests

open System
open System.IO
open System.Threading
open Xunit
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private data = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "..", "data", "digits.csv.gz")

let private train steps rate widths path =
    DigitsTraining.run data null widths "tanh" steps rate 1 path (Action<_, _>(fun _ _ -> ())) CancellationToken.None

[<Fact>]
let ``digits are learnt, and the file holds what was learnt`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "m.safetensors")
        let outcome = train 150 1e-2 [| 64; 16; 10 |] path
        Assert.Equal(150, outcome.Steps)
        Assert.True(outcome.Accuracy > 0.9, $"{outcome.Accuracy}")
        let file, digits = MlpFile.read path, LabelledData.read data None None
        let predictions = Mlp.apply (MlpFile.activation file.Activation.Value) file.Layers digits.Inputs
        Assert.Equal(outcome.Loss, (Losses.crossEntropy predictions (LabelledData.targets 10 digits)).item(), 12))

[<Fact>]
let ``what cannot be trained is refused`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "m.npz")
        Assert.Contains("the widths begin with 32", message (fun () -> train 1 0.1 [| 32; 10 |] path))
        Assert.Contains("class 9", message (fun () -> train 1 0.1 [| 64; 9 |] path))
        Assert.Contains("wanted at least one step", message (fun () -> train 0 0.1 [| 64; 10 |] path))
        Assert.False(File.Exists path))
