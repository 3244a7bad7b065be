namespace Hesse.Theory

open System
open System.IO
open System.Runtime.InteropServices
open Hesse

/// Where the basis of a Krylov method is kept. Results are the same bits either way.
[<RequireQualifiedAccess>]
type BasisStorage =
    /// In memory.
    | Memory
    /// In a temporary file in the folder, of which at most so many bytes are in memory at a time (at least a page: the larger of 8 MiB and one vector).
    /// The file, as large as the whole basis, is deleted on success, failure and cancellation. A step of Lanczos with full reorthogonalisation reads all of it
    /// four times, in order. Vectors of up to 2²⁸ numbers; a process that is killed leaves the file behind.
    | File of folder: string * memoryBytes: int64

/// How the rows of a basis, [capacity; size], are put into pages of whole rows. It depends on the shape alone, so that the same products of
/// matrices are computed whatever the storage.
type internal BasisLayout = {
    /// The length of a row.
    Size: int
    RowsPerPage: int
    /// How many pages.
    Count: int
} with

    /// Numbers in a page.
    member l.PageLength = l.RowsPerPage * l.Size

    static member Of(size: int, capacity: int) =
        let rows = max 1 (min capacity ((1 <<< 20) / size))

        { Size = size; RowsPerPage = rows; Count = (capacity + rows - 1) / rows }

/// The pages of a basis.
type internal BasisPages =
    inherit IDisposable
    /// A page to be read, valid until the next page is asked for.
    abstract Read: page: int -> float[]
    /// A page to be changed, valid until the next page is asked for.
    abstract Change: page: int -> float[]
    /// Announces work on columns; no page is valid any more.
    abstract BeginColumns: unit -> unit
    /// Columns from `column` on of one row, as many as the target has; after `BeginColumns`.
    abstract ReadColumns: row: int * column: int * target: Span<float> -> unit
    /// Replaces columns of one row; after `BeginColumns`.
    abstract WriteColumns: row: int * column: int * source: Span<float> -> unit
    /// Bytes of pages in memory.
    abstract HeldBytes: int64

/// Pages in memory, each made when it is first asked for.
[<Sealed>]
type internal MemoryPages(layout: BasisLayout) =
    let pages: float[][] = Array.zeroCreate layout.Count

    let page i =
        if isNull pages[i] then
            pages[i] <- Array.zeroCreate layout.PageLength

        pages[i]

    let columns row column length =
        Span<float>(page (row / layout.RowsPerPage), row % layout.RowsPerPage * layout.Size + column, length)

    interface BasisPages with
        member _.Read i = page i
        member _.Change i = page i
        member _.BeginColumns() = ()
        member _.ReadColumns(row, column, target) = (columns row column target.Length).CopyTo target
        member _.WriteColumns(row, column, source) = source.CopyTo(columns row column source.Length)

        member _.HeldBytes = pages |> Array.sumBy (fun page -> if isNull page then 0L else 8L * int64 page.Length)

        member _.Dispose() = ()

/// Pages in a temporary file, with the least recently used ones of a limited number in memory.
[<Sealed>]
type internal FilePages(name: string, folder: string, memoryBytes: int64, layout: BasisLayout) =
    let pageBytes = 8L * int64 layout.PageLength
    let bytes = pageBytes * int64 layout.Count

    let failed (what: string) (error: exn) : 'a =
        raise (
            HesseException(
                $"{name}: the basis is to be kept in the folder '{folder}', {bytes} bytes ({float bytes / 1048576.0:G4} MiB), and {what}: {error.Message.TrimEnd '.'}; give a folder that can be written to on a disk with so much room, a smaller BasisSize, or BasisStorage.Memory",
                error
            )
        )

    let guarded what (action: unit -> 'a) : 'a =
        try
            action ()
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? ArgumentException
        | :? NotSupportedException as error -> failed what error

    do
        if memoryBytes < pageBytes then
            Vectors.fail
                $"{name}: {memoryBytes} bytes of memory for a basis in a file, of vectors of length {layout.Size}; allow at least {pageBytes}, one of its {layout.Count} pages"

    let path = Path.Combine(folder, $"hesse-basis-{Guid.NewGuid():N}.tmp")

    // The whole file is asked for at once, so that a disk that is too small is an error now and not after hours.
    let file =
        guarded "the file could not be made" (fun () ->
            File.OpenHandle(
                path,
                FileMode.CreateNew,
                FileAccess.ReadWrite,
                FileShare.None,
                FileOptions.DeleteOnClose,
                bytes
            ))

    let slots = int (min (int64 layout.Count) (memoryBytes / pageBytes))
    let buffers: float[][] = Array.zeroCreate slots
    let pageOf = Array.create slots -1
    let changed = Array.zeroCreate<bool> slots
    let lastUse = Array.zeroCreate<int64> slots
    // Pages that the file has; the others are zero.
    let stored = Array.zeroCreate<bool> layout.Count
    let mutable clock = 0L

    let asBytes (numbers: Span<float>) = MemoryMarshal.AsBytes numbers

    let write (source: Span<float>) (offset: int64) =
        try
            RandomAccess.Write(file, Span<byte>.op_Implicit(asBytes source), offset)
        with :? IOException as error ->
            failed "it could not be written" error

    let read (target: Span<float>) (offset: int64) =
        let mutable rest = asBytes target
        let mutable at = offset

        try
            while rest.Length > 0 do
                match RandomAccess.Read(file, rest, at) with
                | 0 -> raise (EndOfStreamException "the file ends before the basis does")
                | got ->
                    rest <- rest.Slice got
                    at <- at + int64 got
        with :? IOException as error ->
            failed "it could not be read" error

    let flush slot =
        if changed[slot] then
            write (Span<float> buffers[slot]) (pageBytes * int64 pageOf[slot])
            changed[slot] <- false
            stored[pageOf[slot]] <- true

    let slotOf page =
        let found = Array.IndexOf(pageOf, page)

        let slot =
            if found >= 0 then
                found
            else
                let mutable oldest = 0

                for i in 1 .. slots - 1 do
                    if lastUse[i] < lastUse[oldest] then
                        oldest <- i

                if isNull buffers[oldest] then
                    buffers[oldest] <- Array.zeroCreate layout.PageLength
                else
                    flush oldest

                pageOf[oldest] <- -1

                if stored[page] then
                    read (Span<float> buffers[oldest]) (pageBytes * int64 page)
                else
                    Array.Clear buffers[oldest]

                pageOf[oldest] <- page
                oldest

        clock <- clock + 1L
        lastUse[slot] <- clock
        slot

    let offset row column = 8L * (int64 row * int64 layout.Size + int64 column)

    interface BasisPages with
        member _.Read page = buffers[slotOf page]

        member _.Change page =
            let slot = slotOf page
            changed[slot] <- true
            buffers[slot]

        member _.BeginColumns() =
            for slot in 0 .. slots - 1 do
                flush slot
                pageOf[slot] <- -1

        member _.ReadColumns(row, column, target) = read target (offset row column)
        member _.WriteColumns(row, column, source) = write source (offset row column)
        member _.HeldBytes = buffers |> Array.sumBy (fun b -> if isNull b then 0L else 8L * int64 b.Length)
        member _.Dispose() = file.Dispose()

[<RequireQualifiedAccess>]
module internal BasisPages =
    let create name (storage: BasisStorage) (layout: BasisLayout) : BasisPages =
        match storage with
        | BasisStorage.Memory -> new MemoryPages(layout)
        | BasisStorage.File(folder, memoryBytes) -> new FilePages(name, folder, memoryBytes, layout)
