module Hesse.Theory.Tests.RealModels.MlpFileTests

open System.IO
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private layers = Mlp.init (Random.key 1) 1.0 [ 4; 3; 3; 2 ]

let private same (expected: AffineLayer list) (file: MlpFile) =
    Array.iter2
        (fun (a: Tensor) (b: Tensor) ->
            Assert.Equal<int[]>(a.Shape, b.Shape)
            Assert.Equal<float[]>(a.toArray (), b.toArray ()))
        (Tree.leaves expected)
        (Tree.leaves file.Layers)

let private asPyTorch =
    layers
    |> List.mapi (fun i l -> [ $"net.{2 * i}.weight", Tensor.transpose l.Weight; $"net.{2 * i}.bias", l.Bias ])
    |> List.concat
    |> Map.ofList

[<Fact>]
let ``both layouts and all containers bring the same network`` () =
    withFolder (fun folder ->
        let file name = Path.Combine(folder, name)
        MlpFile.write (file "a.npz") "relu" layers
        MlpFile.write (file "a.safetensors") "relu" layers
        Npy.writeArchive (file "b.npz") asPyTorch
        let arrays = Directory.CreateDirectory(file "arrays").FullName

        for KeyValue(name, t) in asPyTorch do
            Npy.write (Path.Combine(arrays, name + ".npy")) t

        Checkpoint.save
            (file "c.safetensors")
            (Training.start { TrainingOptions.GradientDescent 0.1 with Optimizer = Optimizer.adam } layers)

        for name in [ "a.npz"; "a.safetensors"; "b.npz"; "arrays"; "c.safetensors" ] do
            let read = MlpFile.read (file name)
            same layers read
            Assert.Equal<int list>([ 4; 3; 3; 2 ], read.Widths)

        Assert.Equal(Some "relu", (MlpFile.read (file "a.safetensors")).Activation)
        Assert.Equal(None, (MlpFile.read (file "a.npz")).Activation)
        Assert.Equal(WeightLayout.PyTorch, (MlpFile.read (file "b.npz")).Layout))

[<Fact>]
let ``what is no network is refused`` () =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "a.npz")

        let refusal (tensors: Map<string, Tensor>) =
            Npy.writeArchive file tensors
            message (fun () -> MlpFile.read file)

        Assert.Contains("no bias for layer 2", refusal (Map.remove "net.2.bias" asPyTorch))
        Assert.Contains("'scale', which is no part", refusal (Map.add "scale" (Tensor.ones [ 2 ]) asPyTorch))
        Assert.Contains("several tensors", refusal (Map.add "other.2.bias" (Tensor.ones [ 3 ]) asPyTorch))
        Assert.Contains("NaN", refusal (Map.add "net.0.bias" (Tensor.ofArray [| 0.0; nan; 0.0 |]) asPyTorch))

        Assert.Contains(
            "is a layer missing",
            refusal (
                asPyTorch
                |> Map.filter (fun name _ -> name.StartsWith "net.0" || name.StartsWith "net.4")
                |> Map.add "net.4.weight" (Tensor.ones [ 2; 5 ])
            )
        )

        Assert.Contains("[outputs; inputs]", refusal (Map.add "net.0.weight" layers.Head.Weight asPyTorch))
        Assert.Contains("no affine layer", refusal (Map.add "net.0.weight" (Tensor.ones [ 3 ]) asPyTorch))

        Assert.Contains(
            "holds no .npy file",
            message (fun () -> MlpFile.read (Directory.CreateDirectory(file + "x").FullName))
        )

        Assert.Contains("there are tanh, relu", message (fun () -> MlpFile.activation "tan"))
        Assert.Contains("wanted .npz", message (fun () -> MlpFile.write "a.bin" "tanh" layers)))
