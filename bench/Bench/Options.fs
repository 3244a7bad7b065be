namespace Hesse.Bench

open System

/// A table that can be asked for.
type Wanted =
    /// Rows beside the peer.
    | Peer
    /// Quotients within Hesse.
    | Quotients
    | FirstCalls
    | Growth
    | Kernels

/// What the command line says.
type Options = {
    Quick: bool
    /// Names of rows and quotients; empty for all.
    Rows: string list
    /// Empty for rows and quotients.
    Tables: Wanted list
    Python: string
    Write: bool
    /// How often the rows beside the peer are measured, one run after the other.
    Runs: int
    List: bool
    /// Print the plans of the rows and measure nothing.
    Explain: bool
    /// Only the top eigenvalue of a large network.
    TopEigenvalue: bool
    /// Rows that the top eigenvalue takes at once; 0 for one plan over all of them.
    Chunk: int option
} with

    /// The tables that are made.
    member o.Chosen =
        if not o.Tables.IsEmpty then o.Tables
        elif o.Write then [ Peer; Quotients; FirstCalls; Growth; Kernels ]
        else [ Peer; Quotients; FirstCalls ]

/// The command line.
module Options =
    /// Shown with an error.
    let usage =
        "usage: bench/run.sh [--quick] [--peer] [--quotients] [--first-call] [--growth] [--kernels] [--write] [--runs N] [--rows NAME…] [--python PATH] [--list] [--explain] | --top-eigenvalue [--chunk N] [--python PATH]
  --peer, --quotients, --first-call, --growth, --kernels   only these tables (default --peer --quotients --first-call)
  --write        all tables (or those that are named), the rows beside the peer in three runs, and bench/RESULTS.md is written (RESULTS-without-BLAS.md without OpenBLAS)
  --runs N       the rows beside the peer N times, one run after the other
  --quick        short rounds, without the slow rows
  --rows NAME…   only these rows and quotients
  --python PATH  Python with torch and functorch (default /usr/bin/python3)
  --list         names of the rows and quotients
  --explain      the plans of the rows, without measuring
  --top-eigenvalue  only the certified top eigenvalue of a network of 269,322 parameters
  --chunk N      rows it takes at once (default 512; 0 for one plan over all rows)"

    let rec private read (options: Options) (arguments: string list) : Result<Options, string> =
        let table (t: Wanted) = { options with Tables = options.Tables @ [ t ] }

        match arguments with
        | [] -> Ok options
        | "--quick" :: rest -> read { options with Quick = true } rest
        | "--peer" :: rest -> read (table Peer) rest
        | "--quotients" :: rest -> read (table Quotients) rest
        | "--first-call" :: rest -> read (table FirstCalls) rest
        | "--growth" :: rest -> read (table Growth) rest
        | "--kernels" :: rest -> read (table Kernels) rest
        | "--write" :: rest -> read { options with Write = true; Runs = max 3 options.Runs } rest
        | "--runs" :: text :: rest ->
            match Int32.TryParse text with
            | true, n when n >= 1 -> read { options with Runs = n } rest
            | _ -> Error $"--runs is {text}, wanted a whole number from 1"
        | "--list" :: rest -> read { options with List = true } rest
        | "--explain" :: rest -> read { options with Explain = true } rest
        | "--top-eigenvalue" :: rest -> read { options with TopEigenvalue = true } rest
        | "--chunk" :: text :: rest ->
            match Int32.TryParse text with
            | true, n when n >= 0 -> read { options with Chunk = Some n } rest
            | _ -> Error $"--chunk is {text}, wanted a whole number from 0"
        | "--python" :: path :: rest -> read { options with Python = path } rest
        | "--rows" :: rest ->
            match rest |> List.takeWhile (fun a -> not (a.StartsWith("--", StringComparison.Ordinal))) with
            | [] -> Error "--rows needs at least one name"
            | names -> read { options with Rows = options.Rows @ names } (List.skip names.Length rest)
        | other :: _ -> Error $"unknown argument {other}"

    /// Reads the arguments.
    let parse (arguments: string list) : Result<Options, string> =
        let nothing = {
            Quick = false
            Rows = []
            Tables = []
            Python = "/usr/bin/python3"
            Write = false
            Runs = 1
            List = false
            Explain = false
            TopEigenvalue = false
            Chunk = None
        }

        match read nothing arguments with
        | Ok o when o.Write && (o.Quick || not o.Rows.IsEmpty) ->
            Error "--write takes all rows and full rounds; leave out --quick and --rows"
        | other -> other
