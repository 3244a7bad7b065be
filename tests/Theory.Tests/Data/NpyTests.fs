module Hesse.Theory.Tests.Data.NpyTests

open System.IO
open System.Text
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private npy (version: byte) (header: string) (data: byte[]) =
    let length =
        if version = 1uy then
            [| byte header.Length; 0uy |]
        else
            [| byte header.Length; 0uy; 0uy; 0uy |]

    Array.concat [ [| 0x93uy |]; "NUMPY"B; [| version; 0uy |]; length; Encoding.ASCII.GetBytes header; data ]

let private head descr fortran shape = $"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"

let private read bytes =
    let mutable result = None
    withFile "a.npy" bytes (fun path -> result <- Some(Npy.read path))
    result.Value

let private random seed shape = Random.normal (Random.key seed) shape

[<Fact>]
let ``what is written is read, in either precision, for every rank`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "t.npy")

        for shape in [ []; [ 5 ]; [ 2; 3 ]; [ 2; 0 ]; [ 2; 1; 3 ] ] do
            for t in [ random 1 shape; Tensor.toFloat32 (random 2 shape) ] do
                Npy.write path t
                let back = Npy.read path
                Assert.Equal(t.DType, back.DType)
                Assert.Equal<int[]>(t.Shape, back.Shape)
                Assert.Equal<float[]>(t.toArray (), back.toArray ())

                Assert.Equal(
                    0L,
                    (FileInfo(path).Length - int64 (t.Size * (if t.DType = DType.Float32 then 4 else 8))) % 64L
                )

        Assert.Equal<string[]>([| path |], Directory.GetFiles folder))

[<Fact>]
let ``both memory orders and both byte orders are read`` () =
    let six = doubles [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
    let c = read (npy 1uy (head "<f8" "False" "(2, 3)") six)
    Assert.Equal<int[]>([| 2; 3 |], c.Shape)
    Assert.Equal<float[]>([| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |], c.toArray ())
    let f = read (npy 2uy (head "<f8" "True" "(2, 3)") six)
    Assert.Equal<int[]>([| 2; 3 |], f.Shape)
    Assert.Equal<float[]>([| 1.0; 3.0; 5.0; 2.0; 4.0; 6.0 |], f.toArray ())
    let swapped = doubles [ 1.0; -2.5 ] |> Array.chunkBySize 8 |> Array.collect Array.rev
    Assert.Equal<float[]>([| 1.0; -2.5 |], (read (npy 3uy (head ">f8" "False" "(2,)") swapped)).toArray())

[<Fact>]
let ``NumPy's files of every real type are read`` () =
    withFolder (fun folder ->
        let path name = Path.Combine(folder, name)
        let plain, packed = path "c.npz", path "z.npz"
        let types = [ "f2"; "f4"; "f8"; "i1"; "i2"; "i4"; "i8"; "u1"; "u2"; "u4"; "u8"; "?"; ">f4"; ">i2" ]

        let saved =
            types
            |> List.map (fun t -> $"np.save(r'{path t}.npy', (np.arange(6) %% 2).reshape(2, 3).astype('{t}'))")

        let archives = [
            $"np.savez(r'{plain}', a=np.asfortranarray(np.arange(6.0).reshape(2, 3)), b=np.float32(2.5))"
            $"np.savez_compressed(r'{packed}', x=np.zeros((50, 20)))"
        ]

        let code = saved @ archives |> String.concat "\n"

        withNumPy code (fun () ->
            for t in types do
                let tensor = Npy.read (path t + ".npy")
                Assert.Equal<int[]>([| 2; 3 |], tensor.Shape)
                Assert.Equal<float[]>([| 0.0; 1.0; 0.0; 1.0; 0.0; 1.0 |], tensor.toArray ())
                let single = List.contains t [ "f2"; "f4"; ">f4" ]
                Assert.Equal((if single then DType.Float32 else DType.Float64), tensor.DType)

            let archive = Npy.readArchive (path "c.npz")
            Assert.Equal<string seq>([ "a"; "b" ], archive.Keys)
            Assert.Equal<float[]>([| 0.0 .. 5.0 |], archive["a"].toArray())
            Assert.Equal(2.5, archive["b"].item())
            Assert.Equal(1000, (Map.find "x" (Npy.readArchive packed)).Size)))

[<Fact>]
let ``NumPy reads what is written`` () =
    withFolder (fun folder ->
        let path name = Path.Combine(folder, name)
        let t = Tensor.create [ 2; 3 ] [| 1.0; -2.0; 0.1; 1e300; 0.0; 5.0 |]
        Npy.write (path "t.npy") t
        Npy.writeArchive (path "t.npz") (Map.ofList [ "w", t; "b", Tensor.toFloat32 (Tensor.ofArray [| 0.5 |]) ])

        let code =
            $"""t = np.load(r'{path "t.npy"}')
assert t.shape == (2, 3) and t.dtype == np.float64 and t[0, 2] == 0.1 and t[1, 0] == 1e300
z = np.load(r'{path "t.npz"}')
assert sorted(z.files) == ['b', 'w'] and z['b'].dtype == np.float32 and z['b'][0] == 0.5 and (z['w'] == t).all()"""

        withNumPy code ignore)

[<Fact>]
let ``archives are read and written without NumPy`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "a.npz")
        let tensors = Map.ofList [ "w", random 3 [ 3; 2 ]; "b", random 4 [ 2 ] ]
        Npy.writeArchive path tensors
        let back = Npy.readArchive path
        Assert.Equal<string seq>(tensors.Keys, back.Keys)
        tensors |> Map.iter (fun name t -> Assert.Equal<float[]>(t.toArray (), back[name].toArray())))

    withFile "b.npz" [| 1uy; 2uy |] (fun path -> refuses [ "npz"; "no zip archive" ] (fun () -> Npy.readArchive path))

