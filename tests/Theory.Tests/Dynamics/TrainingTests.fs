module Hesse.Theory.Tests.Dynamics.TrainingTests

open System.Threading
open Xunit
open Hesse
open Hesse.Theory

let private x, y = Random.normal (Random.key 1) [ 8; 3 ], Random.normal (Random.key 2) [ 8; 2 ]
let private loss (x: Tensor, y: Tensor) layers = Losses.meanSquaredError (Mlp.apply Tensor.tanh layers x) y
let private start = Mlp.init (Random.key 3) 1.0 [ 3; 5; 2 ]
let private flat (w: 'P) = (fst (Tree.ravel w)).toArray()
let private plain = TrainingOptions.GradientDescent 0.1

let private near (expected: float[]) (actual: float[]) =
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 1e-13)) expected actual

[<Fact>]
let ``full batches are gradient descent`` () =
    let step = GradientDescent.step (loss (x, y)) (Tensor.scalar 0.1)
    near (flat (Seq.fold (fun w _ -> step w) start (seq { 1..10 }))) (flat (Training.fit plain loss (x, y) 10 start))

[<Fact>]
let ``gradient descent on a quadratic has its closed form`` () =
    let rates = Tensor.ofArray [| 0.5; 2.0; 15.0 |]
    let quadratic (data: Tensor) (w: Tensor) = 0.5 * Tensor.mean (data * Tensor.sum (rates * w * w))
    let w = Training.fit plain quadratic (Tensor.ones [ 4 ]) 20 (Tensor.ones [ 3 ])
    near (Array.map (fun l -> pown (1.0 - 0.1 * l) 20) (rates.toArray ())) (w.toArray ())

[<Fact>]
let ``an observer sees every step with the loss before it`` () =
    let steps = ResizeArray<TrainingStep<_>>()
    let options = { plain with LearningRate = Schedule.decay 0.1 0.5 1 }
    let run = Training.run options loss (x, y) 4 steps.Add CancellationToken.None
    let final = run (Training.start options start)
    Assert.Equal<int seq>([ 1; 2; 3; 4 ], steps |> Seq.map (fun s -> s.State.Step))
    Assert.Equal<float seq>([ 0.1; 0.05; 0.025; 0.0125 ], steps |> Seq.map (fun s -> s.LearningRate))
    Assert.Equal((loss (x, y) start).item(), steps[0].Loss, 1e-14)
    Assert.Equal((loss (x, y) steps[0].State.Parameters).item(), steps[1].Loss, 1e-14)
    Assert.Equal<float[]>(flat final.Parameters, flat steps[3].State.Parameters)
    let counted = ResizeArray<int>()

    Training.run
        options
        loss
        (x, y)
        7
        (Training.every 3 (fun s -> counted.Add s.State.Step))
        CancellationToken.None
        final
    |> ignore

    Assert.Equal<int seq>([ 6 ], counted)

let private optimizers = [ Optimizer.gradientDescent; Optimizer.momentum 0.9; Optimizer.adam ]

[<Fact>]
let ``a run that is stopped and taken up again is the same run, bit for bit`` () =
    for optimizer in optimizers do
        for batch in [ BatchSize.Full; BatchSize.Random 3; BatchSize.Shuffled 3 ] do
            for sam in [ None; Some { SharpnessAwareOptions.Sam 0.05 with MicroBatch = Some 1 } ] do
                let options = {
                    plain with
                        Optimizer = optimizer
                        Batch = batch
                        SharpnessAware = sam
                        LearningRate = Schedule.cosine 0.1 0.0 12
                }

                let run steps = Training.run options loss (x, y) steps ignore CancellationToken.None
                let whole = run 12 (Training.start options start)
                let parts = Training.start options start |> run 5 |> run 6 |> run 12
                Assert.Equal(12, parts.Step)
                Assert.Equal<float[]>(flat whole.Parameters, flat parts.Parameters)
                Assert.Equal<float[]>(flat whole.Moments, flat parts.Moments)

[<Fact>]
let ``a cancelled run keeps what it has`` () =
    use source = new CancellationTokenSource()

    let observe (step: TrainingStep<_>) =
        if step.State.Step = 3 then
            source.Cancel()

    let options = { plain with Optimizer = Optimizer.momentum 0.5 }
    let stopped = Training.run options loss (x, y) 10 observe source.Token (Training.start options start)
    Assert.Equal(3, stopped.Step)
    let resumed = Training.run options loss (x, y) 10 ignore CancellationToken.None stopped
    Assert.Equal<float[]>(flat (Training.fit options loss (x, y) 10 start), flat resumed.Parameters)

[<Fact>]
let ``an epoch has every sample once, and the next another order`` () =
    let batch = Training.batches (BatchSize.Shuffled 2) (Random.key 5) 9
    let indices k = (batch k).Value.toArray() |> List.ofArray
    let epoch first = List.collect indices [ first .. first + 3 ]
    // Nine samples in batches of two: four steps, one sample left out.
    Assert.Equal(8, (List.distinct (epoch 0)).Length)
    Assert.Equal(8, (List.distinct (epoch 4)).Length)
    Assert.NotEqual<float list>(epoch 0, epoch 4)
    // Asked for out of order, the batches are the same.
    Assert.Equal<float list>(epoch 0, epoch 0)

