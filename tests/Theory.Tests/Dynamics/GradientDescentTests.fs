module Hesse.Theory.Tests.Dynamics.GradientDescentTests

open Xunit
open Hesse
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape
let private nothing _ _ = ()
let private constant (etas: float[]) _ = etas

let private loss (x: Tensor) (y: Tensor) (w: Tensor) = 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y))

/// Three runs of linear regression with four samples in two dimensions.
let private runs () = {
    Inputs = random 1 [ 3; 4; 2 ]
    Targets = random 2 [ 3; 4 ]
    Parameters = random 3 [ 3; 2 ]
}

[<Fact>]
let ``a step on a quadratic contracts each axis by its factor`` () =
    let rates = Tensor.ofArray [| 0.5; 2.0 |]
    let quadratic (w: Tensor) = 0.5 * Tensor.sum (rates * w * w)

    let after =
        (GradientDescent.step quadratic (Tensor.scalar 0.1) (Tensor.ofArray [| 1.0; -3.0 |])).toArray()

    Assert.Equal(0.95, after[0], 1e-15)
    Assert.Equal(-2.4, after[1], 1e-15)

[<Fact>]
let ``full batches are gradient descent of every run on its own`` () =
    let r = runs ()
    let etas = [| 0.1; 0.2; 0.05 |]
    let final = GradientDescent.train loss BatchSize.Full (constant etas) (Random.key 0) 20 nothing r

    for i in 0..2 do
        let step = GradientDescent.step (loss r.Inputs[i] r.Targets[i]) (Tensor.scalar etas[i])
        let expected = Seq.fold (fun w _ -> step w) r.Parameters[i] (seq { 1..20 })
        Assert.True((Tensor.max (Tensor.abs (expected - final[i]))).item() < 1e-13)

[<Fact>]
let ``a step of SGD uses samples of the run it belongs to, and all of them in the long run`` () =
    // With loss ½ mean (y − w)² and η = 1, one step of batch size 1 puts w on the target that was drawn.
    let count, n = 2, 5
    let targets = Tensor.create [ count; n ] (Array.init (count * n) float)

    let data = {
        Inputs = Tensor.ones [ count; n; 1 ]
        Targets = targets
        Parameters = Tensor.zeros [ count; 1 ]
    }

    let seen = [| ResizeArray<float>(); ResizeArray<float>() |]

    let observe k (w: Tensor) =
        if k > 0 then
            for i in 0..1 do
                seen[i].Add((w[i, 0]).item())

    GradientDescent.train loss (BatchSize.Random 1) (constant [| 1.0; 1.0 |]) (Random.key 7) 600 observe data
    |> ignore

    Assert.Equal<float list>([ 0.0 .. 4.0 ], List.sort (List.distinct (List.ofSeq seen[0])))
    Assert.Equal<float list>([ 5.0 .. 9.0 ], List.sort (List.distinct (List.ofSeq seen[1])))
    // 600 draws from 5: 120 each, standard deviation 9.8; 5 of them.
    Assert.All(Seq.countBy id seen[0], fun (_, times) -> Assert.InRange(times, 71, 169))
    // The two runs draw independently, not in step.
    Assert.Contains(Seq.zip seen[0] seen[1], fun (a, b) -> a + 5.0 <> b)

[<Fact>]
let ``the key decides the run`` () =
    let train seed =
        (GradientDescent.train
            loss
            (BatchSize.Random 2)
            (constant [| 0.1; 0.1; 0.1 |])
            (Random.key seed)
            50
            nothing
            (runs ()))
            .toArray()

    Assert.Equal<float[]>(train 1, train 1)
    Assert.NotEqual<float[]>(train 1, train 2)

[<Fact>]
let ``a run that diverges leaves the others alone`` () =
    let train etas = GradientDescent.train loss BatchSize.Full (constant etas) (Random.key 0) 2000 nothing (runs ())
    let wild, calm = train [| 0.1; 1e3; 0.1 |], train [| 0.1; 0.1; 0.1 |]
    Assert.False(System.Double.IsFinite((Tensor.sum wild[1]).item()))
    Assert.Equal<float[]>(calm[0].toArray(), wild[0].toArray())
    Assert.Equal<float[]>(calm[2].toArray(), wild[2].toArray())

[<Fact>]
let ``a warm-up is linear and then flat`` () =
    let eta = GradientDescent.warmUp 0.1 0.5 4

    Assert.Equal<float list>(
        [ 0.1; 0.2; 0.3; 0.4; 0.5; 0.5 ],
        [ for k in [ 0; 1; 2; 3; 4; 9 ] -> System.Math.Round(eta k, 12) ]
    )

[<Fact>]
let ``errors say what was wanted`` () =
    let wrong = { runs () with Targets = random 2 [ 3; 5 ] }

    let e =
        Assert.Throws<HesseException>(fun () ->
            GradientDescent.train loss BatchSize.Full (constant [||]) (Random.key 0) 1 nothing wrong |> ignore)

    Assert.Contains("wanted [runs; n; d] and [runs; n]", e.Message)

    let e =
        Assert.Throws<HesseException>(fun () ->
            GradientDescent.train loss (BatchSize.Random 0) (constant [||]) (Random.key 0) 1 nothing (runs ())
            |> ignore)

    Assert.Contains("batch size 0", e.Message)

    let e =
        Assert.Throws<HesseException>(fun () ->
            GradientDescent.train loss (BatchSize.Shuffled 2) (constant [||]) (Random.key 0) 1 nothing (runs ())
            |> ignore)

    Assert.Contains("use Training.run, or BatchSize.Random here", e.Message)
