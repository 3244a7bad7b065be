module Hesse.Theory.Tests.RealModels.CnnFileTests

open System.IO
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private shape = {
    Channels = 1
    Height = 8
    Width = 8
    Filters = [ 3; 4 ]
    Window = 3
    Padding = ConvPadding.Same
    Pool = 2
    Pooling = Pooling.Max
    Dense = [ 6; 5 ]
}

let private weights =
    Cnn.init (Random.key 1) 1.0 shape
    |> Tree.map (fun t -> t + 0.1 * Random.normal (Random.key 2) t.Shape)

let private same (expected: CnnWeights) (file: CnnFile) =
    Array.iter2
        (fun (a: Tensor) (b: Tensor) ->
            Assert.Equal<int[]>(a.Shape, b.Shape)
            Assert.Equal<float[]>(a.toArray (), b.toArray ()))
        (Tree.leaves expected)
        (Tree.leaves file.Weights)

/// The tensors under names of PyTorch's.
let private asPyTorch (convolution: int -> string) (dense: int -> string) =
    [
        for i, l in List.indexed weights.Convolutions do
            $"{convolution i}.weight", l.Kernel
            $"{convolution i}.bias", l.Bias
        for i, l in List.indexed weights.Dense do
            $"{dense i}.weight", Tensor.transpose l.Weight
            $"{dense i}.bias", l.Bias
    ]
    |> Map.ofList

/// As in one Sequential, as modules of their own, and as two Sequentials.
let private named = [
    asPyTorch (fun i -> string (3 * i)) (fun i -> string (7 + 2 * i))
    asPyTorch (fun i -> $"conv{i + 1}") (fun i -> $"fc{i + 1}")
    asPyTorch (fun i -> $"features.{3 * i}") (fun i -> $"classifier.{2 * i}")
    asPyTorch (fun i -> $"block{i}.0.conv") (fun i -> $"head{i}.0.fc")
]

[<Fact>]
let ``all containers and names bring the same network`` () =
    withFolder (fun folder ->
        let file name = Path.Combine(folder, name)
        CnnFile.write (file "a.npz") "relu" shape weights
        CnnFile.write (file "a.safetensors") "relu" shape weights
        let arrays = Directory.CreateDirectory(file "arrays").FullName

        for KeyValue(name, t) in named[1] do
            Npy.write (Path.Combine(arrays, name + ".npy")) t

        Checkpoint.save
            (file "c.safetensors")
            (Training.start { TrainingOptions.GradientDescent 0.1 with Optimizer = Optimizer.adam } weights)

        named |> List.iteri (fun i tensors -> Npy.writeArchive (file $"p{i}.npz") tensors)

        for name in [ "a.npz"; "a.safetensors"; "arrays"; "c.safetensors"; "p0.npz"; "p1.npz"; "p2.npz"; "p3.npz" ] do
            let read = CnnFile.read (file name)
            same weights read
            Assert.Equal<int list>([ 3; 4 ], read.Filters)
            Assert.Equal<int list>([ 16; 6; 5 ], read.DenseWidths)
            let found, assumed = CnnFile.shape 64 CnnHints.none read
            Assert.Equal(shape, found)

            Assert.Equal(
                (if name = "a.safetensors" then
                     ""
                 else
                     "padding and pooling fit the shapes, max pooling is assumed"),
                assumed
            )

        Assert.Equal(Some "relu", (CnnFile.read (file "a.safetensors")).Activation)
        Assert.Equal(WeightLayout.PyTorch, (CnnFile.read (file "p0.npz")).Layout)
        Assert.Equal(WeightLayout.Hesse, (CnnFile.read (file "c.safetensors")).Layout))

