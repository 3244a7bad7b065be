namespace Hesse.Theory

open Hesse

/// A bank of kernels with one bias for each output channel.
type ConvLayer = {
    /// Shape [outputs; channels; window; window].
    Kernel: Tensor
    /// Shape [outputs].
    Bias: Tensor
}

/// Parameters of a convolutional network: a tree.
type CnnWeights = {
    /// First layer first.
    Convolutions: ConvLayer list
    /// The fully connected layers after them.
    Dense: AffineLayer list
}

/// What happens to each window of a feature map after a convolution.
[<RequireQualifiedAccess>]
type Pooling =
    /// Its largest element.
    | Max
    /// Its mean.
    | Mean

/// Which convolutional network.
type CnnShape = {
    /// Channels of the input.
    Channels: int
    /// Rows of the input.
    Height: int
    /// Columns of the input.
    Width: int
    /// Output channels of each convolution.
    Filters: int list
    /// Rows and columns of every kernel.
    Window: int
    /// Zeros around the input of each convolution; <c>ConvPadding.Same</c> keeps the size of the image.
    Padding: ConvPadding
    /// Rows and columns that are pooled into one after each convolution; 1 for none.
    Pool: int
    /// How they are pooled.
    Pooling: Pooling
    /// Widths of the fully connected layers, the last one the number of outputs.
    Dense: int list
}

/// Convolutional networks in the manner of LeCun et al. (1998): convolution at stride 1, activation, pooling, a few times; then fully connected
/// layers, the last one linear.
[<RequireQualifiedAccess>]
module Cnn =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private check (s: CnnShape) =
        let sizes = [ s.Channels; s.Height; s.Width; s.Window; s.Pool ]

        if s.Dense.IsEmpty || List.exists (fun d -> d < 1) (sizes @ s.Filters @ s.Dense) then
            fail
                $"Cnn: %A{s}: wanted positive sizes, and at least one fully connected layer, whose width is the number of outputs"

    /// What a convolution leaves of rows and columns.
    let private convolved (s: CnnShape) (height, width) =
        let across axis length =
            match s.Padding with
            | ConvPadding.Same -> length
            | ConvPadding.Valid -> length - s.Window + 1
            | ConvPadding.Explicit [] ->
                fail "Cnn: explicit padding without a pair; wanted one pair for all axes, or two"
            | ConvPadding.Explicit pairs ->
                let before, after = pairs[min axis (pairs.Length - 1)]
                length + before + after - s.Window + 1

        across 0 height, across 1 width

    /// Rows and columns after the convolutions; not positive where nothing is left.
    let internal reducedOrNot (s: CnnShape) =
        (s.Height, s.Width)
        |> List.foldBack
            (fun _ size ->
                let height, width = convolved s size
                (if height < 1 then 0 else height / s.Pool), (if width < 1 then 0 else width / s.Pool))
            s.Filters

    /// Rows and columns after the convolutions.
    let private reduced (s: CnnShape) =
        let height, width = reducedOrNot s

        if height < 1 || width < 1 then
            fail
                $"Cnn: images of {s.Height} × {s.Width} have nothing left after {s.Filters.Length} convolutions by {s.Window} and poolings by {s.Pool}; pool less, use fewer convolutions, or pad them"

        height, width

    /// Widths of the fully connected part, its input first.
    let private denseWidths (s: CnnShape) =
        let height, width = reduced s
        height * width * List.last (s.Channels :: s.Filters) :: s.Dense

    /// <summary>Number of parameters.</summary>
    /// <param name="shape">The network.</param>
    /// <returns>M, the length of the raveled parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">A size is not positive, or nothing is left after the poolings.</exception>
    let parameterCount (shape: CnnShape) : int =
        check shape

        let convolutions =
            List.pairwise (shape.Channels :: shape.Filters)
            |> List.sumBy (fun (inputs, outputs) -> (inputs * shape.Window * shape.Window + 1) * outputs)

        convolutions + Mlp.parameterCount (denseWidths shape)

    /// <summary>Random parameters: weights N(0, gain²/fan-in), biases zero.</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="gain">Scale of the weights: 1 for tanh, √2 for ReLU.</param>
    /// <param name="shape">The network.</param>
    /// <returns>The parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">A size is not positive, or nothing is left after the poolings.</exception>
    let init (key: Key) (gain: float) (shape: CnnShape) : CnnWeights =
        check shape
        let window = shape.Window

        let convolution i (inputs, outputs) = {
            Kernel =
                Random.normal (Random.fold i (Random.fold 0 key)) [ outputs; inputs; window; window ]
                * (gain / sqrt (float (inputs * window * window)))
            Bias = Tensor.zeros [ outputs ]
        }

        {
            Convolutions = List.pairwise (shape.Channels :: shape.Filters) |> List.mapi convolution
            Dense = Mlp.init (Random.fold 1 key) gain (denseWidths shape)
        }

    /// <summary>The outputs of the network.</summary>
    /// <param name="shape">The network.</param>
    /// <param name="activation">Applied after every layer but the last.</param>
    /// <param name="weights">Parameters from <c>init</c>.</param>
    /// <param name="inputs">Images [n; channels; height; width], or rows [n; channels · height · width].</param>
    /// <returns>Shape [n; k], with k the last width.</returns>
    /// <exception cref="T:Hesse.HesseException">The inputs do not have as many elements as the shape says.</exception>
    let apply (shape: CnnShape) (activation: Tensor -> Tensor) (weights: CnnWeights) (inputs: Tensor) : Tensor =
        let expected = shape.Channels * shape.Height * shape.Width

        if inputs.Rank < 2 || inputs.Size <> inputs.Shape[0] * expected then
            fail
                $"Cnn.apply: inputs of shape {Files.show inputs.Shape}, wanted [n; {shape.Channels}; {shape.Height}; {shape.Width}] or [n; {expected}]; reshape them"

        let n = inputs.Shape[0]

        let options = { ConvOptions.Default with Padding = shape.Padding }

        let pool (x: Tensor) =
            match shape.Pooling with
            | _ when shape.Pool = 1 -> x
            | Pooling.Max -> Conv.maxPool2d [ shape.Pool ] [ shape.Pool ] ConvPadding.Valid x
            | Pooling.Mean -> Conv.avgPool2d [ shape.Pool ] [ shape.Pool ] ConvPadding.Valid x

        let layer (x: Tensor) (l: ConvLayer) =
            Conv.conv2d options x l.Kernel + Tensor.reshape [ -1; 1; 1 ] l.Bias |> activation |> pool

        let features =
            weights.Convolutions
            |> List.fold layer (Tensor.reshape [ n; shape.Channels; shape.Height; shape.Width ] inputs)

        Mlp.apply activation weights.Dense (Tensor.reshape [ n; -1 ] features)
