namespace Hesse.Theory

open System
open System.Buffers.Binary
open System.IO
open System.Text.Json
open Hesse

/// The tensors of a safetensors file, with the notes that are kept beside them.
type NamedTensors = {
    /// Tensors by name.
    Tensors: Map<string, Tensor>
    /// Texts by name, the file's `__metadata__`.
    Metadata: Map<string, string>
}

/// Files in safetensors format (Hugging Face): eight bytes of length, a JSON header, the numbers in little endian.
[<RequireQualifiedAccess>]
module Safetensors =
    let private advice = "save it again with safetensors' save_file"

    /// The longest header that is read, as in the reference implementation.
    [<Literal>]
    let private LongestHeader = 100_000_000L

    let private elementOf (place: string) (name: string) =
        match name with
        | "BOOL" -> Element.Bool
        | "U8" -> Element.UInt8
        | "I8" -> Element.Int8
        | "U16" -> Element.UInt16
        | "I16" -> Element.Int16
        | "U32" -> Element.UInt32
        | "I32" -> Element.Int32
        | "U64" -> Element.UInt64
        | "I64" -> Element.Int64
        | "F16" -> Element.Float16
        | "BF16" -> Element.BFloat16
        | "F32" -> Element.Float32
        | "F64" -> Element.Float64
        | other ->
            Files.fail
                $"safetensors: {place} has numbers of type '{other}', wanted BOOL, U8 to U64, I8 to I64, F16, BF16, F32 or F64; convert it and {advice}"

    /// A tensor as the header describes it.
    type private Entry = { Name: string; Element: Element; Shape: int64[]; First: int64; Last: int64 }

    let private entry (path: string) (property: JsonProperty) : Entry =
        let place = $"'{path}', tensor '{property.Name}',"
        let wrong what : 'a = Files.fail $"safetensors: {place} has no proper {what} in the header; {advice}"

        let field (name: string) =
            match property.Value.ValueKind with
            | JsonValueKind.Object ->
                match property.Value.TryGetProperty name with
                | true, value -> value
                | _ -> wrong name
            | _ -> wrong name

        let text (value: JsonElement) =
            if value.ValueKind = JsonValueKind.String then
                value.GetString()
            else
                wrong "dtype"

        let whole what (value: JsonElement) =
            match value.ValueKind with
            | JsonValueKind.Number ->
                match value.TryGetInt64() with
                | true, n when n >= 0L -> n
                | _ -> wrong what
            | _ -> wrong what

        let numbers what =
            let value = field what

            if value.ValueKind <> JsonValueKind.Array then
                wrong what

            value.EnumerateArray() |> Seq.map (whole what) |> Array.ofSeq

        match numbers "data_offsets" with
        | [| first; last |] -> {
            Name = property.Name
            Element = elementOf place (text (field "dtype"))
            Shape = numbers "shape"
            First = first
            Last = last
          }
        | _ -> wrong "data_offsets"

    /// The offsets must cover the numbers without gap or overlap, and each tensor must have the bytes of its shape.
    let private checkOffsets (path: string) (entries: Entry[]) (given: int64) =
        let mutable reached = 0L

        for e in entries |> Array.sortBy (fun e -> struct (e.First, e.Last)) do
            let place = $"safetensors: '{path}', tensor '{e.Name}',"

            if e.First <> reached then
                Files.fail
                    $"{place} begins at byte {e.First}, wanted {reached}: tensors must follow each other without gap or overlap; {advice}"

            let shape = String.Join("; ", e.Shape)

            match Elements.count e.Shape with
            | Some n when int64 n * int64 (Elements.size e.Element) = e.Last - e.First -> ()
            | _ ->
                Files.fail
                    $"{place} has {e.Last - e.First} bytes for shape [{shape}] of {e.Element}; the header is wrong: {advice}"

            reached <- e.Last

        if reached <> given then
            Files.fail
                $"safetensors: '{path}' has {given} bytes of numbers, wanted {reached}; it is damaged or truncated: {advice}"

    let private metadataOf (path: string) (value: JsonElement) =
        let isText (p: JsonProperty) = p.Value.ValueKind = JsonValueKind.String

        if value.ValueKind <> JsonValueKind.Object || not (Seq.forall isText (value.EnumerateObject())) then
            Files.fail $"safetensors: '{path}' has __metadata__ that is not texts by name; {advice}"

        value.EnumerateObject() |> Seq.map (fun p -> p.Name, p.Value.GetString()) |> Map.ofSeq

    /// <summary>Reads all tensors and the metadata.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <returns>F16, BF16 and F32 as float32 tensors, exactly; everything else as float64.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is missing, truncated, or its header is not consistent: unknown types, names given twice, offsets that
    /// leave gaps, overlap or do not fit the shapes; the message names the tensor.</exception>
    let readWithMetadata (path: string) : NamedTensors =
        let bytes = Files.read "safetensors" "check the path" path

        let length =
            if bytes.Length < 8 then
                -1L
            else
                BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(bytes, 0, 8))

        if length < 2L || length > LongestHeader || length > int64 bytes.Length - 8L then
            Files.fail
                $"safetensors: '{path}' has {bytes.Length} bytes and says that {length} of them are its header; it is truncated or of another format: {advice}"

        use header =
            try
                JsonDocument.Parse(ReadOnlyMemory(bytes, 8, int length))
            with :? JsonException as e ->
                raise (
                    HesseException(
                        $"safetensors: '{path}' has a header that is not JSON: {e.Message.TrimEnd '.'}; {advice}",
                        e
                    )
                )

        if header.RootElement.ValueKind <> JsonValueKind.Object then
            Files.fail $"safetensors: '{path}' has a header that is no JSON object; {advice}"

        let properties = header.RootElement.EnumerateObject() |> Array.ofSeq

        match properties |> Array.countBy (fun p -> p.Name) |> Array.tryFind (fun (_, times) -> times > 1) with
        | Some(name, times) -> Files.fail $"safetensors: '{path}' names '{name}' {times} times in its header; {advice}"
        | None -> ()

        let notes, described = properties |> Array.partition (fun p -> p.Name = "__metadata__")
        let entries = described |> Array.map (entry path)
        let data = 8 + int length
        checkOffsets path entries (int64 (bytes.Length - data))

        let tensor (e: Entry) =
            let shape = Array.map int e.Shape
            let place = $"safetensors: '{path}', tensor '{e.Name}'"

            e.Name,
            Elements.tensor
                e.Element
                shape
                (Elements.numbers place false e.Element (Array.fold (*) 1 shape) bytes (data + int e.First))

        {
            Tensors = entries |> Array.map tensor |> Map.ofArray
            Metadata =
                notes
                |> Array.tryHead
                |> Option.map (fun p -> metadataOf path p.Value)
                |> Option.defaultValue Map.empty
        }

    /// <summary>Reads all tensors.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <returns>Tensors by name; F16, BF16 and F32 as float32, exactly, everything else as float64.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>readWithMetadata</c>.</exception>
    let read (path: string) : Map<string, Tensor> = (readWithMetadata path).Tensors

    /// <summary>Writes tensors, each in its own precision, in the order of their names.</summary>
    /// <param name="path">The file; an old one is replaced when the new one is whole.</param>
    /// <param name="named">The tensors and the texts beside them.</param>
    /// <exception cref="T:Hesse.HesseException">The file cannot be written, a tensor is inside a transformation, or one is named `__metadata__`.</exception>
    let write (path: string) (named: NamedTensors) : unit =
        if named.Tensors.ContainsKey "__metadata__" then
            Files.fail "safetensors: a tensor is named '__metadata__', which the format keeps for texts; rename it"

        let parts = named.Tensors |> Map.toArray |> Array.map (fun (name, t) -> name, t, Elements.bytes t)
        let ends = parts |> Array.scan (fun reached (_, _, bytes) -> reached + int64 bytes.Length) 0L
        use text = new MemoryStream()

        do
            use json = new Utf8JsonWriter(text)
            json.WriteStartObject()

            if not named.Metadata.IsEmpty then
                json.WriteStartObject "__metadata__"
                named.Metadata |> Map.iter (fun name (value: string) -> json.WriteString(name, value))
                json.WriteEndObject()

            parts
            |> Array.iteri (fun i (name, t, _) ->
                json.WriteStartObject name
                json.WriteString("dtype", (if t.DType = DType.Float32 then "F32" else "F64"))
                json.WriteStartArray "shape"
                t.Shape |> Array.iter (fun d -> json.WriteNumberValue d)
                json.WriteEndArray()
                json.WriteStartArray "data_offsets"
                json.WriteNumberValue ends[i]
                json.WriteNumberValue ends[i + 1]
                json.WriteEndArray()
                json.WriteEndObject())

            json.WriteEndObject()

        // Spaces after the header keep the numbers aligned to eight bytes.
        while text.Length % 8L <> 0L do
            text.WriteByte(byte ' ')

        Files.write "safetensors" path (fun stream ->
            let length: byte[] = BitConverter.GetBytes text.Length
            stream.Write length
            text.WriteTo stream

            for _, _, numbers in parts do
                stream.Write numbers)
