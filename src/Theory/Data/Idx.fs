namespace Hesse.Theory

open System
open System.Buffers.Binary
open Hesse

/// Files in IDX format, plain or gzip: the format of MNIST (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"):
/// 0 0, type, number of axes; the lengths; the numbers; all big endian.
[<RequireQualifiedAccess>]
module Idx =
    let private advice = "check the path, or fetch the file again"

    let private elementOf (path: string) code =
        match code with
        | 0x08uy -> Element.UInt8
        | 0x09uy -> Element.Int8
        | 0x0Buy -> Element.Int16
        | 0x0Cuy -> Element.Int32
        | 0x0Duy -> Element.Float32
        | 0x0Euy -> Element.Float64
        | other ->
            Files.fail
                $"idx: '{path}' has numbers of type 0x{other:X2}, wanted 08, 09, 0B, 0C, 0D or 0E (unsigned and signed bytes, 16- and 32-bit integers, float32, float64); {advice}"

    /// Type, axis lengths, and numbers of at most so many entries of the first axis.
    let private parse (path: string) (limit: int option) : Element * int[] * float[] =
        let stored = Files.read "idx" advice path
        let bytes = if Files.isGzip stored then Files.gunzip "idx" advice path stored else stored

        if bytes.Length < 4 || bytes[0] <> 0uy || bytes[1] <> 0uy then
            Files.fail $"idx: '{path}' does not begin with two zero bytes, a type and a number of axes; {advice}"

        let element, rank = elementOf path bytes[2], int bytes[3]

        if bytes.Length < 4 + 4 * rank then
            Files.fail $"idx: '{path}' ends within its header of {rank} axes ({bytes.Length} bytes); {advice}"

        let stated =
            Array.init rank (fun i -> int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, 4 + 4 * i, 4))))

        let wanted =
            Elements.count stated
            |> Option.map (fun n -> 4L + 4L * int64 rank + int64 n * int64 (Elements.size element))

        if wanted <> Some(int64 bytes.Length) then
            let length = wanted |> Option.map string |> Option.defaultValue "more than 2³¹"

            Files.fail
                $"idx: '{path}' has {bytes.Length} bytes, wanted {length} for an array {stated |> Array.map int |> Files.show}; {advice}"

        let shape = stated |> Array.map int

        match limit with
        | Some n when n < 1 || rank = 0 || n > shape[0] ->
            let available = if rank = 0 then 0 else shape[0]
            Files.fail $"idx: '{path}' has {available} entries, {n} wanted; ask for 1 to {available}"
        | Some n -> shape[0] <- n
        | None -> ()

        let count = Array.fold (*) 1 shape

        element, shape, Elements.numbers $"idx: '{path}'" true element count bytes (4 + 4 * rank)

    /// <summary>Reads an array.</summary>
    /// <param name="path">An IDX file, or one packed by gzip.</param>
    /// <returns>The array: float32 where the file has float32, else float64.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is missing, damaged, truncated, too long, or of another format.</exception>
    let read (path: string) : Tensor =
        let element, shape, values = parse path None
        Elements.tensor element shape values

    /// The length of the first axis by the header alone; 0 where there is none, or no header.
    let internal stated (path: string) : int =
        let stored = Files.read "idx" advice path
        let bytes = if Files.isGzip stored then Files.gunzip "idx" advice path stored else stored

        if bytes.Length < 8 || bytes[3] = 0uy then
            0
        else
            int (min (uint32 Int32.MaxValue) (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, 4, 4))))

    /// <summary>Reads images and their labels, e.g. <c>train-images-idx3-ubyte.gz</c> and <c>train-labels-idx1-ubyte.gz</c>.</summary>
    /// <param name="images">Unsigned bytes [n; ...]; the axes after the first are flattened.</param>
    /// <param name="labels">Unsigned bytes [n].</param>
    /// <param name="limit">How many are taken, from the first; None for all.</param>
    /// <returns>Images with pixels in [0, 1], the bytes over 255, and their labels.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>read</c>; or the files do not hold images and labels of one number.</exception>
    let readDigits (images: string) (labels: string) (limit: int option) : Digits =
        let element, shape, pixels = parse images limit

        if element <> Element.UInt8 || shape.Length < 2 then
            Files.fail
                $"idx: '{images}' holds an array {Files.show shape} of {element}, wanted images: unsigned bytes [n; rows; columns]; are images and labels exchanged?"

        let labelElement, labelShape, values = parse labels limit

        if labelElement <> Element.UInt8 || labelShape.Length <> 1 then
            Files.fail
                $"idx: '{labels}' holds an array {Files.show labelShape} of {labelElement}, wanted labels: unsigned bytes [n]; are images and labels exchanged?"

        if labelShape[0] <> shape[0] then
            Files.fail
                $"idx: '{images}' has {shape[0]} images and '{labels}' {labelShape[0]} labels, wanted as many; take the two files of one set"

        {
            Images = pixels |> Array.map (fun p -> p / 255.0)
            Features = pixels.Length / max 1 shape[0]
            Labels = values |> Array.map int
        }
