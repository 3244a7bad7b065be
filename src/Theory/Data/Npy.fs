namespace Hesse.Theory

open System
open System.IO
open System.IO.Compression
open System.Text
open System.Text.RegularExpressions
open Hesse

/// NumPy's files: one array (`.npy`, format versions 1 to 3), or several in a zip archive (`.npz`).
/// Source: NumPy enhancement proposal 1 (R. Kern 2007).
[<RequireQualifiedAccess>]
module Npy =
    let private advice = "save it again with numpy.save or numpy.savez"

    let private magic = [| 0x93uy; byte 'N'; byte 'U'; byte 'M'; byte 'P'; byte 'Y' |]

    let private elementOf (place: string) (descr: string) : bool * Element =
        let element =
            match (if descr = "" then "" else descr[1..]) with
            | "b1" -> Some Element.Bool
            | "u1" -> Some Element.UInt8
            | "i1" -> Some Element.Int8
            | "u2" -> Some Element.UInt16
            | "i2" -> Some Element.Int16
            | "u4" -> Some Element.UInt32
            | "i4" -> Some Element.Int32
            | "u8" -> Some Element.UInt64
            | "i8" -> Some Element.Int64
            | "f2" -> Some Element.Float16
            | "f4" -> Some Element.Float32
            | "f8" -> Some Element.Float64
            | _ -> None

        match element with
        | Some element when "<>|=".Contains descr[0] -> descr[0] = '>', element
        | _ ->
            Files.fail
                $"npy: {place} has numbers of type '{descr}', wanted real numbers: f2, f4, f8, i1 to i8, u1 to u8 or b1; convert it with astype and {advice}"

    /// The three entries of the header, a Python dictionary.
    let private header (place: string) (text: string) : string * bool * int64[] =
        let value key pattern =
            let matches = Regex.Matches(text, $"['\"]{key}['\"]\\s*:\\s*{pattern}")

            if matches.Count <> 1 then
                Files.fail $"npy: {place} has the header {text.Trim()}, wanted one entry '{key}' in it; {advice}"

            matches[0].Groups[1].Value

        let descr = value "descr" "['\"]([^'\"]*)['\"]"
        let fortran = value "fortran_order" "(True|False)" = "True"

        let lengths =
            (value "shape" "\\(([\\d\\s,]*)\\)")
                .Split(',', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)

        let length (digits: string) =
            match Int64.TryParse digits with
            | true, n -> n
            | _ -> Files.fail $"npy: {place} has the header {text.Trim()}, wanted whole numbers as shape; {advice}"

        descr, fortran, Array.map length lengths

    /// `place` names the file, and the member of an archive.
    let private ofBytes (place: string) (bytes: byte[]) : Tensor =
        if bytes.Length < 10 || bytes[..5] <> magic then
            Files.fail $"npy: {place} does not begin with \\x93NUMPY; {advice}"

        let start, length =
            match bytes[6] with
            | 1uy -> 10, int64 (BitConverter.ToUInt16(bytes, 8))
            | 2uy
            | 3uy when bytes.Length >= 12 -> 12, int64 (BitConverter.ToUInt32(bytes, 8))
            | version -> Files.fail $"npy: {place} is of format version {version}, wanted 1, 2 or 3; {advice}"

        if int64 start + length > int64 bytes.Length then
            Files.fail $"npy: {place} ends within its header ({bytes.Length} bytes); {advice}"

        let start, data = start, start + int length
        let descr, fortran, stated = header place (Encoding.UTF8.GetString(bytes, start, int length))
        let big, element = elementOf place descr
        let given = int64 (bytes.Length - data)

        let count =
            match Elements.count stated with
            | Some n when int64 n * int64 (Elements.size element) = given -> n
            | _ ->
                let shape = String.Join("; ", stated)

                Files.fail
                    $"npy: {place} has {given} bytes of numbers, wanted {Elements.size element} for each element of an array [{shape}]; it is damaged: {advice}"

        let shape = Array.map int stated
        let values = Elements.numbers $"npy: {place}" big element count bytes data

        if fortran then
            Tensor.transpose (Elements.tensor element (Array.rev shape) values)
        else
            Elements.tensor element shape values

    let private toBytes (t: Tensor) : byte[] =
        let descr = if t.DType = DType.Float32 then "<f4" else "<f8"
        let comma = if t.Rank = 1 then "," else ""
        let lengths = String.Join(", ", t.Shape)
        let text = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({lengths}{comma}), }}"
        // Magic, version, two bytes of length, the text and a line feed are a multiple of 64 bytes.
        let padded = text.PadRight((text.Length + 11 + 63) / 64 * 64 - 11) + "\n"

        Array.concat [
            magic
            [| 1uy; 0uy |]
            BitConverter.GetBytes(uint16 padded.Length)
            Encoding.ASCII.GetBytes padded
            Elements.bytes t
        ]

    /// <summary>Reads one array.</summary>
    /// <param name="path">A `.npy` file; any byte order and memory order.</param>
    /// <returns>float32 for 16- and 32-bit floating-point numbers, else float64.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is missing, damaged, or holds anything but real numbers; 64-bit integers beyond 2⁵³ are refused.</exception>
    let read (path: string) : Tensor = ofBytes $"'{path}'" (Files.read "npy" "check the path" path)

    /// <summary>Writes one array, in its own precision, little endian and row-major.</summary>
    /// <param name="path">The file; an old one is replaced when the new one is whole.</param>
    /// <param name="t">A tensor with values.</param>
    /// <exception cref="T:Hesse.HesseException">The file cannot be written, or the tensor is inside a transformation.</exception>
    let write (path: string) (t: Tensor) : unit =
        let bytes = toBytes t
        Files.write "npy" path (fun stream -> stream.Write bytes)

    /// <summary>Reads all arrays of an archive.</summary>
    /// <param name="path">A `.npz` file, compressed or not.</param>
    /// <returns>The arrays by name, without the ending `.npy`.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is no zip archive, or a member is not readable as by <c>read</c>; the message names it.</exception>
    let readArchive (path: string) : Map<string, Tensor> =
        let bytes = Files.read "npz" "check the path" path

        try
            use archive = new ZipArchive(new MemoryStream(bytes), ZipArchiveMode.Read)

            let member' (entry: ZipArchiveEntry) =
                use stream = entry.Open()
                use contents = new MemoryStream()
                stream.CopyTo contents

                let name =
                    if entry.FullName.EndsWith ".npy" then
                        entry.FullName[.. entry.FullName.Length - 5]
                    else
                        entry.FullName

                name, ofBytes $"'{path}', member '{entry.FullName}'," (contents.ToArray())

            let members = archive.Entries |> Seq.map member' |> Array.ofSeq

            match members |> Array.countBy fst |> Array.tryFind (fun (_, times) -> times > 1) with
            | Some(name, _) -> Files.fail $"npz: '{path}' has more than one array '{name}'; {advice}"
            | None -> Map.ofArray members
        with :? InvalidDataException as e ->
            raise (
                HesseException(
                    $"npz: '{path}' is no zip archive or a damaged one: {e.Message.TrimEnd '.'}; {advice}",
                    e
                )
            )

    /// <summary>Writes arrays into an archive, each in its own precision; not compressed.</summary>
    /// <param name="path">The file; an old one is replaced when the new one is whole.</param>
    /// <param name="tensors">Arrays by name.</param>
    /// <exception cref="T:Hesse.HesseException">The file cannot be written, or a tensor is inside a transformation.</exception>
    let writeArchive (path: string) (tensors: Map<string, Tensor>) : unit =
        let members = tensors |> Map.toArray |> Array.map (fun (name, t) -> name + ".npy", toBytes t)

        Files.write "npz" path (fun stream ->
            use archive = new ZipArchive(stream, ZipArchiveMode.Create, true)

            for name, bytes in members do
                use entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open()
                entry.Write bytes)