[<Fact>]
let ``batches with replacement come from all samples`` () =
    let batch = Training.batches (BatchSize.Random 4) (Random.key 5) 6

    let seen =
        Seq.init 100 (fun k -> (batch k).Value.toArray()) |> Seq.concat |> Seq.countBy id |> Map.ofSeq

    Assert.Equal<float seq>([ 0.0 .. 5.0 ], seen.Keys)
    // 400 draws from 6: 67 each, standard deviation 7.5; 4 of them.
    Assert.All(seen.Values, fun times -> Assert.InRange(times, 37, 97))

[<Fact>]
let ``a step of SGD is a step on its samples`` () =
    let options = { plain with Batch = BatchSize.Random 3; Key = Random.key 9 }
    let indices = (Training.batches options.Batch options.Key 8 0).Value
    let expected = GradientDescent.step (loss (Training.gather indices (x, y))) (Tensor.scalar 0.1) start
    near (flat expected) (flat (Training.fit options loss (x, y) 1 start))

[<Fact>]
let ``a small convolutional network learns`` () =
    // Is the bright pixel of a 4 × 4 image in the upper or in the lower half?
    let shape = {
        Channels = 1
        Height = 4
        Width = 4
        Filters = [ 4 ]
        Window = 3
        Padding = ConvPadding.Same
        Pool = 2
        Pooling = Pooling.Mean
        Dense = [ 2 ]
    }

    let images = Tensor.eye 16
    let targets = Tensor.create [ 16; 2 ] (Array.init 32 (fun q -> if q % 2 = q / 16 then 1.0 else 0.0))
    let loss (x, y) w = Losses.crossEntropy (Cnn.apply shape Tensor.tanh w x) y

    let options = {
        plain with
            Optimizer = Optimizer.adam
            LearningRate = Schedule.constant 0.02
            Batch = BatchSize.Shuffled 8
    }

    let weights = Training.fit options loss (images, targets) 200 (Cnn.init (Random.key 1) 1.0 shape)
    Assert.True((loss (images, targets) weights).item() < 0.05)

[<Fact>]
let ``float32 data and parameters train in float32`` () =
    let single tree = Tree.map Tensor.toFloat32 tree

    let options = {
        plain with
            Optimizer = Optimizer.adam
            Batch = BatchSize.Shuffled 4
            SharpnessAware = Some(SharpnessAwareOptions.Sam 0.05)
    }

    let low = Training.fit options loss (single (x, y)) 10 (single start)
    Assert.All(Tree.leaves low, fun t -> Assert.Equal(DType.Float32, t.DType))
    // A step of Adam is about η in either precision.
    let high = flat (Training.fit options loss (x, y) 10 start)
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 2e-3)) high (flat low)

[<Fact>]
let ``a convolutional network learns the digits`` () =
    let digits =
        Digits.load Hesse.Theory.Tests.Data.DigitsTests.repositoryData.Value |> Digits.take [ 0..9 ] 40

    let shape = {
        Channels = 1
        Height = 8
        Width = 8
        Filters = [ 6 ]
        Window = 3
        Padding = ConvPadding.Same
        Pool = 2
        Pooling = Pooling.Max
        Dense = [ 10 ]
    }

    let data = Digits.inputs digits, Digits.oneHot 10 digits
    let loss (x, y) w = Losses.crossEntropy (Cnn.apply shape Tensor.relu w x) y

    let options = {
        plain with
            Optimizer = Optimizer.adam
            LearningRate = Schedule.constant 0.01
            Batch = BatchSize.Shuffled 40
    }

    let weights = Training.fit options loss data 100 (Cnn.init (Random.key 1) (sqrt 2.0) shape)
    Assert.True((Losses.accuracy (Cnn.apply shape Tensor.relu weights (fst data)) (snd data)).item() > 0.95)

[<Fact>]
let ``SAM finds a flatter minimum of a deep linear scalar`` () =
    // L = (ab − 1)²/2: on ab = 1 the sharpness is a² + b², least at a = b = 1. Descent keeps a² − b²; SAM lowers it.
    let loss (data: Tensor) (a: Tensor, b: Tensor) = Tensor.mean (0.5 * data * Tensor.square (a * b - 1.0))
    let start = Tensor.scalar 2.0, Tensor.scalar 0.3

    let sharpness options =
        let a, b = Training.fit options loss (Tensor.ones [ 1 ]) 2000 start
        a.item () ** 2.0 + b.item () ** 2.0

    let sam = { plain with SharpnessAware = Some(SharpnessAwareOptions.Sam 0.1) }

    Assert.True(sharpness plain > 4.0)
    Assert.True(sharpness sam < 2.1)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let fit options data = fun () -> Training.fit options loss data 1 start
    Assert.Contains("shapes [8; 3], [7; 2]", fails (fit plain (x, Tensor.zeros [ 7; 2 ])))
    Assert.Contains("batch size 0", fails (fit { plain with Batch = BatchSize.Random 0 } (x, y)))
    Assert.Contains("batch size 9, wanted 1 to 8", fails (fit { plain with Batch = BatchSize.Shuffled 9 } (x, y)))
    Assert.Contains("an interval of 0 steps", fails (fun () -> Training.every 0 (fun (_: TrainingStep<Tensor>) -> ())))
