module Hesse.Theory.Tests.Data.SafetensorsTests

open System
open System.IO
open System.Text
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private file (header: string) (data: byte[]) =
    let text = Encoding.UTF8.GetBytes header
    Array.concat [ BitConverter.GetBytes(int64 text.Length); text; data ]

let private entry name dtype shape first last =
    $"\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{first},{last}]}}"

let private read bytes =
    let mutable result = None
    withFile "a.safetensors" bytes (fun path -> result <- Some(Safetensors.readWithMetadata path))
    result.Value

[<Fact>]
let ``a file of known bytes is read`` () =
    let header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        + String.Join(
            ",",
            entry "w" "F64" "[2,1]" 4 20,
            entry "half" "F16" "[1]" 0 2,
            entry "brain" "BF16" "[1]" 2 4,
            entry "single" "F32" "[]" 20 24,
            entry "none" "F32" "[0,3]" 24 24
        )
        + "}  "

    // 1.5 in float16 is 3E00, in bfloat16 3FC0.
    let data =
        Array.concat [ [| 0uy; 0x3Euy; 0xC0uy; 0x3Fuy |]; doubles [ 0.1; -7.0 ]; BitConverter.GetBytes 0.25f ]

    let contents = read (file header data)
    Assert.Equal<(string * string) seq>([ "format", "pt" ], Map.toSeq contents.Metadata)
    let t name = contents.Tensors[name]
    Assert.Equal<float[]>([| 0.1; -7.0 |], (t "w").toArray())
    Assert.Equal<int[]>([| 2; 1 |], (t "w").Shape)
    Assert.Equal(DType.Float64, (t "w").DType)

    for name, value in [ "half", 1.5; "brain", 1.5; "single", 0.25 ] do
        Assert.Equal(DType.Float32, (t name).DType)
        Assert.Equal<float[]>([| value |], (t name).toArray())

    Assert.Equal<int[]>([| 0; 3 |], (t "none").Shape)

[<Fact>]
let ``what is written is read, bit for bit`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "a.safetensors")

        let named = {
            Tensors =
                Map.ofList [
                    "w", Random.normal (Random.key 1) [ 3; 2 ]
                    "β \"quoted\"", Tensor.toFloat32 (Random.normal (Random.key 2) [ 3 ])
                    "special", Tensor.ofArray [| nan; infinity; -0.0; 4.9e-324 |]
                    "scalar", Tensor.scalar 3.0
                ]
            Metadata = Map.ofList [ "step", "17"; "note", "a\nb" ]
        }

        Safetensors.write path named
        let back = Safetensors.readWithMetadata path
        Assert.Equal<(string * string) seq>(Map.toSeq named.Metadata, Map.toSeq back.Metadata)
        Assert.Equal<string seq>(named.Tensors.Keys, back.Tensors.Keys)

        named.Tensors
        |> Map.iter (fun name t ->
            let bits (t: Tensor) = t.toArray () |> Array.map BitConverter.DoubleToInt64Bits
            Assert.Equal(t.DType, back.Tensors[name].DType)
            Assert.Equal<int[]>(t.Shape, back.Tensors[name].Shape)
            Assert.Equal<int64[]>(bits t, bits back.Tensors[name]))

        // The numbers begin at a multiple of eight bytes.
        Assert.Equal(0L, BitConverter.ToInt64(File.ReadAllBytes path, 0) % 8L)

        refuses [ "__metadata__"; "rename" ] (fun () ->
            Safetensors.write path { named with Tensors = Map.ofList [ "__metadata__", Tensor.scalar 1.0 ] }))

[<Fact>]
let ``inconsistent files are refused with what was found`` () =
    let refused header data parts =
        withFile "bad.safetensors" (file header data) (fun path ->
            refuses ("bad.safetensors" :: parts) (fun () -> Safetensors.read path))

    let one = doubles [ 1.0 ]
    let two = doubles [ 1.0; 2.0 ]
    let wrap (entries: string list) = "{" + String.Join(",", entries) + "}"
    refused (wrap [ entry "a" "F64" "[1]" 0 8 ]) two [ "16 bytes of numbers, wanted 8" ]
    refused (wrap [ entry "a" "F64" "[2]" 0 16 ]) one [ "8 bytes of numbers, wanted 16" ]
    refused (wrap [ entry "a" "F64" "[2]" 0 8 ]) one [ "tensor 'a'"; "8 bytes for shape [2] of Float64" ]

    refused (wrap [ entry "a" "F64" "[1]" 0 8; entry "b" "F64" "[1]" 4 12 ]) two [
        "tensor 'b'"
        "begins at byte 4, wanted 8"
    ]

    refused (wrap [ entry "a" "F64" "[1]" 8 16 ]) two [ "begins at byte 8, wanted 0" ]
    refused (wrap [ entry "a" "F64" "[1]" 0 8; entry "a" "F64" "[1]" 8 16 ]) two [ "names 'a' 2 times" ]
    refused (wrap [ entry "a" "F8_E4M3" "[8]" 0 8 ]) one [ "'F8_E4M3'"; "wanted BOOL" ]
    refused (wrap [ entry "a" "F64" "[-1]" 0 8 ]) one [ "no proper shape" ]
    refused (wrap [ entry "a" "F64" "[1.5]" 0 8 ]) one [ "no proper shape" ]
    refused (wrap [ entry "a" "F64" "[99999999999,9]" 0 8 ]) one [ "[99999999999; 9]" ]
    refused "{\"a\":{\"dtype\":\"F64\",\"shape\":[1]}}" one [ "no proper data_offsets" ]
    refused "{\"a\":3}" one [ "tensor 'a'"; "no proper" ]
    refused "{\"__metadata__\":{\"n\":3}}" [||] [ "__metadata__" ]
    refused "[1, 2]" one [ "no JSON object" ]
    refused "{\"a\":" one [ "not JSON" ]

    withFile "short" [| 1uy; 2uy |] (fun path -> refuses [ "2 bytes" ] (fun () -> Safetensors.read path))

    withFile "long" (BitConverter.GetBytes 1000L) (fun path ->
        refuses [ "1000 of them are its header"; "truncated" ] (fun () -> Safetensors.read path))