[<Fact>]
let ``bad files are refused with what was found`` () =
    let refused bytes parts =
        withFile "bad.npy" bytes (fun path -> refuses ("bad.npy" :: parts) (fun () -> Npy.read path))

    let good = npy 1uy (head "<f8" "False" "(2,)") (doubles [ 1.0; 2.0 ])
    refused [| 1uy .. 20uy |] [ "does not begin with \\x93NUMPY" ]
    refused (Array.truncate 30 good) [ "ends within its header" ]
    refused (Array.truncate (good.Length - 1) good) [ "15 bytes of numbers"; "8 for each element of an array [2]" ]
    refused (Array.append good [| 0uy |]) [ "17 bytes of numbers" ]
    refused (npy 4uy (head "<f8" "False" "()") (doubles [ 1.0 ])) [ "format version 4" ]
    refused (npy 1uy (head "<c16" "False" "(1,)") (doubles [ 1.0; 2.0 ])) [ "'<c16'"; "wanted real numbers" ]
    refused (npy 1uy (head "|O" "False" "(1,)") (doubles [ 1.0 ])) [ "'|O'"; "astype" ]
    refused (npy 1uy "{'descr': '<f8', 'shape': (1,)}\n" (doubles [ 1.0 ])) [ "wanted one entry 'fortran_order'" ]
    refused (npy 1uy (head "<f8" "False" "(99999999999, 3)") [||]) [ "0 bytes of numbers"; "[99999999999; 3]" ]
    let large = System.BitConverter.GetBytes((1L <<< 53) + 2L)
    refused (npy 1uy (head "<i8" "False" "(1,)") large) [ "beyond 2⁵³" ]
    refuses [ "no file" ] (fun () -> Npy.read "nowhere.npy")
    refuses [ "cannot write"; "check the folder" ] (fun () -> Npy.write "/nowhere/at/all.npy" (Tensor.scalar 1.0))
