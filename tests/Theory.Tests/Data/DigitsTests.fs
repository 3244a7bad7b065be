module Hesse.Theory.Tests.Data.DigitsTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Xunit
open Hesse
open Hesse.Theory

/// A folder with a digits file of the given bytes; it is removed afterwards.
let private withBytes (bytes: byte[]) (check: string -> unit) =
    let folder = Directory.CreateTempSubdirectory("hesse-digits").FullName

    try
        File.WriteAllBytes(Path.Combine(folder, Digits.FileName), bytes)
        check folder
    finally
        Directory.Delete(folder, true)

let private gzip (text: string) =
    use packed = new MemoryStream()

    do
        use stream = new GZipStream(packed, CompressionLevel.Optimal)
        stream.Write(Encoding.UTF8.GetBytes text)

    packed.ToArray()

let private line (pixel: int -> string) (label: string) =
    String.Join(",", Array.append (Array.init 64 pixel) [| label |])

let private good = line (fun j -> string (j % 17)) "7"

let private failure (text: string) =
    let mutable message = ""

    withBytes (gzip text) (fun folder ->
        message <- (Assert.Throws<HesseException>(fun () -> Digits.load folder |> ignore)).Message)

    message

let private contains (parts: string list) (message: string) =
    for part in parts do
        Assert.Contains(part, message)

    Assert.DoesNotContain("\n", message)

/// The data folder of the repository, found from the test binaries upwards.
let repositoryData =
    let rec up (folder: DirectoryInfo) =
        if isNull folder then
            failwith "no data folder above the test binaries"
        elif File.Exists(Path.Combine(folder.FullName, "data", Digits.FileName)) then
            Path.Combine(folder.FullName, "data")
        else
            up folder.Parent

    let fromSource = DirectoryInfo(Path.Combine(__SOURCE_DIRECTORY__, "..", "..", ".."))
    lazy up fromSource

[<Fact>]
let ``the repository's file has 1797 images of ten balanced classes`` () =
    let digits = Digits.load repositoryData.Value
    Assert.Equal(1797, digits.Count)
    Assert.Equal(64, digits.Features)
    Assert.Equal(1797 * 64, digits.Images.Length)
    Assert.Equal(0.0, Array.min digits.Images)
    Assert.Equal(1.0, Array.max digits.Images)
    // First row of the file: 0,0,5,13,9,1,… and label 0.
    Assert.Equal<float[]>([| 0.0; 0.0; 5.0; 13.0; 9.0; 1.0 |], digits.Images[..5] |> Array.map (fun x -> 16.0 * x))
    Assert.Equal(0, digits.Labels[0])
    let counts = digits.Labels |> Array.countBy id |> Array.sort |> Array.map snd
    Assert.Equal<int[]>([| 178; 182; 177; 183; 181; 182; 181; 179; 174; 180 |], counts)

[<Fact>]
let ``a small file is read and scaled`` () =
    withBytes (gzip (good + "\r\n" + line (fun _ -> "16") "0" + "\n")) (fun folder ->
        let digits = Digits.load folder
        Assert.Equal<int[]>([| 7; 0 |], digits.Labels)
        Assert.Equal(5.0 / 16.0, digits.Images[5])
        Assert.Equal(1.0, digits.Images[64 + 63]))

[<Fact>]
let ``a missing file is named`` () =
    let folder = Path.Combine(Path.GetTempPath(), "hesse-no-such-folder")
    let e = Assert.Throws<HesseException>(fun () -> Digits.load folder |> ignore)
    contains [ "no file"; Digits.FileName; "pass the folder" ] e.Message

[<Fact>]
let ``a file that is not gzip is refused`` () =
    withBytes (Encoding.UTF8.GetBytes good) (fun folder ->
        let e = Assert.Throws<HesseException>(fun () -> Digits.load folder |> ignore)
        contains [ "not a gzip file"; Digits.FileName; "restore" ] e.Message)

[<Theory>]
[<InlineData(3)>]
[<InlineData(20)>]
[<InlineData(60)>]
[<InlineData(-1)>]
let ``a truncated file is refused wherever it was cut`` (length: int) =
    let packed =
        gzip (String.Join("\n", Array.create 20 good) + "\n" + line (fun j -> string (j * j % 17)) "3")

    let kept = if length < 0 then packed.Length + length else length

    withBytes (Array.truncate kept packed) (fun folder ->
        let e = Assert.Throws<HesseException>(fun () -> Digits.load folder |> ignore)
        contains [ "truncated gzip file"; Digits.FileName; "restore" ] e.Message)

[<Fact>]
let ``an empty file is refused`` () = contains [ "holds no line"; "at least 1" ] (failure "\n")

[<Fact>]
let ``a wrong number of columns is placed`` () =
    contains [ "line 2"; "found 64 columns"; "wanted 65" ] (failure (good + "\n" + good[2..] + "\n"))

[<Theory>]
[<InlineData("abc")>]
[<InlineData("NaN")>]
[<InlineData("Infinity")>]
[<InlineData("")>]
[<InlineData("17")>]
[<InlineData("-1")>]
let ``a bad pixel is placed and shown`` (pixel: string) =
    failure (good + "\n" + line (fun j -> if j = 11 then pixel else "0") "1")
    |> contains [ "line 2, column 12"; "found"; pixel; "wanted a pixel in 0..16" ]