[<Fact>]
let ``padding and pooling are found by the number of inputs of the first affine layer`` () =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "a.npz")

        let found (shape: CnnShape) hints =
            Npy.writeArchive file (Weights.ofTree (Cnn.init (Random.key 1) 1.0 shape))
            fst (CnnFile.shape (shape.Channels * shape.Height * shape.Width) hints (CnnFile.read file))

        // LeNet's: kernels of five, without padding.
        let lenet = {
            shape with
                Height = 28
                Width = 28
                Filters = [ 6; 16 ]
                Window = 5
                Padding = ConvPadding.Valid
                Dense = [ 10 ]
        }

        Assert.Equal(lenet, found lenet CnnHints.none)
        let still = { shape with Pool = 1; Filters = [ 3 ]; Dense = [ 5 ] }
        Assert.Equal(still, found still CnnHints.none)
        // One zero around a kernel of five is neither of the two.
        let padded = { still with Window = 5; Padding = ConvPadding.Explicit [ 1, 1 ] }
        Assert.Equal(padded, found padded (CnnHints.parse null 1 null "1"))
        let rows = { shape with Channels = 3; Height = 4; Width = 10 }
        Assert.Equal({ rows with Pooling = Pooling.Mean }, found rows (CnnHints.parse "4x10" 0 "mean" null))
        // One pixel is left by pools of several sizes.
        let single = { shape with Filters = [ 4 ]; Pool = 8; Dense = [ 5 ] }
        let error = message (fun () -> found single CnnHints.none)
        Assert.Contains("4 inputs of the first affine layer fit several networks: --padding same --pool 5", error)
        Assert.Equal(single, found single (CnnHints.parse null 8 null "same")))

[<Fact>]
let ``kernels that lie otherwise, and tensors that fit no such network, are refused with what was found and wanted``
    ()
    =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "a.npz")

        let refusal (tensors: Map<string, Tensor>) =
            Npy.writeArchive file tensors
            let error = message (fun () -> CnnFile.read file)
            Assert.Contains("it holds 'conv1", error.Replace("it holds 'bn", "it holds 'conv1"))
            Assert.Contains("wanted convolutions of stride 1 with kernels [outputs; channels; k; k]", error)
            error

        let good = named[1]
        let put name t = Map.add name (Tensor.ones t) good

        Assert.Contains(
            "kernel 'conv2' [3; 3; 3; 4], which looks like [k; k; channels; outputs] (Keras, JAX)",
            refusal (put "conv2.weight" [ 3; 3; 3; 4 ])
        )

        Assert.Contains("squares of one size", refusal (put "conv2.weight" [ 4; 3; 5; 5 ]))
        Assert.Contains("'conv1.weight' [3; 1; 3; 3]", refusal (Map.remove "conv2.bias" good))
        Assert.Contains("no bias for 'conv2'", refusal (Map.remove "conv2.bias" good))
        Assert.Contains("not one weight and one bias for 'fc1'", refusal (Map.remove "fc1.weight" good))
        Assert.Contains("4 outputs with a bias of 2", refusal (put "conv2.bias" [ 2 ]))
        Assert.Contains("3 outputs of 'conv1' and 1 channels of 'conv2'", refusal (put "conv2.weight" [ 4; 1; 3; 3 ]))
        Assert.Contains("6 outputs of 'fc1' and 7 inputs of 'fc2'", refusal (put "fc2.weight" [ 5; 7 ]))
        Assert.Contains("neither a weight nor a bias", refusal (put "bn1.running_mean" [ 3 ]))

        Assert.Contains(
            "'bn1' with a weight [3]",
            refusal (put "bn1.weight" [ 3 ] |> Map.add "bn1.bias" (Tensor.ones [ 3 ]))
        )

        Assert.Contains(
            "whether 'fc2' or 'out2' comes first",
            refusal (put "out2.weight" [ 5; 5 ] |> Map.add "out2.bias" (Tensor.ones [ 5 ]))
        )

        Assert.Contains(
            "2 convolutions and 0 affine layers",
            refusal (good |> Map.filter (fun name _ -> name.StartsWith "conv"))
        ))

[<Fact>]
let ``data that do not fit the network, and hints that are none`` () =
    withFolder (fun folder ->
        let file = Path.Combine(folder, "a.npz")
        CnnFile.write file "relu" shape weights
        let refusal features hints = message (fun () -> CnnFile.shape features hints (CnnFile.read file))
        Assert.Contains("no square images of 1 channel(s)", refusal 63 CnnHints.none)

        Assert.Contains(
            "the first affine layer has 16 inputs, and the convolutions leave another number of images 1×12×12: --padding same --pool 1 leaves 576",
            refusal 144 CnnHints.none
        )

        let hint image pool pooling padding = message (fun () -> CnnHints.parse image pool pooling padding)
        Assert.Contains("image '8': wanted rows and columns, such as 28x28", hint "8" 0 null null)
        Assert.Contains("pool -1", hint null -1 null null)
        Assert.Contains("pooling 'sum': there are max and mean", hint null 0 "sum" null)
        Assert.Contains("padding 'full': there are same, valid", hint null 0 null "full")
        Assert.Equal(CnnHints.none, CnnHints.parse "" 0 "" ""))
