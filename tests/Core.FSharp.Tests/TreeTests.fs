module Hesse.Tests.TreeTests

open System
open Hesse
open Xunit

type Layer = { Weights: Tensor; Bias: Tensor option; Name: string }
type Network = { Layers: Layer list; Scale: Tensor; Depth: int }
type Pair<'a> = { First: 'a; Second: 'a }

let private network = {
    Layers = [
        { Weights = varied 1 [ 2; 3 ]; Bias = Some(varied 2 [ 3 ]); Name = "first" }
        { Weights = varied 3 [ 3; 1 ]; Bias = None; Name = "second" }
    ]
    Scale = scalar 2.0
    Depth = 2
}

let private shapesOf tree = Tree.leaves tree |> Array.map (fun t -> Shape.show t.Shape) |> String.concat " "

[<Fact>]
let ``leaves come in the order of declaration`` () =
    Assert.Equal("[2; 3] [3] [3; 1] []", shapesOf network)
    Assert.Equal("[1] [2] [3]", shapesOf (Tensor.zeros [ 1 ], (Tensor.zeros [ 2 ], [| Tensor.zeros [ 3 ] |])))
    Assert.Equal("[2] [1]", shapesOf (Map.ofList [ "b", Tensor.zeros [ 1 ]; "a", Tensor.zeros [ 2 ] ]))
    Assert.Equal("", shapesOf (None: Tensor option))
    Assert.Equal("", shapesOf ([]: Tensor list))
    Assert.Equal("", shapesOf 3)
    Assert.Equal("[1] [2]", shapesOf (struct (Tensor.zeros [ 1 ], Tensor.zeros [ 2 ])))
    Assert.Equal("[1] [2]", shapesOf { First = Tensor.zeros [ 1 ]; Second = Tensor.zeros [ 2 ] })

[<Fact>]
let ``map keeps the structure and everything that is no tensor`` () =
    let doubled = Tree.map (fun t -> 2.0 * t) network
    Assert.Equal(2, doubled.Depth)
    Assert.Equal<string list>([ "first"; "second" ], doubled.Layers |> List.map (fun l -> l.Name))
    Assert.True doubled.Layers[1].Bias.IsNone
    Check.tensors "weights" 1e-15 (2.0 * network.Layers[0].Weights) doubled.Layers[0].Weights
    Check.tensors "bias" 1e-15 (2.0 * network.Layers[0].Bias.Value) doubled.Layers[0].Bias.Value
    let m = Tree.map (fun t -> t + 1.0) (Map.ofList [ 2, scalar 20.0; 1, scalar 10.0 ])
    Assert.Equal(21.0, m[2].item())
    Assert.Equal(11.0, m[1].item())

[<Fact>]
let ``map2 combines corresponding tensors`` () =
    let sum = Tree.map2 (+) network (Tree.map (fun t -> 3.0 * t) network)
    Check.trees "sum" 1e-15 (Tree.map (fun t -> 4.0 * t) network) sum

[<Fact>]
let ``ravel and unravel are inverse`` () =
    let flat, unravel = Tree.ravel network
    Check.shapes "flat" [| 13 |] flat.Shape
    Check.trees "round trip" 0.0 network (unravel flat)
    Assert.Equal("first", (unravel flat).Layers[0].Name)
    let flat, unravel = Tree.ravel (None: Tensor option)
    Check.shapes "empty" [| 0 |] flat.Shape
    Assert.True((unravel flat).IsNone)

[<Fact>]
let ``gradients have the structure of the argument`` () =
    let loss (n: Network) =
        let h = Tensor.matmul (varied 9 [ 4; 2 ]) n.Layers[0].Weights + n.Layers[0].Bias.Value
        n.Scale * Tensor.sum (Tensor.square (Tensor.matmul (Tensor.tanh h) n.Layers[1].Weights))

    let g = Diff.grad loss network
    Assert.Equal("second", g.Layers[1].Name)
    let flat, unravel = Tree.ravel network
    let expected = Diff.grad (unravel >> loss) flat
    Check.tensors "through the vector" 1e-13 expected (fst (Tree.ravel g))
    Check.tensors "hessian" 1e-12 (Diff.hessian (unravel >> loss) flat) (Diff.hessian loss network)

    let m =
        Diff.grad (fun (m: Map<string, Tensor>) -> m["a"] * m["b"]) (Map.ofList [ "a", scalar 3.0; "b", scalar 5.0 ])

    Assert.Equal((5.0, 3.0), (m["a"].item(), m["b"].item()))

