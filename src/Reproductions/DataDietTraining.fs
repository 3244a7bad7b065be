namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// Data, training and scores for <c>DataDiet</c>.
module internal DataDietTraining =
    /// Labelled points; targets are the numbers of the classes.
    type Set = {
        X: Tensor
        Y: float[]
        Classes: int
    } with

        member s.Count = s.Y.Length

        member s.Take(rows: int[]) = {
            s with
                X = Tensor.stack 0 (rows |> Array.map (fun i -> s.X[i]))
                Y = rows |> Array.map (fun i -> s.Y[i])
        }

    let oneHot (classes: int) (labels: Tensor) =
        Tensor.equal (Tensor.expandDims labels.Rank labels) (Tensor.arange classes)

    let logits (x: Tensor) w = Mlp.apply Tensor.relu w x

    let loss classes x (y: Tensor) w = Losses.crossEntropy (logits x w) (oneHot classes y)

    /// The loss of one example.
    let exampleLoss classes (x: Tensor) (y: Tensor) w = loss classes (Tensor.expandDims 0 x) (Tensor.expandDims 0 y) w

    [<Literal>]
    let private Minibatch = 20

    /// Networks trained by SGD on a data set each, side by side.
    let train (ctx: Context) (hidden: int) (sets: Set[]) (steps: int) (key: Key) =
        let keys = Random.split (sets.Length + 1) key
        let widths = [ sets[0].X.Shape[1]; hidden; sets[0].Classes ]

        let runs = {
            Inputs = sets |> Array.map _.X |> Tensor.stack 0
            Targets = sets |> Array.map (fun s -> Tensor.ofArray s.Y) |> Tensor.stack 0
            Parameters = Array.init sets.Length (fun i -> Mlp.init keys[i] (sqrt 2.0) widths) |> Runs.stack
        }

        let rates = Array.create sets.Length 0.1

        let observe k _ =
            if k % 64 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

        GradientDescent.train
            (loss sets[0].Classes)
            (BatchSize.Random Minibatch)
            (fun _ -> rates)
            keys[sets.Length]
            steps
            observe
            runs

    let testError (test: Set) w =
        let guesses = (Tensor.argmax 1 (logits test.X w)).toArray()
        Array.map2 (fun g y -> if g = y then 0.0 else 1.0) guesses test.Y |> Array.average

    /// Flips the labels of a share of the examples to another class; returns which.
    let flip (key: Key) (share: float) (set: Set) =
        let keys = Random.split 2 key
        let flipped = Array.create set.Count false

        for i in (Random.permutation keys[0] set.Count)[.. int (share * float set.Count) - 1] do
            flipped[i] <- true

        let shift = (Random.integers keys[1] (set.Classes - 1) [ set.Count ]).toArray()
        let label i y = if flipped[i] then (y + 1.0 + shift[i]) % float set.Classes else y
        { set with Y = Array.mapi label set.Y }, flipped

    /// Mean scores over starts, after a number of steps.
    let scores ctx hidden (set: Set) starts steps key =
        let w = train ctx hidden (Array.create starts set) steps key
        let targets = oneHot set.Classes (Tensor.ofArray set.Y)

        let mean score =
            let all = Array.init starts (fun i -> (score (Runs.part i w): Tensor).toArray())
            Array.init set.Count (fun i -> all |> Array.averageBy (fun s -> s[i]))

        let errors = mean (fun p -> ExampleScores.errorNorms (logits set.X p) targets)

        let gradients =
            mean (ExampleScores.gradientNorms (exampleLoss set.Classes) set.X (Tensor.ofArray set.Y))

        errors, gradients

    let mixture (key: Key) count (means: Tensor) =
        let keys = Random.split 2 key
        let classes, d = means.Shape[0], means.Shape[1]
        let y = (Random.integers keys[0] classes [ count ]).toArray()
        let centres = Tensor.stack 0 (y |> Array.map (fun c -> means[int c]))
        { X = centres + Random.normal keys[1] [ count; d ]; Y = y; Classes = classes }
