/// Files for tests: in a folder that is removed afterwards, from bytes or written by NumPy where it is installed.
module Hesse.Theory.Tests.Data.FileMaker

open System
open System.Diagnostics
open System.IO
open System.IO.Compression
open Xunit
open Hesse

let withFolder (check: string -> unit) =
    let folder = Directory.CreateTempSubdirectory("hesse-files").FullName

    try
        check folder
    finally
        Directory.Delete(folder, true)

/// Runs a check on the path of a file with these bytes.
let withFile (name: string) (bytes: byte[]) (check: string -> unit) =
    withFolder (fun folder ->
        let path = Path.Combine(folder, name)
        File.WriteAllBytes(path, bytes)
        check path)

let gzip (bytes: byte[]) =
    use packed = new MemoryStream()

    do
        use stream = new GZipStream(packed, CompressionLevel.Optimal)
        stream.Write bytes

    packed.ToArray()

let message (action: unit -> 'a) : string =
    let text = (Assert.Throws<HesseException>(fun () -> action () |> ignore)).Message
    Assert.DoesNotContain("\n", text)
    text

/// That the error of an action has all of these parts.
let refuses (parts: string list) (action: unit -> 'a) =
    let text = message action

    for part in parts do
        Assert.Contains(part, text)

let private interpreter = "/usr/bin/python3"

let private run (code: string) =
    let start = ProcessStartInfo(interpreter, [ "-c"; code ], RedirectStandardError = true)
    use python = Process.Start start
    let error = python.StandardError.ReadToEnd()
    python.WaitForExit()
    python.ExitCode, error

let private hasNumPy = lazy (File.Exists interpreter && fst (run "import numpy") = 0)

/// Runs a NumPy program (as `np`) and then a check; does nothing where NumPy is not installed.
let withNumPy (code: string) (check: unit -> unit) =
    if hasNumPy.Value then
        let status, error = run ("import numpy as np\n" + code)
        Assert.True((status = 0), error)
        check ()

/// Numbers as little-endian bytes.
let doubles (values: float seq) = values |> Seq.collect BitConverter.GetBytes |> Array.ofSeq
