module Hesse.Theory.Tests.Landscape.AlignmentTests

open Xunit
open Hesse
open Hesse.Theory

let private x = Random.normal (Random.key 3) [ 12; 3 ]

let private net seed widths =
    Mlp.init (Random.key seed) 1.4 widths
    |> List.mapi (fun i l -> { l with Bias = 0.3 * Random.normal (Random.key (100 * seed + i)) l.Bias.Shape })

let private widths = [ 3; 9; 7; 8; 2 ]

let private shuffles seed = [ 9; 7; 8 ] |> List.mapi (fun i n -> Random.permutation (Random.fold i (Random.key seed)) n)

let private same (a: 'P) (b: 'P) =
    Array.iter2
        (fun (p: Tensor) (q: Tensor) -> Assert.Equal<float[]>(p.toArray (), q.toArray ()))
        (Tree.leaves a)
        (Tree.leaves b)

[<Fact>]
let ``a permuted network is the same function`` () =
    let a = net 1 widths
    let f layers = (Mlp.apply Tensor.tanh layers x).toArray()
    Array.iter2 (fun (p: float) q -> Assert.Equal(p, q, 1e-13)) (f a) (f (Alignment.permute (shuffles 5) a))

[<Fact>]
let ``a permuted network is realigned exactly, by weights and by activations, and the barrier is gone`` () =
    for seed in 1..5 do
        let a = net seed widths
        let b = Alignment.permute (shuffles (seed + 20)) a
        let byWeights = Alignment.permute (Alignment.weightMatching (Random.key 1) a b) b
        same a byWeights
        let byActivations = Alignment.permute (Alignment.activationMatching Tensor.tanh x a b) b
        same a byActivations
        let loss layers = Losses.meanSquaredError (Mlp.apply Tensor.tanh layers x) (Mlp.apply Tensor.tanh a x)
        Assert.True((Connectivity.linear loss 10 a b).Barrier > 1e-2)
        Assert.Equal(0.0, (Connectivity.linear loss 10 a byWeights).Barrier, 1e-25)

let private distance (a: AffineLayer list) (b: AffineLayer list) =
    Array.map2 (fun (p: Tensor) (q: Tensor) -> (Tensor.sum ((p - q) * (p - q))).item()) (Tree.leaves a) (Tree.leaves b)
    |> Array.sum

[<Fact>]
let ``no change of one layer's permutation brings the weights closer`` () =
    let a, b = net 1 [ 3; 5; 4; 2 ], net 2 [ 3; 5; 4; 2 ]
    let found = Alignment.weightMatching (Random.key 1) a b
    let aligned = distance a (Alignment.permute found b)
    Assert.True(aligned < distance a b)

    for l in 0..1 do
        for trial in 1..60 do
            let other = Random.permutation (Random.key (1000 * l + trial)) found[l].Length
            Assert.True(distance a (Alignment.permute (List.updateAt l other found) b) >= aligned - 1e-10)

[<Fact>]
let ``weight matching with one hidden layer is the closest of all permutations`` () =
    let a, b = net 1 [ 2; 4; 1 ], net 2 [ 2; 4; 1 ]
    let found = distance a (Alignment.permute (Alignment.weightMatching (Random.key 1) a b) b)

    let rec permutations (items: int list) =
        match items with
        | [] -> [ [] ]
        | _ ->
            items
            |> List.collect (fun i -> permutations (List.except [ i ] items) |> List.map (fun rest -> i :: rest))

    let best =
        permutations [ 0..3 ]
        |> List.map (fun p -> distance a (Alignment.permute [ Array.ofList p ] b))
        |> List.min

    Assert.Equal(best, found, 1e-12)

[<Fact>]
let ``activation matching brings the activations closest`` () =
    let a, b = net 1 [ 3; 4; 2 ], net 2 [ 3; 4; 2 ]
    let units layers = Tensor.tanh (Tensor.matmul x (List.head layers).Weight + (List.head layers).Bias)
    let gap p = (Tensor.sum (Tensor.square (units a - units (Alignment.permute p b)))).item()
    let found = gap (Alignment.activationMatching Tensor.tanh x a b)

    for trial in 1..100 do
        Assert.True(gap [ Random.permutation (Random.key trial) 4 ] >= found - 1e-12)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let a = net 1 [ 3; 4; 2 ]

    Assert.Contains(
        "permutations of [3] units for hidden layers of [4]",
        fails (fun () -> Alignment.permute [ [| 0; 1; 2 |] ] a)
    )

    Assert.Contains("wanted one permutation", fails (fun () -> Alignment.permute [ [| 0; 1; 2; 2 |] ] a))

    Assert.Contains(
        "[3; 4], [4; 2] and [3; 5], [5; 2]",
        fails (fun () -> Alignment.weightMatching (Random.key 1) a (net 2 [ 3; 5; 2 ]))
    )
