module Hesse.Tests.ShapeTests

open FsCheck
open FsCheck.FSharp
open Hesse
open Xunit

/// Runs a property on generated values from a fixed seed; a failure is an exception with the smallest counter-example.
let private holds (gen: Gen<'a>) (property: 'a -> bool) =
    let config =
        Config.QuickThrowOnFailure.WithReplay(Some { Rnd = Rnd(20240611UL, 1UL); Size = None }).WithMaxTest(200)

    FsCheck.Check.One(config, Prop.forAll (Arb.fromGen gen) property)

let private shapes: Gen<int[]> = gen {
    let! rank = Gen.choose (0, 4)
    return! Gen.arrayOfLength rank (Gen.choose (0, 4))
}

/// A shape, and a copy with some axes set to 1 and some leading axes gone.
let private broadcastable: Gen<int[] * int[]> = gen {
    let! shape = shapes
    let! ones = Gen.arrayOfLength shape.Length (Gen.elements [ true; false ])
    let! lead = Gen.choose (0, shape.Length)
    return shape, (Array.map2 (fun d one -> if one then 1 else d) shape ones)[lead..]
}

[<Fact>]
let ``size is the product, and 1 for a scalar`` () =
    Assert.Equal(1L, Shape.size [||])
    Assert.Equal(24L, Shape.size [| 2; 3; 4 |])
    Assert.Equal(0L, Shape.size [| 2; 0; 4 |])
    Assert.Equal(1L <<< 40, Shape.size [| 1 <<< 20; 1 <<< 20 |])

[<Fact>]
let ``strides are row-major`` () =
    Assert.Equal<int64[]>([| 12L; 4L; 1L |], Shape.strides [| 2; 3; 4 |])
    Assert.Equal<int64[]>([||], Shape.strides [||])

[<Fact>]
let ``the largest index of a shape is its size minus one`` () =
    holds shapes (fun shape ->
        let last = Array.fold2 (fun at d stride -> at + int64 (d - 1) * stride) 0L shape (Shape.strides shape)
        Array.contains 0 shape || last = Shape.size shape - 1L)

[<Fact>]
let ``a shape and its thinned copy broadcast to it, in either order`` () =
    holds broadcastable (fun (shape, thin) ->
        Shape.broadcast "t" [| shape; thin |] = shape && Shape.broadcast "t" [| thin; shape |] = shape)

[<Fact>]
let ``broadcast is associative`` () =
    let triple = gen {
        let! shape, a = broadcastable
        let! ones = Gen.arrayOfLength shape.Length (Gen.elements [ true; false ])
        return a, Array.map2 (fun d one -> if one then 1 else d) shape ones, shape
    }

    holds triple (fun (a, b, c) ->
        let join x y = Shape.broadcast "t" [| x; y |]
        join (join a b) c = join a (join b c) && join a (join b c) = Shape.broadcast "t" [| a; b; c |])

[<Fact>]
let ``removing axes keeps the others in order`` () =
    Assert.Equal<int[]>([| 3; 5 |], Shape.removeAxes [| 0; 2 |] [| 2; 3; 4; 5 |])
    Assert.Equal<int[]>([| 2; 3 |], Shape.removeAxes [||] [| 2; 3 |])

[<Fact>]
let ``axes count from either end and come out sorted`` () =
    Assert.Equal(2, Shape.axis "t" 3 -1)
    Assert.Equal(0, Shape.axis "t" 3 0)
    Assert.Equal<int[]>([| 0; 2 |], Shape.axes "t" 3 [| -1; 0 |])

[<Fact>]
let ``errors name the operation, the shapes and the remedy`` () =
    Check.fails
        "add: shapes [2; 3], [4; 3] do not broadcast: axis -2 has sizes 2 and 4; reshape one of them, or insert an axis of size 1"
        (fun () -> Shape.broadcast "add" [| [| 2; 3 |]; [| 4; 3 |] |])

    Check.fails "sum: axis 3 is out of range for a tensor of rank 2; use -2 .. 1" (fun () -> Shape.axis "sum" 2 3)
    Check.fails "sum: axis -3 is out of range for a tensor of rank 2; use -2 .. 1" (fun () -> Shape.axis "sum" 2 -3)

    Check.fails "sum: axis 1 is given twice in [1; -1]; name each axis once" (fun () -> Shape.axes "sum" 2 [| 1; -1 |])

    Check.fails "mul: expected arguments of one shape, got [2], [3]; broadcast them first" (fun () ->
        Shape.same "mul" [| [| 2 |]; [| 3 |] |])

    Check.fails
        "full: a tensor of shape [65536; 65536] would hold 4294967296 elements, more than one array can (2147483591); split it into smaller batches"
        (fun () -> Shape.length "full" [| 65536; 65536 |])
