module Hesse.Bench.Program

open System
open System.IO
open Hesse.Bench.Measure

let private usage =
    "usage: bench/run.sh [--quick] [--rows NAME…] [--python PATH] [--list]
  --quick        short rounds, without the slow rows
  --rows NAME…   only these rows
  --python PATH  Python with torch and functorch (default /usr/bin/python3)
  --list         names of the rows"

type private Options = { Quick: bool; Rows: string list; Python: string; List: bool }

let rec private parse (options: Options) (arguments: string list) : Result<Options, string> =
    match arguments with
    | [] -> Ok options
    | "--quick" :: rest -> parse { options with Quick = true } rest
    | "--list" :: rest -> parse { options with List = true } rest
    | "--python" :: path :: rest -> parse { options with Python = path } rest
    | "--rows" :: rest ->
        match rest |> List.takeWhile (fun a -> not (a.StartsWith("--", StringComparison.Ordinal))) with
        | [] -> Error "--rows needs at least one name"
        | names -> parse { options with Rows = options.Rows @ names } (List.skip names.Length rest)
    | other :: _ -> Error $"unknown argument {other}"

let private select (options: Options) (rows: Row list) : Result<Row list, string> =
    match options.Rows |> List.filter (fun name -> rows |> List.forall (fun r -> r.Name <> name)) with
    | [] when options.Rows.IsEmpty -> Ok(rows |> List.filter (fun r -> not (options.Quick && r.Slow)))
    | [] -> Ok(rows |> List.filter (fun r -> List.contains r.Name options.Rows))
    | unknown :: _ ->
        let names = String.Join(", ", rows |> List.map (fun r -> r.Name))
        Error $"no row is named {unknown}; there are {names}"

let private measure (root: string) (options: Options) (rows: Row list) : int =
    let peer, version =
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

    let facts = Machine.facts version
    let rounds, seconds = if options.Quick then 7, 0.05 else 11, 0.25

    let outcomes =
        rows
        |> List.map (fun r ->
            eprintfn $"measuring {r.Name} …"
            Measure.row (if r.Slow then min rounds 7 else rounds) seconds peer r)

    let facts = facts @ [ "load at end", Machine.load () ]
    Report.print facts outcomes
    let path = Path.Combine(root, "artifacts", "bench", "results.json")
    Report.save path facts outcomes
    printfn $"\n{Path.GetRelativePath(root, path)} has the same numbers."
    if outcomes |> List.forall Report.agrees then 0 else 1

[<EntryPoint>]
let main arguments =
    let bad message =
        eprintfn $"{message}\n{usage}"
        2

    match List.ofArray arguments with
    | root :: rest when Directory.Exists root ->
        match parse { Quick = false; Rows = []; Python = "/usr/bin/python3"; List = false } rest with
        | Error message -> bad message
        | Ok options ->
            let rows = Rows.all (Path.Combine(root, "data"))

            match select options rows with
            | Error message -> bad message
            | Ok chosen when options.List ->
                for r in chosen do
                    printfn $"{r.Name, -22} {r.Title}"

                0
            | Ok chosen -> measure root options chosen
    | _ -> bad "the first argument must be the root of the repository"
