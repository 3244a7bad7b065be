namespace Hesse.Theory

open Hesse

/// Layer normalisation: every vector to mean 0 and variance 1, then scaled and shifted element by element.
type NormLayer = {
    /// Shape [width].
    Scale: Tensor
    /// Shape [width].
    Shift: Tensor
}

/// One block of a transformer: attention, then a perceptron of one hidden layer, each added to what comes in.
type TransformerBlock = {
    /// Before the attention.
    AttentionNorm: NormLayer
    /// [width; width], all heads side by side.
    Query: AffineLayer
    /// [width; width].
    Key: AffineLayer
    /// [width; width].
    Value: AffineLayer
    /// [width; width], from the heads side by side.
    Mix: AffineLayer
    /// Before the perceptron.
    HiddenNorm: NormLayer
    /// [width; hidden].
    Up: AffineLayer
    /// [hidden; width].
    Down: AffineLayer
}

/// Parameters of a transformer: a tree.
type TransformerWeights = {
    /// One row for each token, [vocabulary; width].
    Embedding: Tensor
    /// One row for each place, [length; width].
    Places: Tensor
    /// First block first.
    Blocks: TransformerBlock list
    /// Before the last layer.
    Norm: NormLayer
    /// [width; vocabulary].
    Head: AffineLayer
}

/// Which transformer.
type TransformerShape = {
    /// Number of tokens.
    Vocabulary: int
    /// Tokens in a sequence.
    Length: int
    /// Length of the vector at each place.
    Width: int
    /// Heads of attention; they divide the width.
    Heads: int
    /// Number of blocks.
    Blocks: int
    /// Hidden width of the perceptrons.
    Hidden: int
    /// Whether a place sees only itself and what comes before it.
    Causal: bool
}

