module Hesse.Theory.Tests.Data.IdxTests

open System.IO
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private big (n: int) = [| byte (n >>> 24); byte (n >>> 16); byte (n >>> 8); byte n |]

let private idx (code: byte) (lengths: int list) (data: byte[]) =
    Array.concat [ [| 0uy; 0uy; code; byte lengths.Length |]; lengths |> List.map big |> Array.concat; data ]

let private images = idx 8uy [ 3; 2; 2 ] [| 0uy .. 11uy |]
let private labels = idx 8uy [ 3 ] [| 7uy; 0uy; 9uy |]

[<Fact>]
let ``every type of number is read in big-endian order`` () =
    let values code data =
        let mutable result = [||]
        withFile "a" (idx code [ 2 ] data) (fun path -> result <- (Idx.read path).toArray())
        result

    Assert.Equal<float[]>([| 255.0; 1.0 |], values 8uy [| 255uy; 1uy |])
    Assert.Equal<float[]>([| -1.0; 1.0 |], values 9uy [| 255uy; 1uy |])
    Assert.Equal<float[]>([| -2.0; 258.0 |], values 11uy [| 255uy; 254uy; 1uy; 2uy |])
    Assert.Equal<float[]>([| 65536.0; -1.0 |], values 12uy [| 0uy; 1uy; 0uy; 0uy; 255uy; 255uy; 255uy; 255uy |])
    Assert.Equal<float[]>([| 1.0; -2.0 |], values 13uy [| 0x3Fuy; 0x80uy; 0uy; 0uy; 0xC0uy; 0uy; 0uy; 0uy |])

    let one = [| 0x3Fuy; 0xF0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy |]
    Assert.Equal<float[]>([| 1.0; 1.0 |], values 14uy (Array.append one one))

[<Theory>]
[<InlineData(false)>]
[<InlineData(true)>]
let ``images and labels become digits`` (packed: bool) =
    let store bytes = if packed then gzip bytes else bytes

    withFolder (fun folder ->
        let write name bytes =
            let path = Path.Combine(folder, name)
            File.WriteAllBytes(path, store bytes)
            path

        let imagePath, labelPath = write "images" images, write "labels" labels
        let digits = Idx.readDigits imagePath labelPath None
        Assert.Equal(3, digits.Count)
        Assert.Equal(4, digits.Features)
        Assert.Equal<int[]>([| 7; 0; 9 |], digits.Labels)
        Assert.Equal<float[]>(Array.init 12 (fun i -> float i / 255.0), digits.Images)
        let two = Idx.readDigits imagePath labelPath (Some 2)
        Assert.Equal<int[]>([| 7; 0 |], two.Labels)
        Assert.Equal<float[]>(digits.Images[..7], two.Images)
        refuses [ "has 3 entries, 4 wanted" ] (fun () -> Idx.readDigits imagePath labelPath (Some 4))
        refuses [ "exchanged" ] (fun () -> Idx.readDigits labelPath imagePath None)
        let four = write "four" (idx 8uy [ 4 ] [| 1uy; 2uy; 3uy; 4uy |])
        refuses [ "3 images"; "4 labels" ] (fun () -> Idx.readDigits imagePath four None))

[<Fact>]
let ``damaged files are refused with what was found`` () =
    let refused bytes parts = withFile "bad" bytes (fun path -> refuses ("bad" :: parts) (fun () -> Idx.read path))
    refused (Array.append images [| 0uy |]) [ "29 bytes"; "wanted 28"; "[3; 2; 2]" ]
    refused (Array.truncate 20 images) [ "20 bytes"; "wanted 28" ]
    refused (Array.truncate 9 images) [ "ends within its header of 3 axes" ]
    refused [||] [ "does not begin with two zero bytes" ]
    refused [| 1uy; 0uy; 8uy; 1uy |] [ "does not begin with two zero bytes" ]
    refused (idx 0x0Auy [ 1 ] [| 0uy |]) [ "type 0x0A"; "wanted 08" ]
    refused (idx 8uy [ -1; -1; -1 ] [||]) [ "more than 2³¹" ]
    refused (Array.truncate 25 (gzip images)) [ "truncated gzip" ]
    refuses [ "no file"; "nowhere" ] (fun () -> Idx.read "nowhere")
