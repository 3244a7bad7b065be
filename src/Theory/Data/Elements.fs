namespace Hesse.Theory

open System
open System.Buffers.Binary
open Hesse

/// Types of numbers as files store them.
[<RequireQualifiedAccess>]
type internal Element =
    | Bool
    | UInt8
    | Int8
    | UInt16
    | Int16
    | UInt32
    | Int32
    | UInt64
    | Int64
    | Float16
    | BFloat16
    | Float32
    | Float64

/// From bytes to tensors and back. Float32 and the 16-bit types become float32 tensors, without rounding; everything else float64.
module internal Elements =
    let size (element: Element) =
        match element with
        | Element.Bool
        | Element.UInt8
        | Element.Int8 -> 1
        | Element.UInt16
        | Element.Int16
        | Element.Float16
        | Element.BFloat16 -> 2
        | Element.UInt32
        | Element.Int32
        | Element.Float32 -> 4
        | Element.UInt64
        | Element.Int64
        | Element.Float64 -> 8

    /// Whole numbers up to here are exact in float64.
    let private exact = pown 2L 53

    /// One number from its bytes, lowest first.
    let private reader (element: Element) : Memory<byte> -> float =
        match element with
        | Element.Bool
        | Element.UInt8 -> fun m -> float m.Span[0]
        | Element.Int8 -> fun m -> float (sbyte m.Span[0])
        | Element.UInt16 -> fun m -> float (BinaryPrimitives.ReadUInt16LittleEndian m.Span)
        | Element.Int16 -> fun m -> float (BinaryPrimitives.ReadInt16LittleEndian m.Span)
        | Element.UInt32 -> fun m -> float (BinaryPrimitives.ReadUInt32LittleEndian m.Span)
        | Element.Int32 -> fun m -> float (BinaryPrimitives.ReadInt32LittleEndian m.Span)
        | Element.UInt64 -> fun m -> float (BinaryPrimitives.ReadUInt64LittleEndian m.Span)
        | Element.Int64 -> fun m -> float (BinaryPrimitives.ReadInt64LittleEndian m.Span)
        | Element.Float16 -> fun m -> float (BinaryPrimitives.ReadHalfLittleEndian m.Span)
        | Element.BFloat16 ->
            // The upper half of a float32.
            fun m ->
                let upper = uint32 (BinaryPrimitives.ReadUInt16LittleEndian m.Span)
                float (BitConverter.UInt32BitsToSingle(upper <<< 16))
        | Element.Float32 -> fun m -> float (BinaryPrimitives.ReadSingleLittleEndian m.Span)
        | Element.Float64 -> fun m -> BinaryPrimitives.ReadDoubleLittleEndian m.Span

    /// Numbers from the bytes of an array, from a place on, where there are known to be enough. Big-endian numbers are turned around
    /// in the array. `place` begins the message where a whole number is not exact in float64.
    let numbers (place: string) (big: bool) (element: Element) (count: int) (bytes: byte[]) (start: int) : float[] =
        let width, read = size element, reader element
        let at i = Memory<byte>(bytes, start + i * width, width)

        if big && width > 1 then
            for i in 0 .. count - 1 do
                (at i).Span.Reverse()

        let values = Array.init count (fun i -> read (at i))

        match element with
        | Element.UInt64
        | Element.Int64 ->
            match values |> Array.tryFindIndex (fun v -> abs v > float exact) with
            | Some i ->
                Files.fail
                    $"{place}: element {i} is about {values[i]:G6}, beyond 2⁵³, where whole numbers are not exact in float64; store it as float64 if that is meant"
            | None -> ()
        | _ -> ()

        values

    let private isSingle (element: Element) =
        match element with
        | Element.Float16
        | Element.BFloat16
        | Element.Float32 -> true
        | _ -> false

    /// A tensor of numbers in row-major order.
    let tensor (element: Element) (shape: int[]) (values: float[]) : Tensor =
        if isSingle element then
            Tensor.create32 shape (Array.map float32 values)
        else
            Tensor.create shape values

    /// The numbers of a tensor, little endian in its own precision, in row-major order.
    let bytes (t: Tensor) : byte[] =
        if t.DType = DType.Float32 then
            let values = t.toArray32 ()
            let result = Array.zeroCreate (4 * values.Length)

            values
            |> Array.iteri (fun i v -> BinaryPrimitives.WriteSingleLittleEndian(Span<byte>(result, 4 * i, 4), v))

            result
        else
            let values = t.toArray ()
            let result = Array.zeroCreate (8 * values.Length)

            values
            |> Array.iteri (fun i v -> BinaryPrimitives.WriteDoubleLittleEndian(Span<byte>(result, 8 * i, 8), v))

            result

    /// Product of axis lengths; None where the array could not exist.
    let count (shape: int64[]) : int option =
        let mutable n = 1L
        let mutable fits = true

        for d in shape do
            if d < 0L || d > int64 Array.MaxLength then
                fits <- false
            elif fits then
                n <- n * d
                fits <- n <= int64 Array.MaxLength

        if fits then Some(int n) else None
