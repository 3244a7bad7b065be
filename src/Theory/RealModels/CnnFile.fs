namespace Hesse.Theory

open System
open System.Globalization
open System.Text.RegularExpressions
open Hesse

/// What the shapes of a convolutional network's weights do not say. None is what the file says, else what follows from the shapes.
type CnnHints = {
    /// Channels, rows and columns of the input; the channels may be left out.
    Image: int list option
    /// Rows and columns that are pooled into one after each convolution.
    Pool: int option
    /// How they are pooled.
    Pooling: Pooling option
    /// Zeros around the input of each convolution.
    Padding: ConvPadding option
}

/// Hints as text: options of the command line, entries of a file.
[<RequireQualifiedAccess>]
module CnnHints =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// Nothing is said.
    let none: CnnHints = { Image = None; Pool = None; Pooling = None; Padding = None }

    let internal whole (text: string) =
        match Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, n -> Some n
        | _ -> None

    /// <summary>Hints from text.</summary>
    /// <param name="image"><c>HxW</c> or <c>CxHxW</c>; null or empty for none.</param>
    /// <param name="pool">The side of a pool, 1 for no pooling; 0 for none given.</param>
    /// <param name="pooling"><c>max</c> or <c>mean</c>; null or empty for none.</param>
    /// <param name="padding"><c>same</c>, <c>valid</c>, or a number of zeros on every side; null or empty for none.</param>
    /// <returns>The hints.</returns>
    /// <exception cref="T:Hesse.HesseException">A text is another.</exception>
    let parse (image: string) (pool: int) (pooling: string) (padding: string) : CnnHints =
        let given (read: string -> 'T) (text: string) = if String.IsNullOrEmpty text then None else Some(read text)

        {
            Image =
                image
                |> given (fun text ->
                    match text.Split 'x' |> Array.map whole |> List.ofArray with
                    | [ Some h; Some w ] when h > 0 && w > 0 -> [ h; w ]
                    | [ Some c; Some h; Some w ] when c > 0 && h > 0 && w > 0 -> [ c; h; w ]
                    | _ ->
                        fail
                            $"image '{text}': wanted rows and columns, such as 28x28, or channels before them, such as 3x32x32")
            Pool =
                if pool < 0 then
                    fail $"pool {pool}: wanted 1 for no pooling, or the side of what is pooled"
                elif pool = 0 then
                    None
                else
                    Some pool
            Pooling =
                pooling
                |> given (function
                    | "max" -> Pooling.Max
                    | "mean" -> Pooling.Mean
                    | other -> fail $"pooling '{other}': there are max and mean")
            Padding =
                padding
                |> given (fun text ->
                    match text, whole text with
                    | "same", _ -> ConvPadding.Same
                    | "valid", _ -> ConvPadding.Valid
                    | _, Some n -> ConvPadding.Explicit [ n, n ]
                    | _ -> fail $"padding '{text}': there are same, valid, or a number of zeros on every side")
        }

    let internal showPadding (padding: ConvPadding) =
        match padding with
        | ConvPadding.Same -> "same"
        | ConvPadding.Valid -> "valid"
        | ConvPadding.Explicit((n, _) :: _) -> string n
        | ConvPadding.Explicit [] -> ""

    let internal showPooling (pooling: Pooling) =
        match pooling with
        | Pooling.Max -> "max"
        | Pooling.Mean -> "mean"

/// A convolutional network from a file.
type CnnFile = {
    /// The layers, float64.
    Weights: CnnWeights
    /// How it stood in the file.
    Layout: WeightLayout
    /// The name of the activation, if the file says it.
    Activation: string option
    /// What else the file says.
    Hints: CnnHints
} with

    /// Output channels of each convolution.
    member m.Filters = m.Weights.Convolutions |> List.map _.Kernel.Shape[0]

    /// Widths of the fully connected layers, the first one's inputs first.
    member m.DenseWidths =
        m.Weights.Dense.Head.Weight.Shape[0] :: (m.Weights.Dense |> List.map _.Weight.Shape[1])

/// Small convolutional networks in files of weights: convolutions with kernels [outputs; channels; k; k], as in PyTorch, then affine layers.
[<RequireQualifiedAccess>]
module CnnFile =
    let private fail (message: string) : 'a = raise (HesseException message)

    [<Literal>]
    let private Wanted =
        "wanted convolutions of stride 1 with kernels [outputs; channels; k; k] and biases [outputs], then affine layers with weights [outputs; inputs] and biases, as PyTorch names them (….weight and ….bias, with numbers in the order of the layers); or Convolutions[i].Kernel and .Bias with Dense[i].Weight [inputs; outputs] and .Bias"

    /// Whether named tensors are those of a convolutional network: some are kernels, or are named so.
    let internal isCnn (tensors: Map<string, Tensor>) =
        tensors
        |> Map.exists (fun name t -> t.Rank = 4 || name.StartsWith("Convolutions[", StringComparison.Ordinal))

    /// A weight and a bias with the name that they share and its numbers.
    type private Pair = { Name: string; Numbers: int list; Weight: Tensor; Bias: Tensor }

    let private pairs (path: string) (tensors: Map<string, Tensor>) =
        let refuse problem = fail $"model: '{path}' {problem}; it holds {WeightFile.listed tensors}; {Wanted}"

        let parts =
            tensors
            |> Map.toList
            |> List.map (fun (name, t) ->
                let found =
                    Regex.Match(
                        name,
                        @"^(?<name>.*?)\.?(?<part>weight|bias|Kernel|Weight|Bias)$",
                        RegexOptions.CultureInvariant
                    )

                if not found.Success then
                    refuse $"has a tensor '{name}' that is neither a weight nor a bias"

                found.Groups["name"].Value,
                found.Groups["part"].Value.ToLowerInvariant() = "bias",
                WeightFile.finite path (name, t))

        parts
        |> List.groupBy (fun (name, _, _) -> name)
        |> List.map (fun (name, found) ->
            match List.partition (fun (_, isBias, _) -> isBias) found with
            | [ _, _, bias ], [ _, _, weight ] -> {
                Name = name
                Numbers = [ for m in Regex.Matches(name, @"\d{1,6}") -> int m.Value ]
                Weight = weight
                Bias = bias
              }
            | [], _ -> refuse $"has no bias for '{name}'; give a bias of zeros where there is none"
            | _ -> refuse $"has not one weight and one bias for '{name}'")
        |> List.sortBy (fun p -> p.Numbers)
        |> fun pairs ->
            for p in pairs do
                if (p.Weight.Rank <> 4 && p.Weight.Rank <> 2) || p.Bias.Rank <> 1 then
                    refuse
                        $"has '{p.Name}' with a weight {Files.show p.Weight.Shape} and a bias {Files.show p.Bias.Shape}"

            let sorted = pairs |> List.partition (fun p -> p.Weight.Rank = 4)

            for group in [ fst sorted; snd sorted ] do
                match group |> List.pairwise |> List.tryFind (fun (a, b) -> a.Numbers = b.Numbers) with
                | Some(a, b) -> refuse $"does not say whether '{a.Name}' or '{b.Name}' comes first"
                | None -> ()

            refuse, sorted

    /// The network of named tensors.
    let internal ofTensors (path: string) (tensors: Map<string, Tensor>, metadata: Map<string, string>) : CnnFile =
        let refuse, (convolutions, dense) = pairs path tensors

        let isOurs =
            tensors.Keys |> Seq.exists (fun name -> name.StartsWith("Convolutions[", StringComparison.Ordinal))

        let layout = if isOurs then WeightLayout.Hesse else WeightLayout.PyTorch

        if convolutions.IsEmpty || dense.IsEmpty then
            refuse
                $"holds {convolutions.Length} convolutions and {dense.Length} affine layers, wanted one of each at least"

        let window = convolutions.Head.Weight.Shape[3]

        for p in convolutions do
            let shape = p.Weight.Shape

            if shape[2] <> window || shape[3] <> window then
                let hint =
                    if shape[0] = shape[1] && shape[2] <> shape[3] then
                        ", which looks like [k; k; channels; outputs] (Keras, JAX): transpose it by (3, 2, 0, 1)"
                    else
                        ", and all kernels are squares of one size"

                refuse $"has a kernel '{p.Name}' {Files.show shape}{hint}"

            if p.Bias.Shape[0] <> shape[0] then
                refuse $"has a kernel '{p.Name}' of {shape[0]} outputs with a bias of {p.Bias.Shape[0]}"

        for a, b in List.pairwise convolutions do
            if b.Weight.Shape[1] <> a.Weight.Shape[0] then
                refuse
                    $"has {a.Weight.Shape[0]} outputs of '{a.Name}' and {b.Weight.Shape[1]} channels of '{b.Name}' after it; a layer is missing, in another order, or in groups"

        let affine =
            dense
            |> List.map (fun p -> {
                AffineLayer.Weight = if isOurs then p.Weight else Tensor.transpose p.Weight
                Bias = p.Bias
            })

        for p, layer in List.zip dense affine do
            if layer.Weight.Shape[1] <> p.Bias.Shape[0] then
                refuse
                    $"has an affine layer '{p.Name}' of {layer.Weight.Shape[1]} outputs with a bias of {p.Bias.Shape[0]}"

        for (p, a), (q, b) in List.zip dense affine |> List.pairwise do
            if a.Weight.Shape[1] <> b.Weight.Shape[0] then
                refuse
                    $"has {a.Weight.Shape[1]} outputs of '{p.Name}' and {b.Weight.Shape[0]} inputs of '{q.Name}' after it; a layer is missing or in another order"

        let entry name = metadata |> Map.tryFind ("hesse." + name) |> Option.defaultValue ""

        {
            Weights = {
                Convolutions = convolutions |> List.map (fun p -> { Kernel = p.Weight; ConvLayer.Bias = p.Bias })
                Dense = affine
            }
            Layout = layout
            Activation = metadata |> Map.tryFind WeightFile.ActivationKey
            Hints =
                CnnHints.parse
                    (entry "image")
                    (CnnHints.whole (entry "pool") |> Option.defaultValue 0)
                    (entry "pooling")
                    (entry "padding")
        }

    /// <summary>Reads a convolutional network: the containers of <c>MlpFile.read</c>.</summary>
    /// <param name="path">The file or the folder.</param>
    /// <returns>The layers: those with kernels of four axes, then those with matrices, each in the order of the numbers in the names.</returns>
    /// <exception cref="T:Hesse.HesseException">It is not readable, or the tensors are not those of such a network; the message lists what was found and
    /// what was wanted.</exception>
    let read (path: string) : CnnFile = ofTensors path (WeightFile.tensorsOf path)

    /// <summary>Writes a convolutional network under its paths, <c>Convolutions[i].Kernel</c> and so on.</summary>
    /// <param name="path">The file: <c>.safetensors</c>, which keeps activation and shape, or <c>.npz</c>, which has no place for them.</param>
    /// <param name="activation">The name of the activation.</param>
    /// <param name="shape">The network.</param>
    /// <param name="weights">Its parameters.</param>
    /// <exception cref="T:Hesse.HesseException">The ending is another, or the file cannot be written.</exception>
    let write (path: string) (activation: string) (shape: CnnShape) (weights: CnnWeights) : unit =
        WeightFile.write
            path
            [
                WeightFile.ActivationKey, activation
                "hesse.image", $"{shape.Channels}x{shape.Height}x{shape.Width}"
                "hesse.pool", string shape.Pool
                "hesse.pooling", CnnHints.showPooling shape.Pooling
                "hesse.padding", CnnHints.showPadding shape.Padding
            ]
            (Weights.ofTree weights)

    /// The image of rows of so many numbers: as said, or a square.
    let internal image (features: int) (channels: int) (said: int list option) =
        let side = int (round (sqrt (float features / float channels)))

        let image =
            match said with
            | Some [ height; width ] -> [ channels; height; width ]
            | Some image -> image
            | None when side * side * channels = features -> [ channels; side; side ]
            | None ->
                fail
                    $"model: rows of {features} numbers are no square images of {channels} channel(s); say what they are, such as --image {channels}x7x{max 1 (features / channels / 7)}"

        match image with
        | [ c; h; w ] when c = channels && c * h * w = features -> c, h, w
        | _ ->
            let said = String.Join("×", image)
            fail $"model: images of {said} for rows of {features} numbers and kernels of {channels} channel(s)"

    /// <summary>The network that takes rows of data: what the shapes leave open is asked of the hints, then of the file, and then found such that the first
    /// affine layer has as many inputs as the convolutions leave.</summary>
    /// <param name="features">Numbers in a row of the data.</param>
    /// <param name="hints">What is known besides.</param>
    /// <param name="file">The weights.</param>
    /// <returns>The network, and what was assumed, in words; empty where nothing was.</returns>
    /// <exception cref="T:Hesse.HesseException">Nothing fits, or several networks do; the message says which hints decide.</exception>
    let shape (features: int) (hints: CnnHints) (file: CnnFile) : CnnShape * string =
        let either f = Option.orElse (f file.Hints) (f hints)
        let kernel = file.Weights.Convolutions.Head.Kernel
        let channels, height, width = image features kernel.Shape[1] (either _.Image)
        let inputs = file.DenseWidths.Head
        let pooling = either _.Pooling

        let network padding pool = {
            Channels = channels
            Height = height
            Width = width
            Filters = file.Filters
            Window = kernel.Shape[2]
            Padding = padding
            Pool = pool
            Pooling = pooling |> Option.defaultValue Pooling.Max
            Dense = file.DenseWidths.Tail
        }

        let paddings =
            either _.Padding
            |> Option.map List.singleton
            |> Option.defaultValue [ ConvPadding.Same; ConvPadding.Valid ]

        let pools = either _.Pool |> Option.map List.singleton |> Option.defaultValue [ 1 .. min height width ]
        let left (s: CnnShape) = let h, w = Cnn.reducedOrNot s in h * w * List.last s.Filters
        let describe (s: CnnShape) = $"--padding {CnnHints.showPadding s.Padding} --pool {s.Pool}"
        let all = List.allPairs paddings pools |> List.map (fun (padding, pool) -> network padding pool)

        match all |> List.filter (fun s -> left s = inputs) with
        | [ one ] ->
            let assumed = [
                if (either _.Padding).IsNone || (either _.Pool).IsNone then
                    "padding and pooling fit the shapes"

                if pooling.IsNone && one.Pool > 1 then
                    "max pooling is assumed"
            ]

            one, String.concat ", " assumed
        | [] ->
            let tried =
                all |> List.truncate 6 |> List.map (fun s -> $"{describe s} leaves {left s}") |> String.concat ", "

            fail
                $"model: the first affine layer has {inputs} inputs, and the convolutions leave another number of images {channels}×{height}×{width}: {tried}; say --image, --padding and --pool as the network was trained, or take the data of this model (strides other than 1, and pooling after some of the convolutions only, are not read)"
        | several ->
            let fitting = several |> List.truncate 6 |> List.map describe |> String.concat ", or "

            fail $"model: {inputs} inputs of the first affine layer fit several networks: {fitting}; say which"
