module Hesse.Tests.Compiler.ArenaTests

open System
open System.Collections.Generic
open Hesse
open Xunit

[<Fact>]
let ``buffers start on lines of their own`` () =
    let arena = Arena()
    Assert.Equal(0L, arena.Take 1L)
    Assert.Equal(8L, arena.Take 9L)
    Assert.Equal(24L, arena.Take 8L)
    Assert.Equal(32L, arena.Size)

[<Fact>]
let ``an empty buffer has a place too`` () =
    let arena = Arena()
    Assert.NotEqual(arena.Take 0L, arena.Take 0L)

[<Fact>]
let ``what is freed is used again`` () =
    let arena = Arena()
    let a = arena.Take 100L
    let _ = arena.Take 8L
    arena.Release a
    Assert.Equal(a, arena.Take 50L)
    Assert.Equal(a + 56L, arena.Take 48L)
    Assert.Equal(112L, arena.Size)

[<Fact>]
let ``free neighbours merge, in every order of release`` () =
    for order in [ [ 0; 1; 2 ]; [ 0; 2; 1 ]; [ 1; 0; 2 ]; [ 1; 2; 0 ]; [ 2; 0; 1 ]; [ 2; 1; 0 ] ] do
        let arena = Arena()
        let buffers = [| for _ in 0..2 -> arena.Take 8L |]
        let _ = arena.Take 8L

        for i in order do
            arena.Release buffers[i]

        Assert.Equal(0L, arena.Take 24L)
        Assert.Equal(32L, arena.Size)

[<Fact>]
let ``live buffers never overlap, and freeing everything leaves one hole`` () =
    let random = Random 3
    let arena = Arena()
    let live = List<struct (int64 * int64)>()

    for _ in 1..3000 do
        if live.Count > 0 && random.Next 2 = 0 then
            let i = random.Next live.Count
            let struct (offset, _) = live[i]
            arena.Release offset
            live.RemoveAt i
        else
            let n = int64 (random.Next 200)
            let offset = arena.Take n

            for struct (other, length) in live do
                Assert.True(offset + n <= other || other + length <= offset, $"{offset}+{n} meets {other}+{length}")

            Assert.True(offset + n <= arena.Size)
            live.Add(struct (offset, n))

    for struct (offset, _) in live do
        arena.Release offset

    let size = arena.Size
    Assert.Equal(0L, arena.Take size)
    Assert.Equal(size, arena.Size)
