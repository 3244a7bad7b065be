/// Run alone: a product of the last certificates may use one thread of the BLAS or several, as other threads of the process ask for, and their bits differ.
[<Xunit.Collection("alone")>]
module Hesse.Theory.Tests.Curvature.BasisStorageTests

open System
open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory

[<CollectionDefinition("alone", DisableParallelization = true)>]
type Alone() = class end

/// A folder of its own, deleted at the end.
type private Folder() =
    let path = Directory.CreateTempSubdirectory("hesse-test-").FullName
    member _.Path = path
    member _.Files = Directory.GetFiles path

    interface IDisposable with
        member _.Dispose() = Directory.Delete(path, true)

let private message (f: unit -> 'a) =
    try
        f () |> ignore
        failwith "nothing failed"
    with :? HesseException as e ->
        e.Message

/// Eight numbers above a bulk; 5 vectors make a page.
let private size = 200_000

let private operator =
    let values =
        Array.init size (fun i -> if i % 25_000 = 7 then 10.0 + float (i / 25_000) else cos (float i))

    LinearOperator.ofFunction size (fun v -> Tensor.ofArray values * v)

let private options = {
    Eigenpairs.defaults with
        Count = 3
        BasisSize = 11
        Tolerance = 1e-9
        Key = Random.key 3
}

let private page = 5L * 8L * int64 size

let private bits (solution: EigenSolution) =
    solution.Pairs
    |> Array.collect (fun p -> Array.append [| p.Value; p.Residual; p.Gap |] p.Vector)
    |> Array.map BitConverter.DoubleToInt64Bits

[<Fact>]
let ``a basis in a file gives the bits of a basis in memory, whatever the memory`` () =
    use folder = new Folder()

    let many = [ page; 2L * page; 100L * page ]

    for asked, allowed in
        [
            { options with MaxProducts = 24 }, many
            {
                options with
                    Block = 2
                    Part = SpectrumPart.BothEnds
                    BasisSize = 12
                    MaxProducts = 24
            },
            [ page ]
            {
                options with
                    Count = 1
                    Multiplicities = true
                    BasisSize = 8
                    MaxProducts = 30
            },
            [ page ]
        ] do
        let memory = Eigenpairs.compute asked operator
        Assert.True(memory.Restarts > 0)

        for bytes in allowed do
            let file = Eigenpairs.compute { asked with Storage = BasisStorage.File(folder.Path, bytes) } operator

            Assert.Equal(memory.Products, file.Products)
            Assert.Equal(memory.Restarts, file.Restarts)
            Assert.True((bits memory = bits file))
            Assert.Empty folder.Files

[<Fact>]
let ``the file is there while it is needed, and gone after success, failure and cancellation`` () =
    use folder = new Folder()
    let seen = ResizeArray<int>()
    let mutable largest = 0L

    let watched = {
        options with
            Storage = BasisStorage.File(folder.Path, page)
            Progress =
                fun _ ->
                    seen.Add folder.Files.Length
                    largest <- max largest (FileInfo(folder.Files[0]).Length)
    }

    let solution = Eigenpairs.compute watched operator
    Assert.True solution.Converged
    Assert.Equal(solution.Products - options.Count, seen.Count)
    Assert.All(seen, fun files -> Assert.Equal(1, files))
    // Three pages for 11 vectors and the next block.
    Assert.Equal(3L * page, largest)
    Assert.Empty folder.Files

    seen.Clear()
    let mutable calls = 0

    let failing (v: float[]) =
        calls <- calls + 1
        Array.mapi (fun i x -> if calls > 8 then nan else x / (1.5 + cos (float i))) v

    let text = message (fun () -> Eigenpairs.nearest watched -1.5 failing operator)
    Assert.Contains("is not finite", text)
    Assert.Equal(9, calls)
    Assert.NotEmpty seen
    Assert.Empty folder.Files

    seen.Clear()
    use source = new CancellationTokenSource()

    let cancelled = {
        watched with
            Cancellation = source.Token
            Progress =
                fun p ->
                    watched.Progress p

                    if p.Products = 7 then
                        source.Cancel()
    }

    Assert.Throws<OperationCanceledException>(fun () -> Eigenpairs.compute cancelled operator |> ignore)
    |> ignore

    Assert.Equal(7, seen.Count)
    Assert.Empty folder.Files

[<Fact>]
let ``with a file, memory is allocated for the pages that were allowed and not for the basis`` () =
    use folder = new Folder()
    // Nothing converges, so 19 products make 20 vectors, 4 pages; the same run but for the storage.
    let asked = { options with BasisSize = 24; MaxProducts = 19; Tolerance = 1e-300 }

    let allocated storage =
        let before = GC.GetAllocatedBytesForCurrentThread()
        Eigenpairs.compute { asked with Storage = storage } operator |> ignore
        GC.GetAllocatedBytesForCurrentThread() - before

    // What the pool of scratch arrays keeps is there after a first run.
    Eigenpairs.compute asked operator |> ignore
    let memory = allocated BasisStorage.Memory
    let file = allocated (BasisStorage.File(folder.Path, page))
    Assert.InRange(float (memory - file) / float page, 2.9, 3.1)

[<Fact>]
let ``interior eigenvalues take the same storage`` () =
    use folder = new Folder()
    let small = Array.init 60 (fun i -> float i + 0.25)
    let operator = LinearOperator.ofFunction 60 (fun v -> Tensor.ofArray small * v)
    let solve = Eigenpairs.denseSolve operator 20.0
    let asked = { options with BasisSize = 0 }
    let file = { asked with Storage = BasisStorage.File(folder.Path, 1L <<< 24) }
    let expected = Eigenpairs.nearest asked 20.0 solve operator
    Assert.True((bits expected = bits (Eigenpairs.nearest file 20.0 solve operator)))

[<Fact>]
let ``a folder that cannot be used is an error that names it, the bytes and the way out`` () =
    let missing = Path.Combine(Path.GetTempPath(), "hesse-no-such-folder")
    let compute storage = message (fun () -> Eigenpairs.compute { options with Storage = storage } operator)
    let text = compute (BasisStorage.File(missing, page))

    Assert.StartsWith(
        $"Eigenpairs.compute: the basis is to be kept in the folder '{missing}', 24000000 bytes (22.89 MiB), and the file could not be made: ",
        text
    )

    Assert.EndsWith(
        "; give a folder that can be written to on a disk with so much room, a smaller BasisSize, or BasisStorage.Memory",
        text
    )

    Assert.Equal(
        "Eigenpairs.compute: 1000 bytes of memory for a basis in a file, of vectors of length 200000; allow at least 8000000, one of its 3 pages",
        compute (BasisStorage.File(Path.GetTempPath(), 1000L))
    )

[<Fact>]
let ``a disk that is too small is an error before the first product`` () =
    use folder = new Folder()
    let layout = { BasisLayout.Of(1 <<< 20, 1) with Count = 1 <<< 27 }

    let text =
        message (fun () -> BasisPages.create "test" (BasisStorage.File(folder.Path, 1L <<< 23)) layout)

    Assert.StartsWith(
        $"test: the basis is to be kept in the folder '{folder.Path}', 1125899906842624 bytes (1.074E+09 MiB), and the file could not be made: ",
        text
    )

    Assert.Empty folder.Files
