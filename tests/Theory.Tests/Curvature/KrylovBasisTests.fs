module Hesse.Theory.Tests.Curvature.KrylovBasisTests

open System
open System.IO
open Xunit
open Hesse
open Hesse.Theory

/// Three rows make a page, so ten rows make four; the last strip of a rotation is narrower.
let private size = 300_001

let private capacity = 10
let private rows = lazy Vectors.gaussian (Random.key 1) (capacity * size)

let private storages = [
    BasisStorage.Memory
    BasisStorage.File(Path.GetTempPath(), 8L * 3L * int64 size)
    BasisStorage.File(Path.GetTempPath(), 2L * 8L * 3L * int64 size)
]

let private filled storage =
    let basis = new KrylovBasis("test", storage, size, capacity)
    basis.Set(0, rows.Value, 0, capacity)
    basis

let private near (expected: float[]) (found: float[]) =
    Assert.Equal(expected.Length, found.Length)
    let mutable worst = 0.0

    for i in 0 .. expected.Length - 1 do
        worst <- max worst (abs (expected[i] - found[i]))

    Assert.InRange(worst, 0.0, 1e-9)

let private same (expected: float[]) (found: float[]) =
    Assert.True(ReadOnlySpan<float>(expected).SequenceEqual(ReadOnlySpan<float> found))

/// What an operation gives is what it gives on a block in memory, and the same bits for every storage.
let private check (expected: float[]) (operation: KrylovBasis -> float[]) =
    let found = storages |> List.map (fun storage -> using (filled storage) operation)
    near expected found.Head
    found.Tail |> List.iter (same found.Head)

let private block = lazy Vectors.gaussian (Random.key 2) (2 * size)

[<Fact>]
let ``rows come back as they went in`` () =
    check rows.Value (fun b -> b.Copy(0, capacity))
    check (Array.sub rows.Value (2 * size) (5 * size)) (fun b -> b.Copy(2, 5))

    check (Array.sub rows.Value (7 * size) (2 * size)) (fun b ->
        b.Move(7, 2, 2)
        b.Copy(2, 2))

[<Fact>]
let ``products, differences and combinations`` () =
    check (Vectors.gram size rows.Value 1 8 block.Value 0 2) (fun b -> b.Gram(1, 8, block.Value, 0, 2))
    let coefficients = Vectors.gaussian (Random.key 3) 16
    let expected = Array.copy block.Value
    Vectors.subtract size rows.Value 1 8 coefficients expected 0 2

    check expected (fun b ->
        let target = Array.copy block.Value
        b.Subtract(1, 8, coefficients, target, 0, 2)
        target)

    let weights = Array.truncate 7 coefficients
    check (Vectors.combine size rows.Value 2 7 weights 1) (fun b -> b.Combine(2, weights))

[<Fact>]
let ``rotations replace the first rows, and leave the others`` () =
    let weights = Vectors.gaussian (Random.key 4) (7 * 4)
    let expected = Array.copy rows.Value
    Vectors.rotate size expected 2 7 weights 4

    check expected (fun b ->
        b.Rotate(2, 7, weights, 4)
        b.Copy(0, capacity))

[<Fact>]
let ``orthogonal to all rows up to rounding`` () =
    for storage in storages do
        use basis = filled storage
        let unit = Array.copy rows.Value
        Assert.Equal(9, Vectors.orthonormalise size [||] 0 unit 9)
        basis.Set(0, unit, 0, 9)
        let w = Array.sub block.Value 0 size
        let before = Vectors.norm w
        let sums = Array.zeroCreate 9
        let after = basis.Orthogonalise(9, w, 0, sums)
        Assert.Equal(Vectors.norm w, after)
        Assert.Equal(before, sqrt (after * after + Vectors.dot sums sums), 9)
        Assert.All(basis.Gram(0, 9, w, 0, 1), fun x -> Assert.InRange(abs x, 0.0, 1e-12 * before))

[<Fact>]
let ``pages in memory are no more than were allowed, and the rest is not allocated`` () =
    let page = 8L * 3L * int64 size
    rows.Value |> ignore
    let before = GC.GetAllocatedBytesForCurrentThread()
    use basis = filled (BasisStorage.File(Path.GetTempPath(), 2L * page))

    for i in 0 .. capacity - 1 do
        basis.Gram(0, capacity, rows.Value, i, 1) |> ignore

    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    Assert.Equal(2L * page, basis.HeldBytes)
    Assert.InRange(allocated, 2L * page, 2L * page + 100_000L)
    use inMemory = filled BasisStorage.Memory
    Assert.Equal(4L * page, inMemory.HeldBytes)
