namespace Hesse

open System
open System.Globalization
open Hesse.Kernels

/// What a plan takes while it runs, in bytes.
[<Struct>]
type internal MemoryNeed = {
    Arena: int64
    Constants: int64
    Results: int64
} with

    member n.Total = n.Arena + n.Constants + n.Results

/// Plans that would not fit into memory are refused before they run.
module internal MemoryLimit =
    /// The share of the free memory that a plan may take.
    [<Literal>]
    let private share = 0.8

    /// A plan that takes less than this fits anywhere; the system is not asked.
    [<Literal>]
    let private negligible = 33554432L

    /// Environment variable: the limit in MiB.
    [<Literal>]
    let private variable = "HESSE_MEMORY"

    /// The limit that the variable's text stands for, if it says anything.
    let ofText (text: string) : int64 voption =
        match text with
        | null
        | "" -> ValueNone
        | text ->
            match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, mebibytes when mebibytes > 0L && mebibytes < (1L <<< 40) -> ValueSome(mebibytes <<< 20)
            | _ ->
                Shape.fail
                    $"compile: {variable} is '{text}', expected a whole number of MiB; set it to one, or unset it"

    let private requested () = ofText (Environment.GetEnvironmentVariable variable)

    /// Bytes that a plan may take: what HESSE_MEMORY says, else 80 % of what is free.
    let bytes () : int64 =
        match requested () with
        | ValueSome limit -> limit
        | ValueNone -> int64 (share * float (SystemMemory.FreeBytes()))

    let private mebibytes (bytes: int64) = (bytes + (1L <<< 20) - 1L) >>> 20

    let private bytesOf (node: Node) = Shape.size node.Shape * (if node.IsFloat32 then 4L else 8L)

    let private keptBytes (node: Node) =
        match node.Attr with
        | Body graph when not node.IsConcrete -> 8L * graph.KeptElements
        | _ -> 0L

    let private describe (node: Node) =
        let kept = keptBytes node

        let history =
            if kept > 0L then
                $", {mebibytes kept} MiB of it the carries before each step"
            else
                ""

        $"{node.Prim.Name} {Shape.show node.Shape} ({mebibytes (bytesOf node)} MiB{history})"

    /// What would make the largest buffers smaller.
    let private remedies (largest: Node[]) =
        let loops, others =
            largest
            |> Array.filter (fun n -> 4L * bytesOf n >= bytesOf largest[0])
            |> Array.partition (fun n -> 2L * keptBytes n > bytesOf n && bytesOf n > 0L)

        [
            if loops.Length > 0 then
                "keep the carries of fewer steps: Diff.scanWith with Snapshots, or Diff.checkpoint around the steps"

            match
                others
                |> Array.filter (fun n -> n.Shape.Length > 1)
                |> Array.map (fun n -> n.Shape[0])
                |> Array.distinct
            with
            | [| rows |] when rows > 1 ->
                $"do fewer of the {rows} rows at once: a chunk in Diff.vmapChunked, vmapWith, jacobianWith or hessianChunked, or fewer examples"
            | _ when others.Length > 0 ->
                "use fewer examples at once, or a smaller chunk in Diff.vmapChunked, vmapWith, jacobianWith or hessianChunked"
            | _ -> ()
        ]

    /// Raises the error that names the largest buffers if a plan takes more than the limit: the given one, or `bytes`.
    let check (limit: int64 voption) (need: MemoryNeed) (buffers: Node seq) : unit =
        let limit =
            match limit with
            | ValueSome _ -> limit
            | ValueNone -> requested ()

        let refuse (limit: int64) (reason: string) =
            if need.Total > limit then
                let largest =
                    buffers
                    |> Seq.filter (fun n -> Shape.size n.Shape > 0L)
                    |> Seq.sortByDescending bytesOf
                    |> Seq.truncate 3
                    |> Seq.toArray

                let named = String.Join(", ", largest |> Array.map describe)
                let remedy = String.Join("; or ", remedies largest)

                Shape.fail
                    $"compile: the plan needs {mebibytes need.Total} MiB (intermediate values {mebibytes need.Arena}, constants {mebibytes need.Constants}, results {mebibytes need.Results}), but {reason} is the limit; its largest buffers are {named}; {remedy}"

        match limit with
        | ValueSome limit -> refuse limit $"{limit >>> 20} MiB"
        | ValueNone when need.Total > negligible ->
            let free = SystemMemory.FreeBytes()
            refuse (int64 (share * float free)) $"80 %% of the {free >>> 20} MiB that are free"
        | ValueNone -> ()
