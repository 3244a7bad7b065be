module Hesse.Bench.Program

open System
open System.IO
open Hesse.Kernels
open Hesse.Bench.Measure

/// What the names on the command line stand for, or the first that stands for nothing.
let private select (options: Options) (rows: Row list) (quotients: Within.Quotient list) =
    let known = (rows |> List.map _.Name) @ (quotients |> List.map _.Name)
    let chosen name = options.Rows.IsEmpty || List.contains name options.Rows

    match options.Rows |> List.tryFind (fun name -> not (List.contains name known)) with
    | Some unknown ->
        let names = String.Join(", ", known)
        Error $"no row is named {unknown}; there are {names}"
    | None ->
        Ok(
            rows
            |> List.filter (fun r -> chosen r.Name && not (options.Rows.IsEmpty && options.Quick && r.Slow)),
            quotients |> List.filter (fun q -> chosen q.Name)
        )

let private measure (root: string) (options: Options) (rows: Row list) (quotients: Within.Quotient list) : int =
    let wants table = List.contains table options.Chosen
    // Before anything else is compiled.
    let firstCalls = if wants FirstCalls && options.Rows.IsEmpty then FirstCall.measure () else []

    let peer, version =
        if not (wants Peer) then
            None, "not asked for"
        else
            match Peer.Start(options.Python, Path.Combine(root, "bench", "peer.py")) with
            | Ok peer -> Some peer, peer.Version
            | Error reason -> None, $"skipped: {reason} (on Debian: apt-get install python3-torch)"

    use _ =
        match peer with
        | Some p -> p :> IDisposable
        | None -> {
            new IDisposable with
                member _.Dispose() = ()
          }

    use native = new ProductProcess(false)
    use managed = new ProductProcess(true)
    let facts = Machine.facts native.Backend version
    let limitAtStart = KernelTable.limit native
    let meeting () = if Environment.ProcessorCount > 1 then [ Machine.meeting () ] else []
    let meetingAtStart = meeting ()

    let effort =
        if options.Quick then
            { Rounds = 5; SecondsPerRound = 0.05 }
        else
            { Rounds = 11; SecondsPerRound = 0.25 }

    let table wanted (items: 'T list) (name: 'T -> string) (measureOne: 'T -> 'R) : 'R list =
        if not (wants wanted) then
            []
        else
            items
            |> List.map (fun item ->
                eprintfn $"measuring {name item} …"
                measureOne item)

    // How far apart the cores are may change in between.
    let runsAndMeetings = [
        for _ in 1 .. options.Runs -> table Peer rows _.Name (Comparison.measure effort peer), meeting ()
    ]

    let runs = runsAndMeetings |> List.map fst
    let rowOutcomes = List.last runs
    let quotientOutcomes = table Quotients quotients _.Name (Within.measure effort)

    let growth =
        table Growth [ () ] (fun () -> "growth") (fun () -> Growth.measure (if options.Quick then 0.05 else 0.3))

    let kernels =
        table Kernels [ () ] (fun () -> "matrix products") (fun () -> KernelTable.measure effort native managed)

    let limit = KernelTable.larger limitAtStart (KernelTable.limit native)

    let results: Report.Results = {
        Facts =
            facts
            @ [
                "limit", $"{Table.giga limit.Float64} GFLOP/s in float64, {Table.giga limit.Float32} in float32"
                "load at end", Machine.load ()
                "threads meet in", Report.meetings (meetingAtStart @ List.collect snd runsAndMeetings)
            ]
        Limit = limit
        Rows = rowOutcomes
        Runs = runs
        Quotients = quotientOutcomes
        FirstCalls = firstCalls
        Growth = List.concat growth
        Kernels = List.concat kernels
    }

    Report.print results
    let path = Path.Combine(root, "artifacts", "bench", "results.json")
    Report.save path results
    printfn $"\n{Path.GetRelativePath(root, path)} has the same numbers."

    if options.Write then
        let page = if Backend.HasNativeBlas then "RESULTS.md" else "RESULTS-without-BLAS.md"
        Report.writePage (Path.Combine(root, "bench", page)) DateTime.UtcNow results
        printfn $"bench/{page} is written."

    if runs |> List.forall (List.forall _.Agrees) && results.Growth |> List.forall _.Holds then
        0
    else
        1

[<EntryPoint>]
let main arguments =
    let bad message =
        eprintfn $"{message}\n{Options.usage}"
        2

    match List.ofArray arguments with
    | [ "--serve-products" ] ->
        Products.serve ()
        0
    | root :: rest when Directory.Exists root ->
        match Options.parse rest with
        | Error message -> bad message
        | Ok options when options.TopEigenvalue -> TopEigenvalue.run root options.Python options.Chunk
        | Ok options ->
            match select options (Rows.all (Path.Combine(root, "data"))) (Within.all ()) with
            | Error message -> bad message
            | Ok(rows, quotients) when options.List ->
                for name, title in
                    (rows |> List.map (fun r -> r.Name, r.Title)) @ (quotients |> List.map (fun q -> q.Name, q.Title)) do
                    printfn $"{name, -34} {title}"

                0
            | Ok(rows, _) when options.Explain ->
                for r in rows do
                    for v in r.Variants do
                        printfn $"{r.Name}, {v.Name}\n{v.Plan()}\n"

                0
            | Ok(rows, quotients) -> measure root options rows quotients
    | _ -> bad "the first argument must be the root of the repository"