/// Transformers (Vaswani et al. 2017) that normalise before each part (Radford et al. 2019), from tokens to logits at every place. They are functions on a
/// tree of parameters like any other model, so derivatives and curvature of every kind are there.
[<RequireQualifiedAccess>]
module Transformer =
    /// Added to the variance of layer normalisation.
    [<Literal>]
    let private Epsilon = 1e-5

    let private fail (message: string) : 'a = raise (HesseException message)

    let private check (s: TransformerShape) =
        let sizes = [ s.Vocabulary; s.Length; s.Width; s.Heads; s.Hidden ]

        if s.Blocks < 0 || List.exists (fun d -> d < 1) sizes || s.Width % s.Heads <> 0 then
            fail $"Transformer: %A{s}: wanted positive sizes, and a width that is a multiple of the heads"

    /// <summary>Number of parameters.</summary>
    /// <param name="shape">The transformer.</param>
    /// <returns>M, the length of the raveled parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">A size is not positive, or the heads do not divide the width.</exception>
    let parameterCount (shape: TransformerShape) : int =
        check shape
        let d, h = shape.Width, shape.Hidden
        let block = 4 * (d + 1) * d + 4 * d + (d + 1) * h + (h + 1) * d
        (shape.Vocabulary + shape.Length) * d + shape.Blocks * block + 2 * d + (d + 1) * shape.Vocabulary

    /// <summary>Random parameters: weights N(0, gain²/fan-in), embeddings and places N(0, gain²), biases zero, normalisation the identity.</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="gain">Scale of the weights; 1 is usual.</param>
    /// <param name="shape">The transformer.</param>
    /// <returns>The parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">A size is not positive, or the heads do not divide the width.</exception>
    let init (key: Key) (gain: float) (shape: TransformerShape) : TransformerWeights =
        check shape
        let d = shape.Width
        let norm () = { Scale = Tensor.ones [ d ]; Shift = Tensor.zeros [ d ] }

        let affine key inputs outputs = {
            Weight = Random.normal key [ inputs; outputs ] * (gain / sqrt (float inputs))
            Bias = Tensor.zeros [ outputs ]
        }

        let block i =
            let keys = Random.split 6 (Random.fold i (Random.fold 3 key))

            {
                AttentionNorm = norm ()
                Query = affine keys[0] d d
                Key = affine keys[1] d d
                Value = affine keys[2] d d
                Mix = affine keys[3] d d
                HiddenNorm = norm ()
                Up = affine keys[4] d shape.Hidden
                Down = affine keys[5] shape.Hidden d
            }

        {
            Embedding = gain * Random.normal (Random.fold 0 key) [ shape.Vocabulary; d ]
            Places = gain * Random.normal (Random.fold 1 key) [ shape.Length; d ]
            Blocks = List.init shape.Blocks block
            Norm = norm ()
            Head = affine (Random.fold 2 key) d shape.Vocabulary
        }

    /// An affine layer on the last axis.
    let private affine (layer: AffineLayer) (x: Tensor) =
        let width, outputs = layer.Weight.Shape[0], layer.Weight.Shape[1]
        let y = Tensor.matmul (Tensor.reshape [ -1; width ] x) layer.Weight + layer.Bias
        Tensor.reshape (Array.append x.Shape[.. x.Rank - 2] [| outputs |]) y

    /// <summary>Layer normalisation over the last axis (Ba, Kiros, Hinton 2016).</summary>
    /// <param name="layer">Scale and shift, [width].</param>
    /// <param name="x">Shape [..; width].</param>
    /// <returns>The same shape.</returns>
    let normalise (layer: NormLayer) (x: Tensor) : Tensor =
        let centred = x - Tensor.expandDims -1 (Tensor.meanAxis -1 x)
        let variance = Tensor.meanAxis -1 (Tensor.square centred)
        layer.Scale * (centred / Tensor.expandDims -1 (Tensor.sqrt (variance + Epsilon))) + layer.Shift

    /// What is added to the scores of places that are not to be seen.
    let private mask (length: int) =
        Tensor.create
            [ length; length ]
            (Array.init (length * length) (fun i -> if i % length > i / length then -1e30 else 0.0))

    /// <summary>Attention of all heads: softmax(QKᵀ/√e) V with e the width of a head (Vaswani et al. 2017, equation 1).</summary>
    /// <param name="shape">The transformer; its number of heads and whether it is causal count.</param>
    /// <param name="block">The block, whose four affine layers of attention are used.</param>
    /// <param name="x">Shape [n; length; width].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The shape of x is another one, a size is not positive, or the heads do not divide the width.</exception>
    let attention (shape: TransformerShape) (block: TransformerBlock) (x: Tensor) : Tensor =
        check shape

        if x.Rank <> 3 || x.Shape[2] <> shape.Width then
            fail
                $"Transformer.attention: x of shape {Files.show x.Shape}, wanted [n; length; {shape.Width}]; give a vector of that width for each place"

        let n, length = x.Shape[0], x.Shape[1]
        let each = shape.Width / shape.Heads
        let heads layer = Tensor.reshape [ n; length; shape.Heads; each ] (affine layer x)
        let scores = Tensor.einsum "nqhe,nkhe->nhqk" [ heads block.Query; heads block.Key ] / sqrt (float each)
        let weights = Tensor.softmax -1 (if shape.Causal then scores + mask length else scores)
        let seen = Tensor.einsum "nhqk,nkhe->nqhe" [ weights; heads block.Value ]
        affine block.Mix (Tensor.reshape [ n; length; shape.Width ] seen)

    /// <summary>Logits of the tokens at every place.</summary>
    /// <param name="shape">The transformer.</param>
    /// <param name="activation">Of the perceptrons, e.g. <c>Tensor.gelu</c>.</param>
    /// <param name="weights">Parameters from <c>init</c>.</param>
    /// <param name="tokens">Whole numbers below the vocabulary, shape [n; length].</param>
    /// <returns>Shape [n; length; vocabulary].</returns>
    /// <exception cref="T:Hesse.HesseException">The tokens are not of that length; or a token (where its value is known) is not one of the vocabulary.</exception>
    let apply
        (shape: TransformerShape)
        (activation: Tensor -> Tensor)
        (weights: TransformerWeights)
        (tokens: Tensor)
        : Tensor =
        check shape

        if tokens.Rank <> 2 || tokens.Shape[1] <> shape.Length then
            fail
                $"Transformer.apply: tokens of shape {Files.show tokens.Shape}, wanted [n; {shape.Length}]; cut or pad the sequences"

        let embedded = Tensor.gather 0 (Tensor.flatten tokens) weights.Embedding

        let start = Tensor.reshape [ tokens.Shape[0]; shape.Length; shape.Width ] embedded + weights.Places

        let through x (block: TransformerBlock) =
            let x = x + attention shape block (normalise block.AttentionNorm x)
            x + affine block.Down (activation (affine block.Up (normalise block.HiddenNorm x)))

        weights.Blocks |> List.fold through start |> normalise weights.Norm |> affine weights.Head

    /// <summary>The cross-entropy of logits at every place, averaged over sequences and places.</summary>
    /// <param name="logits">Shape [n; length; vocabulary].</param>
    /// <param name="targets">The same shape: one-hot, or probabilities.</param>
    /// <returns>Shape [].</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ.</exception>
    let crossEntropy (logits: Tensor) (targets: Tensor) : Tensor =
        if logits.Rank <> 3 || logits.Shape <> targets.Shape then
            fail
                $"Transformer.crossEntropy: logits {Files.show logits.Shape} and targets {Files.show targets.Shape}; wanted the same shape [n; length; vocabulary]"

        -Tensor.mean(Tensor.sumAxis -1 (targets * Tensor.logSoftmax -1 logits))