[<Fact>]
let ``a compiled function distinguishes structures, static values and shapes`` () =
    let mutable traces = 0

    let f =
        Diff.compile (fun (n: Layer) ->
            traces <- traces + 1

            Tensor.sum n.Weights * (if n.Name = "first" then 1.0 else -1.0)
            + (match n.Bias with
               | Some b -> Tensor.sum b
               | None -> scalar 0.0))

    let layer = { Weights = Tensor.ones [ 3 ]; Bias = None; Name = "first" }
    let value l = (f l).item()
    Assert.Equal(3.0, value layer)
    Assert.Equal(6.0, value { layer with Weights = 2.0 * layer.Weights })
    Assert.Equal(1, traces)
    Assert.Equal(-3.0, value { layer with Name = "second" })
    Assert.Equal(5.0, value { layer with Bias = Some(Tensor.ones [ 2 ]) })
    Assert.Equal(4.0, value { layer with Weights = Tensor.ones [ 4 ] })
    Assert.Equal(4, traces)
    Assert.Equal(3.0, value layer)
    Assert.Equal(4, traces)

[<Fact>]
let ``errors name both structures`` () =
    Check.fails "Tree.map2: the trees have 2 and 3 tensors; the structures must be the same" (fun () ->
        Tree.map2 (+) [ scalar 1.0; scalar 2.0 ] [ scalar 1.0; scalar 2.0; scalar 3.0 ])

    let _, unravel = Tree.ravel (Tensor.zeros [ 2; 3 ], scalar 1.0)

    Check.fails "unravel: expected shape [7], got [6]; this tree has 7 elements" (fun () ->
        unravel (Tensor.zeros [ 6 ]))

type private Block =
    | Affine of weights: Tensor * bias: Tensor
    | Scaled of factor: float * inner: Block
    | Identity

[<Fact>]
let ``a union is a tree, and its case and numbers are kept`` () =
    let rec apply block (x: Tensor) =
        match block with
        | Affine(w, b) -> Tensor.matmul w x + b
        | Scaled(factor, inner) -> factor * apply inner x
        | Identity -> x

    let x = Tensor.ofArray [| 1.0; -2.0 |]

    let blocks = [
        Affine(Tensor.eye 2, Tensor.zeros [ 2 ])
        Scaled(3.0, Affine(Tensor.eye 2, Tensor.ones [ 2 ]))
        Identity
    ]

    match Diff.grad (fun blocks -> blocks |> List.map (fun b -> Tensor.sum (apply b x)) |> List.reduce (+)) blocks with
    | [ Affine(w, b); Scaled(factor, Affine(w3, b3)); Identity ] ->
        Assert.Equal<float>([| 1.0; -2.0; 1.0; -2.0 |], w.toArray ())
        Assert.Equal<float>([| 1.0; 1.0 |], b.toArray ())
        Assert.Equal(3.0, factor)
        Assert.Equal<float>([| 3.0; -6.0; 3.0; -6.0 |], w3.toArray ())
        Assert.Equal<float>([| 3.0; 3.0 |], b3.toArray ())
    | other -> Assert.Fail $"unexpected structure {other}"

[<Fact>]
let ``a collection of tensors that is no tree is refused, not taken for a constant`` () =
    let values = System.Collections.Generic.Dictionary<string, Tensor>()

    Check.fails
        "Tree: the value of type Dictionary`2 holds tensors but is no tree; use an array, list, map, tuple, record or union"
        (fun () ->
            Diff.grad
                (fun (d: System.Collections.Generic.Dictionary<string, Tensor>) -> Tensor.scalar (float d.Count))
                values)

type private Model(weights: Tensor) =
    member _.Weights = weights

type private Holder<'a> = { Name: string; Parts: 'a list }

[<Fact>]
let ``the error about a value that is no tree names its place`` () =
    let message place name =
        $"Tree: the value{place} of type {name} holds tensors but is no tree; use an array, list, map, tuple, record or union"

    let dictionary = Collections.Generic.Dictionary<string, Layer>()

    Check.fails (message " at Item2[1].Parts[0]" "Dictionary`2") (fun () ->
        Tree.leaves (1.0, [| { Name = "a"; Parts = [] }; { Name = "b"; Parts = [ dictionary ] } |]))

    Check.fails (message " at Parts[1]" "Model") (fun () ->
        Tree.leaves { Name = ""; Parts = [ box 1.0; box (Model(scalar 1.0)) ] })

    Check.fails (message " at Some.Value[0]" "Tensor[,]") (fun () ->
        Tree.leaves (Some [ Array2D.create 2 2 (scalar 1.0) ]))

    Check.fails (message "" "Model") (fun () -> Tree.leaves (Model(scalar 1.0)))

