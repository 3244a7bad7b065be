module Hesse.Theory.Tests.Dynamics.OptimizerTests

open Xunit
open Hesse
open Hesse.Theory

let private scalar (x: float) = Tensor.scalar x

/// Parameters and moments after steps along given gradients.
let private follow optimizer (rate: float) (gradients: float list) (w: float) =
    gradients
    |> List.indexed
    |> List.fold
        (fun (w, moments) (k, g) ->
            Optimizer.step optimizer (scalar rate) (scalar (float (k + 1))) (scalar g) w moments)
        (scalar w, Optimizer.start optimizer (scalar w))
    |> fst
    |> Tensor.item

[<Fact>]
let ``plain descent is w - eta g`` () = Assert.Equal(0.7, follow Optimizer.gradientDescent 0.1 [ 1.0; 2.0 ] 1.0, 1e-15)

[<Fact>]
let ``momentum sums the past`` () =
    // v₁ = 1, v₂ = 0.5 + 2 = 2.5
    Assert.Equal(1.0 - 0.1 * 3.5, follow (Optimizer.momentum 0.5) 0.1 [ 1.0; 2.0 ] 1.0, 1e-15)

[<Fact>]
let ``Nesterov's step looks ahead`` () =
    let nesterov = Optimizer.Sgd { SgdOptions.Default with Momentum = 0.5; Nesterov = true }
    // g₁ + ½v₁ = 1.5, g₂ + ½v₂ = 3.25
    Assert.Equal(1.0 - 0.1 * 4.75, follow nesterov 0.1 [ 1.0; 2.0 ] 1.0, 1e-15)

[<Fact>]
let ``weight decay is added to the gradient`` () =
    let decay = Optimizer.Sgd { SgdOptions.Default with WeightDecay = 0.5 }
    Assert.Equal(2.0 - 0.1 * (1.0 + 1.0), follow decay 0.1 [ 1.0 ] 2.0, 1e-15)

/// Adam by the textbook, one number at a time.
let private textbook (o: AdamOptions) rate gradients w0 =
    let mutable w, m, v = w0, 0.0, 0.0

    gradients
    |> List.iteri (fun k g ->
        let g = if o.Decoupled then g else g + o.WeightDecay * w
        m <- o.Beta1 * m + (1.0 - o.Beta1) * g
        v <- o.Beta2 * v + (1.0 - o.Beta2) * g * g
        let mHat, vHat = m / (1.0 - pown o.Beta1 (k + 1)), v / (1.0 - pown o.Beta2 (k + 1))
        let decay = if o.Decoupled then o.WeightDecay * w else 0.0
        w <- w - rate * (mHat / (sqrt vHat + o.Epsilon) + decay))

    w

[<Theory>]
[<InlineData(0.0, true)>]
[<InlineData(0.3, true)>]
[<InlineData(0.3, false)>]
let ``Adam is the textbook's`` (decay: float) (decoupled: bool) =
    let options = {
        AdamOptions.Default with
            Beta2 = 0.95
            WeightDecay = decay
            Decoupled = decoupled
    }

    let gradients = [ 1.0; -0.5; 2.0; 0.1 ]
    Assert.Equal(textbook options 0.05 gradients 0.7, follow (Optimizer.Adam options) 0.05 gradients 0.7, 1e-14)

[<Fact>]
let ``the first step of Adam is the sign of the gradient`` () =
    Assert.Equal(1.0 - 0.01, follow Optimizer.adam 0.01 [ 1e3 ] 1.0, 1e-12)
    Assert.Equal(1.0 + 0.01, follow Optimizer.adam 0.01 [ -1e-3 ] 1.0, 1e-6)

[<Fact>]
let ``heavy ball on a quadratic follows the roots of its characteristic polynomial`` () =
    // x² = (1 + μ − ηλ) x − μ: with η = (1 + √μ)²/λ − ε both roots are real and negative.
    let lambda, mu, rate = 2.0, 0.25, 1.1

    let mutable w, moments = scalar 1.0, Optimizer.start (Optimizer.momentum mu) (scalar 1.0)
    let values = ResizeArray [ 1.0 ]

    for k in 1..30 do
        let w', moments' =
            Optimizer.step (Optimizer.momentum mu) (scalar rate) (scalar (float k)) (lambda * w) w moments

        w <- w'
        moments <- moments'
        values.Add(w.item ())

    for k in 2..30 do
        Assert.Equal((1.0 + mu - rate * lambda) * values[k - 1] - mu * values[k - 2], values[k], 1e-9)

[<Fact>]
let ``float32 parameters stay float32`` () =
    let w = [ Tensor.toFloat32 (Tensor.ofArray [| 1.0; 2.0 |]) ]

    for optimizer in [ Optimizer.gradientDescent; Optimizer.momentum 0.9; Optimizer.adam ] do
        let w, moments = Optimizer.step optimizer (scalar 0.1) (scalar 1.0) w w (Optimizer.start optimizer w)
        Assert.All(Tree.leaves (w, moments), fun t -> Assert.Equal(DType.Float32, t.DType))

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let w = scalar 1.0
    Assert.Contains("the momentum is 1", fails (fun () -> Optimizer.start (Optimizer.momentum 1.0) w))

    Assert.Contains(
        "β₂ is -1",
        fails (fun () -> Optimizer.start (Optimizer.Adam { AdamOptions.Default with Beta2 = -1.0 }) w)
    )

    Assert.Contains(
        "Nesterov's step needs a momentum",
        fails (fun () -> Optimizer.start (Optimizer.Sgd { SgdOptions.Default with Nesterov = true }) w)
    )

    Assert.Contains("1 moments do not belong", fails (fun () -> Optimizer.step Optimizer.adam w w w w [ w ]))
