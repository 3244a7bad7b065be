module Hesse.Theory.Tests.RealModels.LabelledDataTests

open System
open System.IO
open System.Text
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private digit (label: int) = String.Join(',', Array.init 64 (fun i -> string (i % 17))) + $",{label}"

let private csv = Encoding.UTF8.GetBytes(digit 3 + "\n" + digit 1 + "\n")

[<Fact>]
let ``digits are read packed and plain, and cut`` () =
    for name, bytes in [ "a.csv", csv; "a.csv.gz", gzip csv ] do
        withFile name bytes (fun path ->
            let data = LabelledData.read path None None
            Assert.Equal((2, 64), (data.Count, data.Features))
            Assert.Equal(DataTargets.Classes [| 3; 1 |], data.Targets)
            Assert.Equal(1.0, (data.Inputs.toArray ())[16])
            Assert.Equal(1, (LabelledData.read path None (Some 1)).Count)
            Assert.Contains("last column", message (fun () -> LabelledData.read path (Some path) None)))

let private idx (code: byte) (lengths: int list) (data: byte[]) =
    Array.concat [
        [| 0uy; 0uy; code; byte lengths.Length |]
        lengths |> List.collect (fun n -> [ 0uy; 0uy; 0uy; byte n ]) |> Array.ofList
        data
    ]

[<Fact>]
let ``labels stand beside images with the names of MNIST`` () =
    withFolder (fun folder ->
        let images = Path.Combine(folder, "t-images-idx3-ubyte.gz")
        let labels = Path.Combine(folder, "t-labels-idx1-ubyte.gz")
        File.WriteAllBytes(images, gzip (idx 8uy [ 2; 1; 2 ] [| 0uy; 255uy; 51uy; 0uy |]))
        File.WriteAllBytes(labels, gzip (idx 8uy [ 2 ] [| 4uy; 0uy |]))
        let data = LabelledData.read images None (Some 100)
        Assert.Equal<float[]>([| 0.0; 1.0; 0.2; 0.0 |], data.Inputs.toArray ())
        Assert.Equal(DataTargets.Classes [| 4; 0 |], data.Targets)
        Assert.Equal(1, (LabelledData.read images (Some labels) (Some 1)).Count)

        Assert.Equal<float[]>(
            [| 0.0; 0.0; 0.0; 0.0; 1.0 |],
            (LabelledData.targets 5 data).toArray() |> Array.truncate 5
        )

        Assert.Contains("class 4", message (fun () -> LabelledData.targets 4 data))
        File.WriteAllBytes(images, idx 8uy [ 0; 1; 2 ] [||])
        File.WriteAllBytes(labels, idx 8uy [ 0 ] [||])
        Assert.Contains("no image", message (fun () -> LabelledData.read images None None))
        Assert.Contains("wanted at least 1", message (fun () -> LabelledData.read images None (Some 0))))

[<Fact>]
let ``arrays of NumPy bring classes or numbers`` () =
    withFolder (fun folder ->
        let file name = Path.Combine(folder, name)
        let write name (t: Tensor) = Npy.write (file name) t
        write "x.npy" (Random.normal (Random.key 1) [ 3; 2; 2 ])
        write "y.npy" (Tensor.ofArray [| 0.0; 2.0; 1.0 |])
        write "t.npy" (Tensor.ones [ 3; 2 ])
        write "half.npy" (Tensor.ofArray [| 0.0; 0.5; 1.0 |])
        write "nan.npy" (Tensor.ofArray [| 0.0; nan; 1.0 |])
        let read labels = LabelledData.read (file "x.npy") (Some(file labels)) None
        let classes = read "y.npy"
        Assert.Equal((3, 4), (classes.Count, classes.Features))
        Assert.Equal(DataTargets.Classes [| 0; 2; 1 |], classes.Targets)
        Assert.Equal<int[]>([| 3; 2 |], (LabelledData.targets 2 (read "t.npy")).Shape)
        Assert.Contains("2 numbers for each row", message (fun () -> LabelledData.targets 3 (read "t.npy")))
        Assert.Contains("0.5", message (fun () -> read "half.npy"))
        Assert.Contains("NaN", message (fun () -> read "nan.npy"))
        Assert.Contains("without labels", message (fun () -> LabelledData.read (file "x.npy") None None))
        write "two.npy" (Tensor.zeros [ 2 ])
        Assert.Contains("wanted [3]", message (fun () -> read "two.npy"))
        write "x.npy" (Tensor.zeros [ 0; 4 ])
        Assert.Contains("at least one row", message (fun () -> read "y.npy")))
