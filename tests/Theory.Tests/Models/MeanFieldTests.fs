module Hesse.Theory.Tests.Models.MeanFieldTests

open Xunit
open Hesse
open Hesse.Theory

let private x, y = Random.normal (Random.key 3) [ 7; 3 ], Random.normal (Random.key 4) [ 7; 2 ]
let private net width = MeanField.init (Random.key 5) 2.0 width 3 2
let private error (f: Tensor) = (Tensor.sum (Tensor.square (f - y))).item() / 7.0

[<Fact>]
let ``the output is the average over neurons, and the same as layers`` () =
    let w = net 5

    let sum =
        List.init 5 (fun j ->
            let unit = Tensor.tanh (Tensor.matmul x (Tensor.reshape [ 3; 1 ] w.Incoming[j]))
            unit * Tensor.reshape [ 1; 2 ] w.Outgoing[j])
        |> List.reduce (+)

    let f = (MeanField.apply Tensor.tanh w x).toArray()
    Assert.All(Array.zip f ((sum / 5.0).toArray()), fun (a, b) -> Assert.Equal(b, a, 1e-14))
    let layers = (Mlp.apply Tensor.tanh (MeanField.toLayers w) x).toArray()
    Assert.All(Array.zip f layers, fun (a, b) -> Assert.Equal(b, a, 1e-14))

[<Fact>]
let ``neurons are drawn with the stated spread`` () =
    let w = MeanField.init (Random.key 1) 2.0 4000 3 1
    let a, h = w.Outgoing.toArray (), w.Incoming.toArray ()
    Assert.All(a, fun v -> Assert.InRange(v, -2.0, 2.0))
    // Var U[−2, 2] = 4/3, Var w = 1/3.
    Assert.InRange(a |> Array.averageBy (fun v -> v * v), 1.25, 1.42)
    Assert.InRange(h |> Array.averageBy (fun v -> v * v), 0.31, 0.355)

[<Fact>]
let ``a step at the mean-field rate moves every neuron alike whatever the width`` () =
    // A network and its copy with every neuron twice are one function and take one step in function space.
    let w = net 4
    let twice (t: Tensor) = Tensor.concat 0 [ t; t ]
    let doubled = { Incoming = twice w.Incoming; Outgoing = twice w.Outgoing }
    let loss v = Tensor.mean (Tensor.square (MeanField.apply Tensor.tanh v x - y))
    let step v = GradientDescent.step loss (Tensor.scalar (MeanField.rate 0.3 v)) v
    let once, both = step w, step doubled

    Assert.All(
        Array.zip ((twice once.Incoming).toArray()) (both.Incoming.toArray ()),
        fun (p, q) -> Assert.Equal(p, q, 1e-14)
    )

    Assert.NotEqual<float[]>(w.Incoming.toArray (), once.Incoming.toArray ())

[<Fact>]
let ``a set of neurons gives the network of these neurons`` () =
    let w, sets = net 6, MeanField.subsets (Random.key 8) 3 4 6
    let outputs = MeanField.applySubsets Tensor.tanh w x sets
    Assert.Equal<int[]>([| 3; 7; 2 |], outputs.Shape)

    for r in 0..2 do
        let kept = sets[r].toArray() |> Array.indexed |> Array.filter (fun (_, v) -> v = 1.0)
        Assert.Equal(4, kept.Length)
        let indices = Tensor.ofArray (kept |> Array.map (fst >> float))
        let smaller = Tree.map (Tensor.gather 0 indices) w
        let expected = (MeanField.apply Tensor.tanh smaller x).toArray()
        Assert.All(Array.zip expected (outputs[r].toArray()), fun (a, b) -> Assert.Equal(a, b, 1e-14))

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(3)>]
[<InlineData(5)>]
let ``the cost of dropout is the mean over all sets of neurons, exactly`` (kept: int) =
    let w = net 5

    let sets =
        [| 0..31 |]
        |> Array.map (fun bits -> Array.init 5 (fun j -> float (bits >>> j &&& 1)))
        |> Array.filter (fun s -> Array.sum s = float kept)

    let outputs =
        MeanField.applySubsets Tensor.tanh w x (Tensor.create [ sets.Length; 5 ] (Array.concat sets))

    let rise = Array.init sets.Length (fun r -> error outputs[r]) |> Array.average
    Assert.Equal(rise - error (MeanField.apply Tensor.tanh w x), MeanField.dropoutCost Tensor.tanh w x kept, 1e-13)

[<Fact>]
let ``errors say what was wanted`` () =
    let message =
        (Assert.Throws<HesseException>(fun () -> MeanField.subsets (Random.key 0) 2 7 6 |> ignore)).Message

    Assert.Contains("7 of 6 neurons are to stay, wanted 1 to 6", message)
