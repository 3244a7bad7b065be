module Hesse.Tests.Compiler.FusionTests

open Hesse
open Hesse.Tests
open Xunit

/// Lines of the printed plan, without the totals.
let private steps (f: 'X -> 'Y) (x: 'X) = (Diff.explain f x).Split('\n').Length - 1

let private x = varied 1 [ 4; 5 ]

[<Fact>]
let ``a chain of elementwise work is one loop`` () =
    Assert.Equal(1, steps (fun x -> Tensor.exp (Tensor.sin x * 2.0 + x) / (1.0 + x * x)) x)

[<Fact>]
let ``broadcasts that only loops read are never stored`` () =
    let f (x: Tensor, row: Tensor, column: Tensor) = (x + row) * column
    Assert.Equal(1, steps f (x, varied 2 [ 5 ], varied 3 [ 4; 1 ]))

[<Fact>]
let ``a value that several loops need is computed once`` () =
    // tanh x is read by a product and by a loop, so it is stored: a loop, a product and a loop.
    let f (x: Tensor) =
        let t = Tensor.tanh x
        Tensor.matmul t (varied 2 [ 5; 5 ]) + t

    Assert.Equal(3, steps f x)
    Check.tensors "value" 1e-14 (f x) (Diff.compile f x)

[<Fact>]
let ``an output inside a chain is stored, and the chain goes on`` () =
    let f (x: Tensor) =
        let inner = Tensor.sin x
        inner, Tensor.exp inner

    Check.trees "values" 1e-15 (f x) (Diff.compile f x)

[<Fact>]
let ``groups: all users in one loop of the same shape, else a loop of its own`` () =
    let v = Graph.variable [| 3 |]
    let s = Elementwise.sin v
    let left, right = Elementwise.exp s, Linear.mul s s
    let top = Linear.add left right
    let order = Graph.order 1L [ top ] |> Array.filter (fun n -> not (Graph.isVariable n))

    let plan (outputs: Node list) =
        Fusion.plan
            Fusion.largestGroup
            order
            (System.Collections.Generic.HashSet<Node>(outputs, HashIdentity.Reference))
            (Fusion.users order)

    let root = plan [ top ]

    for node in [ s; left; right; top ] do
        Assert.Same(top, root[node])
    // When the intermediate is asked for, it is the root of its own loop.
    let root = plan [ top; s ]
    Assert.Same(s, root[s])
    Assert.Same(top, root[left])

[<Fact>]
let ``long chains are cut, and still right`` () =
    let f (x: Tensor) = Seq.fold (fun y k -> Tensor.sin (y + 0.01 * float k)) x (seq { 1..200 })
    Assert.InRange(steps f x, 2, 60)
    Check.tensors "value" 1e-13 (f x) (Diff.compile f x)

[<Fact>]
let ``wide expressions with many inputs and registers are right`` () =
    // 60 inputs live at once in one expression, each used twice.
    let inputs = Array.init 60 (fun k -> varied k [ 7 ])

    let f (xs: Tensor[]) =
        (xs |> Array.reduce (+)) * (xs |> Array.map Tensor.sin |> Array.reduceBack (fun a b -> a - b))

    Check.tensors "value" 1e-13 (f inputs) (Diff.compile f inputs)

[<Fact>]
let ``every length around the tile size`` () =
    for n in
        [
            0
            1
            2
            3
            7
            8
            9
            63
            64
            65
            127
            128
            129
            255
            256
            257
            511
            512
            513
            1023
            1024
            1025
            5000
        ] do
        let x, y = varied 1 [ n ], varied 2 [ n ]
        let f (x: Tensor, y: Tensor) = Tensor.exp x * y - Tensor.tanh (x + 2.0 * y)
        Check.tensors $"length {n}" 1e-14 (f (x, y)) (Diff.compile f (x, y))
        let g (x: Tensor, y: Tensor) = Tensor.sum (x * y) + Tensor.sum (Tensor.exp x)
        Check.tensors $"sums of length {n}" 1e-13 (g (x, y)) (Diff.compile g (x, y))

[<Fact>]
let ``broadcast along every axis of a rank 3 loop`` () =
    let full = varied 1 [ 3; 4; 5 ]

    for mask in 0..7 do
        let shape = [ for d, n in List.indexed [ 3; 4; 5 ] -> if mask &&& (1 <<< d) <> 0 then n else 1 ]
        let part = varied 2 shape
        let f (a: Tensor, b: Tensor) = a * b + Tensor.sin b
        let expected = f (full, Tensor.broadcastTo [ 3; 4; 5 ] part)
        Check.tensors $"{shape}" 1e-15 expected (Diff.compile f (full, part))
