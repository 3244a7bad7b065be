module Hesse.Theory.Tests.Data.WeightsTests

open System.IO
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private model = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]
let private blank = Mlp.init (Random.key 2) 1.0 [ 3; 4; 2 ]

let private same (a: 'P) (b: 'P) =
    for x, y in Array.zip (Tree.leaves a) (Tree.leaves b) do
        Assert.Equal<int[]>(x.Shape, y.Shape)
        Assert.Equal<float[]>(x.toArray (), y.toArray ())

[<Fact>]
let ``a tree goes to named tensors and back`` () =
    let named = Weights.ofTree model
    Assert.Equal<string seq>([ "[0].Bias"; "[0].Weight"; "[1].Bias"; "[1].Weight" ], named.Keys)
    same model (Weights.toTree Weights.byPath blank named)
    let single = Tree.map Tensor.toFloat32 blank
    let read = Weights.toTree Weights.byPath single named
    Assert.All(Tree.leaves read, fun t -> Assert.Equal(DType.Float32, t.DType))

[<Fact>]
let ``PyTorch's names and layout are understood`` () =
    let l = Array.ofList model

    let tensors =
        Map.ofList [
            "net.0.weight", Tensor.transpose l[0].Weight
            "net.0.bias", l[0].Bias
            "net.2.weight", Tensor.transpose l[1].Weight
            "net.2.bias", l[1].Bias
        ]

    same model (Weights.toTree (Weights.ofPyTorch "net" 2) blank tensors)

    refuses [ "'Dense[0]"; "[i].Weight" ] (fun () -> Weights.ofPyTorch "" 1 "Dense[0].Kernel")

[<Fact>]
let ``names come from a list`` () =
    let tensors = Map.ofList [ "first", Tensor.scalar 1.0; "Item2", Tensor.scalar 2.0 ]

    let a, b =
        Weights.toTree (Weights.byName [ "Item1", "first" ]) (Tensor.scalar 0.0, Tensor.scalar 0.0) tensors

    Assert.Equal((1.0, 2.0), (a.item (), b.item ()))

[<Fact>]
let ``everything that does not fit is listed at once`` () =
    let tensors =
        Map.ofList [
            "[0].Weight", Tensor.zeros [ 4; 3 ]
            "[0].Bias", Tensor.zeros [ 4 ]
            "[1].Weight", Tensor.zeros [ 4; 2 ]
            "head", Tensor.zeros [ 1 ]
        ]

    refuses
        [
            "missing: '[1].Bias' (for [1].Bias)"
            "not wanted: 'head'"
            "of another shape: '[0].Weight' [4; 3] (for [0].Weight [3; 4])"
        ]
        (fun () -> Weights.toTree Weights.byPath blank tensors)

    refuses [ "wanted by more than one place: 'x'" ] (fun () ->
        Weights.toTree
            (fun _ -> { Name = "x"; Convert = id })
            [ Tensor.scalar 1.0; Tensor.scalar 2.0 ]
            (Map.ofList [ "x", Tensor.scalar 3.0 ]))

[<Fact>]
let ``the ending chooses the format`` () =
    withFolder (fun folder ->
        let path name = Path.Combine(folder, name)
        let named = Weights.ofTree model
        Safetensors.write (path "m.safetensors") { Tensors = named; Metadata = Map.empty }
        Npy.writeArchive (path "m.npz") named
        same model (Weights.toTree Weights.byPath blank (Weights.read (path "m.safetensors")))
        same model (Weights.toTree Weights.byPath blank (Weights.read (path "m.npz")))
        Npy.write (path "bias.npy") model[0].Bias
        Assert.Equal<string seq>([ "bias" ], (Weights.read (path "bias.npy")).Keys)
        refuses [ "'.pt'"; "wanted .safetensors, .npz or .npy" ] (fun () -> Weights.read (path "m.pt")))
