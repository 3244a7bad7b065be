namespace Hesse.Theory

open Hesse

/// First and second moments of a data set, all that <c>FunctionSpaceDistance.stochasticGates</c> keeps of the inputs.
type InputMoments = {
    /// E (x, 1)(x, 1)ᵀ, shape [d + 1; d + 1]: second moments, means in the last row and column, and a one.
    Augmented: Tensor
}

/// How far apart two networks are as functions: E_x ½‖f(x; θ₁) − f(x; θ₀)‖², exactly and by estimates that need no data, or less.
/// Source: N. Dhawan, S. Huang, J. Bae and R. Grosse, "Efficient parametric approximations of neural network function space
/// distance" (2023).
[<RequireQualifiedAccess>]
module FunctionSpaceDistance =
    let private fail (message: string) = raise (HesseException message)

    /// <summary>The distance on a batch.</summary>
    /// <param name="first">Outputs of one network, shape [n; k].</param>
    /// <param name="second">Outputs of the other, same shape.</param>
    /// <returns>(1/2n) Σᵢ ‖f₁(xᵢ) − f₀(xᵢ)‖², a scalar.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ or are not matrices.</exception>
    let onBatch (first: Tensor) (second: Tensor) : Tensor = Losses.meanSquaredError second first

    /// <summary>The quadratic estimate by the Gauss–Newton matrix on a batch (the network linearised in its parameters, NTK):
    /// (1/2n) Σᵢ ‖J(xᵢ)(θ₁ − θ₀)‖².</summary>
    /// <param name="model">Outputs on the batch, shape [n; k], from the parameters.</param>
    /// <param name="origin">θ₀.</param>
    /// <param name="point">θ₁.</param>
    /// <returns>A scalar, from one forward derivative; exact for models that are linear in their parameters.</returns>
    let linearised (model: 'P -> Tensor) (origin: 'P) (point: 'P) : Tensor =
        let outputs, change = Diff.jvp model origin (Tree.map2 (-) point origin)
        Tensor.sum (change * change) / (2.0 * float outputs.Shape[0])

    /// <summary>The diagonal of the Gauss–Newton matrix of squared error on a batch, (1/n) Σᵢ Σ_c (∂f_c(xᵢ)/∂θ)²: the Fisher
    /// information of Gaussian outputs, as elastic weight consolidation uses it (Kirkpatrick et al. 2017).</summary>
    /// <param name="model">Outputs on the batch, shape [n; k], from the parameters.</param>
    /// <param name="origin">θ₀.</param>
    /// <returns>A tree like θ₀; half its product with the squared changes is the estimate of <c>diagonal</c>.</returns>
    /// <remarks>One Jacobian, nk rows.</remarks>
    let diagonalFisher (model: 'P -> Tensor) (origin: 'P) : 'P =
        let theta, unravel = Tree.ravel origin
        let rows = (model origin).Shape[0]
        let outputs v = let y = model (unravel v) in Tensor.reshape [ y.Size ] y
        let jacobian = Diff.jacobian outputs theta
        unravel (Tensor.sumAxis 0 (jacobian * jacobian) / float rows)

    /// <summary>The quadratic estimate by a diagonal matrix, ½ Σ_j F_jj (θ₁ − θ₀)_j².</summary>
    /// <param name="fisher">The diagonal, a tree.</param>
    /// <param name="origin">θ₀.</param>
    /// <param name="point">θ₁.</param>
    /// <returns>A scalar.</returns>
    let diagonal (fisher: 'P) (origin: 'P) (point: 'P) : Tensor =
        Tree.map2 (*) fisher (Tree.map2 (-) point origin |> Tree.map Tensor.square)
        |> Tree.leaves
        |> Array.map Tensor.sum
        |> Array.reduce (+)
        |> fun sum -> 0.5 * sum

    /// <summary>First and second moments of inputs.</summary>
    /// <param name="x">Shape [n; d].</param>
    /// <returns>The moments.</returns>
    let moments (x: Tensor) : InputMoments =
        let augmented = Tensor.concat 1 [ x; Tensor.ones [ x.Shape[0]; 1 ] ]

        {
            Augmented = Tensor.matmul (Tensor.transpose augmented) augmented / float x.Shape[0]
        }

    /// <summary>How often each hidden ReLU is active.</summary>
    /// <param name="layers">Parameters of a fully connected ReLU network, L layers.</param>
    /// <param name="x">Shape [n; d].</param>
    /// <returns>L − 1 vectors of the hidden widths, in [0, 1].</returns>
    let activationRates (layers: AffineLayer list) (x: Tensor) : Tensor list =
        let hidden = List.take (layers.Length - 1) layers

        hidden
        |> List.mapFold
            (fun input layer ->
                let z = Tensor.matmul input layer.Weight + layer.Bias
                Tensor.meanAxis 0 (Tensor.greater z (Tensor.scalar 0.0)), Tensor.relu z)
            x
        |> fst

    /// A layer on vectors (a, 1): [W 0; b 1].
    let private augment (layer: AffineLayer) =
        let inputs, outputs = layer.Weight.Shape[0], layer.Weight.Shape[1]
        let last = Tensor.concat 0 [ Tensor.zeros [ inputs; 1 ]; Tensor.ones [ 1; 1 ] ]
        let body = Tensor.concat 0 [ layer.Weight; Tensor.reshape [ 1; outputs ] layer.Bias ]
        Tensor.concat 1 [ body; last ]

    /// E mᵢmⱼ of independent gates (m, 1): μᵢμⱼ, and μᵢ for i = j.
    let private gateMoments (rates: Tensor) =
        let mu = Tensor.concat 0 [ rates; Tensor.ones [ 1 ] ]
        Tensor.outer mu mu + Tensor.eye mu.Size * (mu - mu * mu)

    /// <summary>The distance without data: both networks are replaced by linear ones whose hidden units are switched by the same
    /// gates, independent of the input and of each other, each on as often as the ReLU of θ₀ is active.</summary>
    /// <param name="inputs">Moments of the inputs, from <c>moments</c>.</param>
    /// <param name="rates">How often each gate is on, from <c>activationRates</c> at θ₀.</param>
    /// <param name="origin">θ₀, layers of a fully connected network.</param>
    /// <param name="point">θ₁, same widths.</param>
    /// <returns>E ½‖f(x; θ₁) − f(x; θ₀)‖² of that model, a scalar: exact, by propagating second moments of both networks together. For
    /// rates of one it is the distance of two linear networks. Differentiable in both.</returns>
    /// <exception cref="T:Hesse.HesseException">The numbers of layers and of rates do not fit.</exception>
    /// <remarks>Three products of matrices of the layers' widths each; no pass over data.</remarks>
    let stochasticGates
        (inputs: InputMoments)
        (rates: Tensor list)
        (origin: AffineLayer list)
        (point: AffineLayer list)
        : Tensor =
        if origin.Length <> point.Length || rates.Length <> origin.Length - 1 then
            fail
                $"FunctionSpaceDistance.stochasticGates: {origin.Length} and {point.Length} layers and {rates.Length} vectors of rates, wanted as many layers of both and one vector of rates for each hidden layer; take the rates from activationRates"

        let gates = (rates |> List.map (gateMoments >> Some)) @ [ None ]

        // E aaᵀ, E abᵀ and E bbᵀ of the augmented activations a of θ₀ and b of θ₁.
        let through (aa, ab, bb) (layer0, layer1, gate) =
            let w0, w1 = augment layer0, augment layer1
            let push left (m: Tensor) right = Tensor.matmul (Tensor.transpose left) (Tensor.matmul m right)

            let switch (m: Tensor) =
                match gate with
                | Some g -> g * m
                | None -> m

            switch (push w0 aa w0), switch (push w0 ab w1), switch (push w1 bb w1)

        let start = inputs.Augmented, inputs.Augmented, inputs.Augmented
        let aa, ab, bb = List.fold through start (List.zip3 origin point gates)
        0.5 * (Tensor.trace aa - 2.0 * Tensor.trace ab + Tensor.trace bb)
