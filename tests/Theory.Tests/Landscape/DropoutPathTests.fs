module Hesse.Theory.Tests.Landscape.DropoutPathTests

open Xunit
open Hesse
open Hesse.Theory

let private x, y = Random.normal (Random.key 3) [ 12; 3 ], Random.normal (Random.key 4) [ 12; 2 ]
let private loss layers = Losses.meanSquaredError (Mlp.apply Tensor.relu layers x) y

let private net seed widths =
    Mlp.init (Random.key seed) 1.4 widths
    |> List.mapi (fun i l -> { l with Bias = 0.3 * Random.normal (Random.key (100 * seed + i)) l.Bias.Shape })

let private same (a: 'P) (b: 'P) =
    Array.iter2
        (fun (p: Tensor) (q: Tensor) -> Assert.Equal<float[]>(p.toArray (), q.toArray ()))
        (Tree.leaves a)
        (Tree.leaves b)

let private half n = n / 2

[<Theory>]
[<InlineData("3,4,2")>]
[<InlineData("3,5,2")>]
[<InlineData("3,4,6,2")>]
[<InlineData("3,7,5,4,2")>]
[<InlineData("3,4,4,5,4,2")>]
let ``nowhere on the path is the loss above the worst of the networks without half of their units`` (text: string) =
    let widths = text.Split ',' |> Array.map int |> List.ofArray

    for seed in 1..3 do
        let a, b = net seed widths, net (seed + 50) widths
        let path = DropoutPath.path a b
        same a path.Head
        same b (List.last path)

        let stages layers =
            (loss layers).item()
            :: [ for first in 0 .. widths.Length - 3 -> (loss (DropoutPath.dropout half first layers)).item() ]

        let worst = List.max (stages a @ stages b)
        let profile = Connectivity.along loss 5 path
        Assert.True(Array.max profile.Losses <= worst * (1.0 + 1e-12), $"{Array.max profile.Losses} above {worst}")

/// Every unit twice, with half of its outgoing weights: the same function, and dropout of the second copies changes nothing.
let private doubled (layers: AffineLayer list) =
    let last = layers.Length - 1

    layers
    |> List.mapi (fun i l ->
        let rows = if i = 0 then l.Weight else Tensor.concat 0 [ 0.5 * l.Weight; 0.5 * l.Weight ]

        if i = last then
            { l with Weight = rows }
        else
            {
                Weight = Tensor.concat 1 [ rows; rows ]
                Bias = Tensor.concat 0 [ l.Bias; l.Bias ]
            })

[<Fact>]
let ``two dropout-stable solutions are joined without any rise, where the straight line has a barrier`` () =
    let teacher seed = doubled (net seed [ 3; 3; 3; 2 ])
    let a = teacher 1
    let perfect layers = Losses.meanSquaredError (Mlp.apply Tensor.relu layers x) (Mlp.apply Tensor.relu a x)
    // The same function with its units in another order.
    let b = Alignment.permute [ [| 3; 5; 4; 0; 2; 1 |]; [| 4; 3; 5; 1; 0; 2 |] ] a
    Assert.True((Connectivity.linear perfect 10 a b).Barrier > 1e-2)
    Assert.True((perfect (DropoutPath.dropout half 0 b)).item() < 1e-25)
    Assert.True((Connectivity.along perfect 10 (DropoutPath.path a b)).Rise < 1e-25)

[<Fact>]
let ``dropping m of N random units costs the variance of their mean`` () =
    // f = (1/N) Σ aⱼσ(wⱼx): over the choice of units, E ‖f_M − f‖² = Var(aσ) (N − M)/(M (N − 1)) per output.
    let n, m = 12, 4

    let layers = [
        { Weight = Random.normal (Random.key 7) [ 3; n ]; Bias = Tensor.zeros [ n ] }
        {
            Weight = Random.normal (Random.key 8) [ n; 1 ] / float n
            Bias = Tensor.zeros [ 1 ]
        }
    ]

    let units =
        Tensor.relu (Tensor.matmul x layers[0].Weight)
        * Tensor.reshape [ 1; n ] (float n * layers[1].Weight)

    let mean = Tensor.meanAxis 1 units
    let variance = (Tensor.mean (Tensor.meanAxis 1 (units * units) - mean * mean)).item()
    let expected = variance * float (n - m) / float (m * (n - 1))

    let draws =
        Array.init 600 (fun i ->
            let order = Random.permutation (Random.fold i (Random.key 9)) n
            let kept = DropoutPath.dropout (fun _ -> m) 0 (Alignment.permute [ order ] layers)
            let gap = Mlp.apply Tensor.relu kept x - Mlp.apply Tensor.relu layers x
            (Tensor.mean (gap * gap)).item())

    let average = Array.average draws
    let error = sqrt ((draws |> Array.averageBy (fun d -> (d - average) ** 2.0)) / 600.0)
    Assert.InRange(average, expected - 4.0 * error, expected + 4.0 * error)

[<Fact>]
let ``a path of float32 networks stays float32`` () =
    let a, b =
        Tree.map Tensor.toFloat32 (net 1 [ 3; 4; 4; 2 ]), Tree.map Tensor.toFloat32 (net 2 [ 3; 4; 4; 2 ])

    let path = DropoutPath.path a b
    same a path.Head
    Assert.All(Tree.leaves path, fun t -> Assert.Equal(DType.Float32, t.DType))

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "layers of [4; 2] and [6; 2] units",
        fails (fun () -> DropoutPath.path (net 1 [ 3; 4; 2 ]) (net 2 [ 3; 6; 2 ]))
    )

    Assert.Contains(
        "all of two units or more",
        fails (fun () -> DropoutPath.path (net 1 [ 3; 1; 2 ]) (net 2 [ 3; 1; 2 ]))
    )

    Assert.Contains("0 of 4 hidden units", fails (fun () -> DropoutPath.dropout (fun _ -> 0) 0 (net 1 [ 3; 4; 2 ])))