[<Theory>]
[<InlineData("10")>]
[<InlineData("-1")>]
[<InlineData("2.5")>]
[<InlineData("one")>]
let ``a bad label is placed and shown`` (label: string) =
    failure (line (fun _ -> "0") label)
    |> contains [ "line 1, column 65"; label; "wanted a label in 0..9" ]

let private sample = {
    Images = Array.init (6 * 64) (fun i -> float (i * i % 97) / 97.0)
    Features = 64
    Labels = [| 2; 1; 2; 0; 1; 2 |]
}

[<Fact>]
let ``take selects class by class in file order`` () =
    let taken = Digits.take [ 2; 1 ] 2 sample
    Assert.Equal<int[]>([| 2; 2; 1; 1 |], taken.Labels)
    let row (d: Digits) i = d.Images[i * 64 .. i * 64 + 63]
    Assert.Equal<float[]>(row sample 0, row taken 0)
    Assert.Equal<float[]>(row sample 2, row taken 1)
    Assert.Equal<float[]>(row sample 4, row taken 3)

[<Fact>]
let ``take refuses more images than there are`` () =
    let e = Assert.Throws<HesseException>(fun () -> Digits.take [ 0 ] 2 sample |> ignore)
    contains [ "class 0 has 1 images"; "2 wanted" ] e.Message

[<Fact>]
let ``pooling averages two by two blocks`` () =
    let pooled = Digits.pool sample
    Assert.Equal(16, pooled.Features)
    let image i r c = sample.Images[i * 64 + r * 8 + c]

    for i in 0..5 do
        for r in 0..3 do
            for c in 0..3 do
                let mean =
                    (image i (2 * r) (2 * c)
                     + image i (2 * r) (2 * c + 1)
                     + image i (2 * r + 1) (2 * c)
                     + image i (2 * r + 1) (2 * c + 1))
                    / 4.0

                Assert.Equal(mean, pooled.Images[i * 16 + r * 4 + c], 14)

    let e = Assert.Throws<HesseException>(fun () -> Digits.pool pooled |> ignore)
    contains [ "16 features"; "wanted 64" ] e.Message

let private feature (d: Digits) j = Array.init d.Count (fun i -> d.Images[i * d.Features + j])

[<Fact>]
let ``standardised features have mean zero and variance one, constant ones are zero`` () =
    let constant = {
        sample with
            Images = sample.Images |> Array.mapi (fun i x -> if i % 64 = 5 then 0.25 else x)
    }

    let standard = Digits.standardise constant

    for j in 0..63 do
        let x = feature standard j
        Assert.Equal(0.0, Array.average x, 12)
        Assert.Equal((if j = 5 then 0.0 else 1.0), Array.averageBy (fun v -> v * v) x, 12)

[<Fact>]
let ``separation multiplies the distances between class means and keeps the scatter within classes`` () =
    let data = Digits.load repositoryData.Value |> Digits.take [ 0..2 ] 15 |> Digits.pool

    let classMean (d: Digits) c j =
        Array.zip d.Labels (feature d j) |> Array.filter (fun (l, _) -> l = c) |> Array.averageBy snd

    let apart = Digits.separate 2.5 data

    for j in 0 .. data.Features - 1 do
        Assert.Equal(Array.average (feature data j), Array.average (feature apart j), 12)

        for c in 1..2 do
            let distance d = classMean d c j - classMean d 0 j
            Assert.Equal(2.5 * distance data, distance apart, 12)

        for i in 0 .. data.Count - 1 do
            let within (d: Digits) = (feature d j)[i] - classMean d d.Labels[i] j
            Assert.Equal(within data, within apart, 12)

    Assert.Equal<float>(data.Images, (Digits.separate 1.0 data).Images)

[<Fact>]
let ``whitened features are uncorrelated with variance one`` () =
    let data = Digits.load repositoryData.Value |> Digits.take [ 0..9 ] 20 |> Digits.pool
    let white = Digits.whiten data
    Assert.InRange(white.Features, 10, 16)

    for a in 0 .. white.Features - 1 do
        for b in 0..a do
            let covariance = Array.map2 (*) (feature white a) (feature white b) |> Array.average
            Assert.Equal((if a = b then 1.0 else 0.0), covariance, 9)

[<Fact>]
let ``one-hot rows hold a single one in the column of the label`` () =
    let targets = (Digits.oneHot 4 sample).toArray2D()
    Assert.Equal((6, 4), (targets.GetLength 0, targets.GetLength 1))
    targets |> Array2D.iteri (fun i c x -> Assert.Equal((if sample.Labels[i] = c then 1.0 else 0.0), x))
    let e = Assert.Throws<HesseException>(fun () -> Digits.oneHot 2 sample |> ignore)
    contains [ "label 2"; "at least 3 outputs" ] e.Message
    Assert.Equal<int[]>([| 6; 64 |], (Digits.inputs sample).Shape)
