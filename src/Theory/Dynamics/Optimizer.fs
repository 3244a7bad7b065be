namespace Hesse.Theory

open Hesse

/// Gradient descent with momentum: v ← μv + g + λw; w ← w − ηv (Polyak 1964, with η outside the sum).
type SgdOptions = {
    /// μ, in [0, 1).
    Momentum: float
    /// Steps along g + λw + μv instead of v (Nesterov 1983, in the form of Sutskever et al. 2013).
    Nesterov: bool
    /// λ, added to the gradient as λw.
    WeightDecay: float
} with

    /// No momentum and no weight decay.
    static member Default = { Momentum = 0.0; Nesterov = false; WeightDecay = 0.0 }

/// Adam (Kingma and Ba 2015, algorithm 1).
type AdamOptions = {
    /// β₁ of the running mean of gradients.
    Beta1: float
    /// β₂ of the running mean of their squares.
    Beta2: float
    /// ε, added to the root of the second moment.
    Epsilon: float
    /// λ.
    WeightDecay: float
    /// Whether λ acts on the weights alone, w ← w − ηλw (Loshchilov and Hutter 2019, AdamW), or is added to the gradient.
    Decoupled: bool
} with

    /// β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, no weight decay.
    static member Default = {
        Beta1 = 0.9
        Beta2 = 0.999
        Epsilon = 1e-8
        WeightDecay = 0.0
        Decoupled = true
    }

/// How a gradient becomes a step.
[<RequireQualifiedAccess>]
type Optimizer =
    /// (Stochastic) gradient descent.
    | Sgd of SgdOptions
    /// Adam and AdamW.
    | Adam of AdamOptions

/// Update rules on trees of parameters, written in tensor operations: they may be compiled, batched and differentiated.
[<RequireQualifiedAccess>]
module Optimizer =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// Plain gradient descent.
    let gradientDescent = Optimizer.Sgd SgdOptions.Default

    /// <summary>Gradient descent with heavy-ball momentum.</summary>
    /// <param name="momentum">μ, in [0, 1).</param>
    /// <returns>The rule.</returns>
    let momentum (momentum: float) : Optimizer = Optimizer.Sgd { SgdOptions.Default with Momentum = momentum }

    /// Adam with its usual constants.
    let adam = Optimizer.Adam AdamOptions.Default

    /// A host scalar, or one of another precision, in the precision of a tensor.
    let internal inPrecisionOf (t: Tensor) (scalar: Tensor) =
        if t.DType = DType.Float32 then Tensor.toFloat32 scalar else scalar

    let private zeros (w: 'P) : 'P = Tree.map (fun t -> inPrecisionOf t (Tensor.zeros t.Shape)) w

    let private check (optimizer: Optimizer) =
        let unit (name: string) value =
            if not (value >= 0.0 && value < 1.0) then
                fail $"Optimizer: {name} is {value}, wanted a number in [0, 1)"

        let positive (name: string) value =
            if not (value >= 0.0) then
                fail $"Optimizer: {name} is {value}, wanted a number that is not negative"

        match optimizer with
        | Optimizer.Sgd o ->
            unit "the momentum" o.Momentum
            positive "the weight decay" o.WeightDecay

            if o.Nesterov && o.Momentum = 0.0 then
                fail "Optimizer: Nesterov's step needs a momentum, got 0; set Momentum or leave Nesterov out"
        | Optimizer.Adam o ->
            unit "β₁" o.Beta1
            unit "β₂" o.Beta2
            positive "ε" o.Epsilon
            positive "the weight decay" o.WeightDecay

    /// <summary>The moments before the first step: zeros.</summary>
    /// <param name="optimizer">The rule.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>None for plain descent, one tree like the parameters for momentum, two for Adam.</returns>
    /// <exception cref="T:Hesse.HesseException">A constant of the rule is out of range.</exception>
    let start (optimizer: Optimizer) (w: 'P) : 'P list =
        check optimizer

        match optimizer with
        | Optimizer.Sgd o -> if o.Momentum = 0.0 then [] else [ zeros w ]
        | Optimizer.Adam _ -> [ zeros w; zeros w ]

    let private decayed (weightDecay: float) (w: 'P) (g: 'P) =
        if weightDecay = 0.0 then g else Tree.map2 (fun x g -> g + weightDecay * x) w g

    let private descend (rate: Tensor) (w: 'P) (direction: 'P) =
        Tree.map2 (fun x d -> x - inPrecisionOf x rate * d) w direction

    /// <summary>One step.</summary>
    /// <param name="optimizer">The rule.</param>
    /// <param name="rate">η, a scalar.</param>
    /// <param name="count">Number of this step, from 1; a scalar. Adam divides by 1 − β^count.</param>
    /// <param name="gradient">The gradient, a tree like the parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="moments">From <c>start</c> or the step before.</param>
    /// <returns>Parameters and moments after the step.</returns>
    /// <exception cref="T:Hesse.HesseException">The moments are those of another rule.</exception>
    let step
        (optimizer: Optimizer)
        (rate: Tensor)
        (count: Tensor)
        (gradient: 'P)
        (w: 'P)
        (moments: 'P list)
        : 'P * 'P list =
        match optimizer, moments with
        | Optimizer.Sgd o, [] when o.Momentum = 0.0 -> descend rate w (decayed o.WeightDecay w gradient), []
        | Optimizer.Sgd o, [ v ] when o.Momentum <> 0.0 ->
            let g = decayed o.WeightDecay w gradient
            let v = Tree.map2 (fun v g -> o.Momentum * v + g) v g
            let direction = if o.Nesterov then Tree.map2 (fun g v -> g + o.Momentum * v) g v else v
            descend rate w direction, [ v ]
        | Optimizer.Adam o, [ m; v ] ->
            let g = if o.Decoupled then gradient else decayed o.WeightDecay w gradient
            let m = Tree.map2 (fun m g -> o.Beta1 * m + (1.0 - o.Beta1) * g) m g
            let v = Tree.map2 (fun v g -> o.Beta2 * v + (1.0 - o.Beta2) * g * g) v g
            let correction (beta: float) t = 1.0 - Tensor.pow (Tensor.scalar beta) (inPrecisionOf t count)

            let direction =
                Tree.map2
                    (fun m v -> m / correction o.Beta1 m / (Tensor.sqrt (v / correction o.Beta2 v) + o.Epsilon))
                    m
                    v

            let direction = if o.Decoupled then decayed o.WeightDecay w direction else direction
            descend rate w direction, [ m; v ]
        | _ ->
            fail
                $"Optimizer.step: {moments.Length} moments do not belong to %A{optimizer}; take those of Optimizer.start with the same rule"
