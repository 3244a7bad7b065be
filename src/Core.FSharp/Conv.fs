namespace Hesse

/// Zeros around the axes that windows move along.
[<RequireQualifiedAccess>]
type ConvPadding =
    /// None: windows lie inside.
    | Valid
    /// As many as make ⌈length / stride⌉ windows; where their number is odd, one more at the end.
    | Same
    /// Before and after every axis; one pair stands for all axes.
    | Explicit of (int * int) list

/// How a convolution goes. Lists have one number for every spatial axis, or one for all of them.
type ConvOptions = {
    /// Distance between neighbouring windows.
    Stride: int list
    /// Zeros around the input, after its dilation.
    Padding: ConvPadding
    /// Distance between neighbours of the input; dilation d puts d − 1 zeros between them, which makes a transposed convolution.
    InputDilation: int list
    /// Distance between neighbours of the kernel's window.
    KernelDilation: int list
    /// Channels are in so many groups; each group of the output sees its group of the input only.
    Groups: int
} with

    /// Stride and dilations 1, no padding, one group.
    static member Default = {
        Stride = [ 1 ]
        Padding = ConvPadding.Valid
        InputDilation = [ 1 ]
        KernelDilation = [ 1 ]
        Groups = 1
    }

/// Convolution and pooling along the last one or two axes.
///
/// As everywhere in deep learning a convolution is a cross-correlation: the kernel is not flipped. Windows are cut by one linear operation and
/// contracted or reduced by another, so that every derivative is one of these again.
[<RequireQualifiedAccess>]
module Conv =
    /// One number for each of `rank` axes.
    let private each (op: string) (what: string) (rank: int) (values: int list) =
        let values = Array.ofList values

        if (values.Length <> 1 && values.Length <> rank) || values |> Array.exists (fun v -> v < 1) then
            Shape.fail $"{op}: {what} is {Shape.show values}; want 1 or {rank} numbers that are at least 1"

        if values.Length = rank then values else Array.create rank values[0]

    /// Zeros before and after each axis of these lengths.
    let private margins (op: string) (padding: ConvPadding) (lengths: int[]) (spans: int[]) (strides: int[]) =
        match padding with
        | ConvPadding.Valid -> lengths |> Array.map (fun _ -> 0, 0)
        | ConvPadding.Same ->
            Array.map3
                (fun length span stride ->
                    let windows = (length + stride - 1) / stride
                    let total = max 0 ((windows - 1) * stride + span - length)
                    total / 2, total - total / 2)
                lengths
                spans
                strides
        | ConvPadding.Explicit pairs ->
            if
                (pairs.Length <> 1 && pairs.Length <> lengths.Length)
                || pairs |> List.exists (fun (low, high) -> low < 0 || high < 0)
            then
                Shape.fail
                    $"{op}: padding is {pairs}; want 1 or {lengths.Length} pairs of numbers that are not negative"

            if pairs.Length = lengths.Length then
                Array.ofList pairs
            else
                Array.create lengths.Length pairs[0]

    let private along (rank: int) (last: int[]) = Array.append (Array.zeroCreate (rank - last.Length)) last

    /// Zeros around and between the elements of the last axes.
    let private surround (margins: (int * int)[]) (interior: int[]) (x: Node) =
        let r = x.Shape.Length
        Movement.pad (along r (Array.map fst margins)) (along r (Array.map snd margins)) (along r interior) x

    let private dilated (length: int) (dilation: int) = if length = 0 then 0 else (length - 1) * dilation + 1

    /// The input as [batch; groups; channels; …], cut into windows, contracted with [groups; outputs; channels; window…].
    let private apply (op: string) (k: int) (options: ConvOptions) (x: Tensor) (kernel: Tensor) =
        let shape, window = x.Node.Shape, kernel.Node.Shape

        if (shape.Length <> k + 1 && shape.Length <> k + 2) || window.Length <> k + 2 then
            Shape.fail
                $"{op}: expected an input of rank {k + 1} or {k + 2} and a kernel of rank {k + 2}, got {Shape.show shape} and {Shape.show window}; the axes are [batch; channels; …] and [outputs; channels; …]"

        let channels = shape[shape.Length - k - 1]
        let groups = options.Groups

        if groups < 1 || channels <> groups * window[1] || window[0] % groups <> 0 then
            Shape.fail
                $"{op}: {groups} groups of an input with {channels} channels do not fit a kernel of shape {Shape.show window}; want channels = groups · {window[1]}, and groups that divide {window[0]}"

        let stride = each op "stride" k options.Stride
        let between = each op "input dilation" k options.InputDilation
        let dilation = each op "kernel dilation" k options.KernelDilation
        let size = window[2..]

        if size |> Array.exists (fun d -> d < 1) then
            Shape.fail
                $"{op}: a kernel of shape {Shape.show window} has no elements; want at least one along every axis"

        let lengths = Array.map2 dilated shape[shape.Length - k ..] between
        let margins = margins op options.Padding lengths (Array.map2 Windows.span size dilation) stride
        let batch = if shape.Length = k + 2 then shape[0] else 1
        let padded = surround margins (between |> Array.map (fun d -> d - 1)) x.Node
        let spatial = padded.Shape[padded.Shape.Length - k ..]

        let cut =
            Linear.reshape (Array.append [| batch; groups; window[1] |] spatial) padded
            |> Windows.windows size stride dilation

        // Labels: 0 batch, 1 group, 2 output, 3 channel, then the window's axes, then the places.
        let inner, places = [| 4 .. 3 + k |], [| 4 + k .. 3 + 2 * k |]
        let counts = cut.Shape[3 + k ..]
        let result = Array.concat [ [| batch; window[0] |]; counts ]

        let product =
            if groups = 1 then
                let cut = Linear.reshape (Array.removeAt 1 cut.Shape) cut
                let a, b = Array.concat [ [| 0; 3 |]; inner; places ], Array.append [| 2; 3 |] inner
                Contraction.contract a b (Array.append [| 0; 2 |] places) cut kernel.Node
            else
                // The kernel is repeated for each example, which is less than to move all windows.
                let grouped = Linear.reshape (Array.append [| groups; window[0] / groups |] window[1..]) kernel.Node
                let b = Array.append [| 0; 1; 2; 3 |] inner
                let a = Array.concat [ [| 0; 1; 3 |]; inner; places ]
                Contraction.contract a b (Array.append [| 0; 1; 2 |] places) cut (Linear.batchAxis batch grouped)

        Tensor(Linear.reshape (if shape.Length = k + 2 then result else result[1..]) product)

    /// <summary>One-dimensional convolution with a bank of kernels.</summary>
    /// <param name="options">Stride, padding, dilations and groups; `ConvOptions.Default` for none.</param>
    /// <param name="x">Shape [batch; channels; length], or [channels; length].</param>
    /// <param name="kernel">Shape [outputs; channels / groups; window].</param>
    /// <returns>Shape [batch; outputs; places], or without the batch axis.</returns>
    /// <remarks>Two operations per element of the windows, batch · channels · window · places, and output. Takes memory for the windows.</remarks>
    /// <exception cref="T:Hesse.HesseException">Shapes and options do not fit.</exception>
    let conv1d (options: ConvOptions) (x: Tensor) (kernel: Tensor) = apply "conv1d" 1 options x kernel

    /// <summary>Two-dimensional convolution with a bank of kernels.</summary>
    /// <param name="options">Stride, padding, dilations and groups; `ConvOptions.Default` for none.</param>
    /// <param name="x">Shape [batch; channels; height; width], or [channels; height; width].</param>
    /// <param name="kernel">Shape [outputs; channels / groups; rows; columns].</param>
    /// <returns>Shape [batch; outputs; places down; places across], or without the batch axis.</returns>
    /// <remarks>Cost as that of `conv1d`.</remarks>
    /// <exception cref="T:Hesse.HesseException">Shapes and options do not fit.</exception>
    let conv2d (options: ConvOptions) (x: Tensor) (kernel: Tensor) = apply "conv2d" 2 options x kernel

    // ----- pooling -----

    /// Reduces the windows of the last k axes, which `outside` fills where they reach out of the input.
    let private pool op k window stride padding (outside: float) (reduce: int[] -> Node -> Node) (x: Tensor) =
        let shape = x.Node.Shape

        if shape.Length < k then
            Shape.fail $"{op}: expected at least {k} axes, got shape {Shape.show shape}"

        let size, stride = each op "window" k window, each op "stride" k stride
        let margins = margins op padding shape[shape.Length - k ..] size stride

        if Array.exists2 (fun size (low, high) -> low >= size || high >= size) size margins then
            Shape.fail
                $"{op}: a window of {Shape.show size} lies in the padding altogether; pad by less than the window"

        let padded = surround margins (Array.zeroCreate k) x.Node

        let filled =
            if outside = 0.0 || margins |> Array.forall ((=) (0, 0)) then
                padded
            else
                let inside = surround margins (Array.zeroCreate k) (Graph.full shape 1.0)
                Elementwise.select inside padded (Graph.full padded.Shape outside)

        let cut = Windows.windows size stride (Array.create k 1) filled
        let axes = [| shape.Length - k .. shape.Length - 1 |]

        if Array.contains 0 cut.Shape[shape.Length ..] then
            Shape.fail
                $"{op}: no window of {Shape.show size} fits in shape {Shape.show shape}; pad it, or take a smaller window"

        Tensor(reduce axes cut)

    let private maxOf op k window stride padding x = pool op k window stride padding -infinity Elementwise.maxOver x

    let private meanOf op k window stride padding x =
        let mean axes (cut: Node) =
            let count = axes |> Array.fold (fun n (a: int) -> n * float cut.Shape[a]) 1.0
            Linear.scale (1.0 / count) (Linear.sum axes cut)

        pool op k window stride padding 0.0 mean x

    /// <summary>The largest element of each window of the last axis; ties share the derivative equally.</summary>
    /// <param name="window">Length of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Places around the axis that never are the largest.</param>
    /// <param name="x">Shape [..., length].</param>
    /// <returns>Shape [..., places].</returns>
    /// <exception cref="T:Hesse.HesseException">No window fits, or one lies in the padding altogether.</exception>
    let maxPool1d (window: int) (stride: int) (padding: ConvPadding) (x: Tensor) =
        maxOf "maxPool1d" 1 [ window ] [ stride ] padding x

    /// <summary>The largest element of each window of the last two axes; ties share the derivative equally.</summary>
    /// <param name="window">Rows and columns of a window, or one number for both.</param>
    /// <param name="stride">Distances between neighbouring windows, or one number for both.</param>
    /// <param name="padding">Places around the axes that never are the largest.</param>
    /// <param name="x">Shape [..., height, width].</param>
    /// <returns>Shape [..., places down, places across].</returns>
    /// <exception cref="T:Hesse.HesseException">No window fits, or one lies in the padding altogether.</exception>
    let maxPool2d (window: int list) (stride: int list) (padding: ConvPadding) (x: Tensor) =
        maxOf "maxPool2d" 2 window stride padding x

    /// <summary>The mean of each window of the last axis; zeros of the padding count.</summary>
    /// <param name="window">Length of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Zeros around the axis.</param>
    /// <param name="x">Shape [..., length].</param>
    /// <returns>Shape [..., places].</returns>
    /// <exception cref="T:Hesse.HesseException">No window fits, or one lies in the padding altogether.</exception>
    let avgPool1d (window: int) (stride: int) (padding: ConvPadding) (x: Tensor) =
        meanOf "avgPool1d" 1 [ window ] [ stride ] padding x

    /// <summary>The mean of each window of the last two axes; zeros of the padding count.</summary>
    /// <param name="window">Rows and columns of a window, or one number for both.</param>
    /// <param name="stride">Distances between neighbouring windows, or one number for both.</param>
    /// <param name="padding">Zeros around the axes.</param>
    /// <param name="x">Shape [..., height, width].</param>
    /// <returns>Shape [..., places down, places across].</returns>
    /// <exception cref="T:Hesse.HesseException">No window fits, or one lies in the padding altogether.</exception>
    let avgPool2d (window: int list) (stride: int list) (padding: ConvPadding) (x: Tensor) =
        meanOf "avgPool2d" 2 window stride padding x