[<Fact>]
let ``anonymous records, value options, results, nested options, maps of records and objects are trees`` () =
    let x = scalar 2.0
    let square (t: Tensor) = t * t
    let gradient (f: 'T -> Tensor) (tree: 'T) = Diff.grad f tree
    Assert.Equal(4.0, (gradient (fun (r: {| A: Tensor; B: int |}) -> square r.A) {| A = x; B = 1 |}).A.item())
    Assert.Equal(4.0, (gradient (fun (v: Tensor voption) -> square v.Value) (ValueSome x)).Value.item())

    Assert.Equal(
        4.0,
        (gradient (fun (v: Tensor option option) -> square v.Value.Value) (Some(Some x))).Value.Value.item()
    )

    match
        gradient
            (fun (r: Result<Tensor, string>) ->
                (match r with
                 | Ok t -> square t
                 | Error _ -> x))
            (Ok x)
    with
    | Ok t -> Assert.Equal(4.0, t.item ())
    | Error e -> Assert.Fail e

    let layers =
        Map.ofList [
            "b", { Weights = x; Bias = None; Name = "" }
            "a", { Weights = 3.0 * x; Bias = Some x; Name = "" }
        ]

    Assert.Equal("[] [] []", shapesOf layers)
    let slopes = gradient (fun (m: Map<string, Layer>) -> square m["b"].Weights) layers
    Assert.Equal(4.0, slopes["b"].Weights.item())
    let objects: obj list = [ box x; box 3; box [ x ]; null ]
    Assert.Equal("[] []", shapesOf objects)
    let back = Tree.map square objects
    Assert.Equal(4.0, (back[0] :?> Tensor).item())
    Assert.Equal(4.0, (List.head (back[2] :?> Tensor list)).item())
    let sequence: Tensor seq = [ x; x ]
    Assert.Equal("[] []", shapesOf sequence)
    Assert.Equal("[] [4] []", shapesOf (struct (x, Random.key 1, [| x |])))

[<Fact>]
let ``trees without tensors pass through every transformation`` () =
    Diff.grad (fun () -> scalar 3.0) ()
    Assert.Equal<Tensor list>([], Diff.grad (fun (_: Tensor list) -> scalar 3.0) [])
    let value, derivative = Diff.jvp (fun () -> scalar 3.0) () ()
    Assert.Equal((3.0, 0.0), (value.item (), derivative.item ()))
    Assert.Equal(3.0, (Diff.compile (fun () -> scalar 3.0) ()).item())
    Check.shapes "Hessian" [| 0; 0 |] (Diff.hessian (fun (_: Tensor option) -> scalar 3.0) None).Shape

[<Fact>]
let ``functions in a tree are kept, whatever they close over`` () =
    let x = scalar 2.0
    let tree = {| Weight = x; Activation = (fun (t: Tensor) -> x * t) |}

    let g =
        Diff.grad (fun (t: {| Weight: Tensor; Activation: Tensor -> Tensor |}) -> t.Activation t.Weight) tree

    Assert.Equal(2.0, g.Weight.item ())

[<Fact>]
let ``paths name the tensors in the order of the leaves`` () =
    let layer weight = { Weights = weight; Bias = Some(scalar 1.0); Name = "hidden" }
    let tree = [| layer (scalar 2.0) |], Map.ofList [ "b", scalar 3.0; "a", scalar 4.0 ], 5, [ scalar 6.0 ]
    let paths = Tree.paths tree
    let expected = [ "Item1[0].Weights"; "Item1[0].Bias.Some.Value"; "Item2[a]"; "Item2[b]"; "Item4[0]" ]
    Assert.Equal<string seq>(expected, paths)
    Assert.Equal<float seq>([ 2.0; 1.0; 4.0; 3.0; 6.0 ], Tree.leaves tree |> Array.map (fun t -> t.item ()))
    Assert.Equal<string seq>([ "" ], Tree.paths (scalar 1.0))
    Assert.Equal<string seq>([ "[0]"; "[1].Item1" ], Tree.paths [ box (scalar 1.0); box (scalar 2.0, "kept") ])
    Assert.Empty(Tree.paths ())
