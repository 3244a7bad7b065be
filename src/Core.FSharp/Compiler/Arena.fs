namespace Hesse

open System
open System.Collections.Generic

/// Places buffers in one arena: first fit among what is free, neighbours merged when freed.
type internal Arena() =
    /// Doubles per 64-byte line: every buffer starts on a line of its own.
    static let line = 8L
    /// Doubles below which a buffer only takes a hole of about its size.
    static let small = 4096L
    let free = SortedDictionary<int64, int64>()
    let sizes = Dictionary<int64, int64>()
    let mutable top = 0L
    /// Doubles in holes.
    let mutable idle = 0L

    static let round (n: int64) = (max n 1L + line - 1L) / line * line

    /// Doubles that the arena needs.
    member _.Size = top

    /// Offset of a buffer of n doubles.
    member _.Take(n: int64) =
        let n = round n
        // A small buffer in a hole of quite another size would share memory with the rows of another thread, and threads would
        // wait for each other: it takes fresh memory, as long as not much lies idle.
        let isChoosy = n < small && 4L * idle <= top
        let largest = if isChoosy then 2L * n else Int64.MaxValue
        let fit = free |> Seq.tryFind (fun hole -> hole.Value >= n && hole.Value <= largest)

        let offset =
            match fit with
            | Some hole ->
                free.Remove hole.Key |> ignore
                idle <- idle - n

                if hole.Value > n then
                    free[hole.Key + n] <- hole.Value - n

                hole.Key
            | None ->
                let at = top
                top <- top + n
                at

        sizes[offset] <- n
        offset

    /// Gives the buffer at an offset back.
    member _.Release(offset: int64) =
        let mutable start = offset
        let mutable length = sizes[offset]
        sizes.Remove offset |> ignore
        idle <- idle + length
        let before = free |> Seq.tryFind (fun hole -> hole.Key + hole.Value = start)

        match before with
        | Some hole ->
            free.Remove hole.Key |> ignore
            start <- hole.Key
            length <- length + hole.Value
        | None -> ()

        match free.TryGetValue(start + length) with
        | true, next ->
            free.Remove(start + length) |> ignore
            length <- length + next
        | _ -> ()

        free[start] <- length
