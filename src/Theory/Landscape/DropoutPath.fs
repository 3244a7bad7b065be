namespace Hesse.Theory

open Hesse

/// Dropout stability, and the path that it gives between two networks of one shape (Kuditipudi, Wang, Lee, Zhang, Li, Hu, Ge 2019, theorem 1; for
/// two layers and wide networks Shevchenko and Mondelli 2020). Networks are those of <c>Mlp</c>.
[<RequireQualifiedAccess>]
module DropoutPath =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// A network as matrices [from; to] and biases, on the host.
    type private Layer = { W: float[,]; B: float[] }

    let private ofLayer (l: AffineLayer) = { W = l.Weight.toArray2D (); B = l.Bias.toArray () }

    /// In the precision of a given network.
    let private toLayers (like: AffineLayer list) (net: Layer[]) : AffineLayer list =
        List.map2
            (fun (given: AffineLayer) l -> {
                Weight = Optimizer.inPrecisionOf given.Weight (Tensor.ofArray2D l.W)
                Bias = Optimizer.inPrecisionOf given.Bias (Tensor.ofArray l.B)
            })
            like
            (List.ofArray net)

    let private widths (layers: AffineLayer list) = layers |> List.map (fun l -> l.Weight.Shape[1])

    /// Rows of a layer's matrix that come from dropped units become zero, the others are scaled.
    let private dropRows (keep: int) (l: Layer) =
        let n = Array2D.length1 l.W
        let scale = float n / float keep

        {
            l with
                W = l.W |> Array2D.mapi (fun i _ x -> if i < keep then scale * x else 0.0)
        }

    /// <summary>The network without part of its hidden units: the first `keep` units of every hidden layer from a given one on stay and their outgoing weights are
    /// multiplied by width/keep.</summary>
    /// <param name="keep">From the width of a hidden layer to the number of units that stay, at least 1.</param>
    /// <param name="first">The first hidden layer that loses units, from 0.</param>
    /// <param name="layers">The network.</param>
    /// <returns>A network of the same shape; the dropped units have outgoing weights zero.</returns>
    /// <exception cref="T:Hesse.HesseException">A number of units is below 1 or above the width.</exception>
    let dropout (keep: int -> int) (first: int) (layers: AffineLayer list) : AffineLayer list =
        let net = layers |> List.map ofLayer |> Array.ofList

        net
        |> Array.mapi (fun l layer ->
            if l - 1 < first then
                layer
            else
                let n = Array2D.length1 layer.W
                let kept = keep n

                if kept < 1 || kept > n then
                    fail $"DropoutPath.dropout: {kept} of {n} hidden units are to stay, wanted 1 to {n}"

                dropRows kept layer)
        |> toLayers layers

    /// Half of the units, rounded down: what stays, so that as many are free.
    let private half n = n / 2

    /// A layer with the weights into its free units (columns and biases from half on) as a function of the kept ones gives them.
    let private intoFree (entry: int -> int -> float) (bias: int -> float) (l: Layer) =
        let columns = Array2D.length2 l.W
        let h = half columns

        {
            W =
                l.W
                |> Array2D.mapi (fun i j x ->
                    if j < h then x
                    elif j < 2 * h then entry i (j - h)
                    else 0.0)
            B =
                l.B
                |> Array.mapi (fun j x ->
                    if j < h then x
                    elif j < 2 * h then bias (j - h)
                    else 0.0)
        }

    /// The kept part of `source` written into the free units of hidden layers from `first` on; above `first`, free units hear free units alone.
    let private copyToFree (first: int) (source: Layer[]) (net: Layer[]) =
        net
        |> Array.mapi (fun l layer ->
            if l < first || l = net.Length - 1 then
                layer
            else
                let rows = Array2D.length1 layer.W
                let h = half rows

                let entry i j =
                    if l = first then source[l].W[i, j]
                    elif i >= h && i < 2 * h then source[l].W[i - h, j]
                    else 0.0

                intoFree entry (fun j -> source[l].B[j]) layer)

    /// The kept units of hidden layers from `first` on as in `source`.
    let private copyToKept (first: int) (source: Layer[]) (net: Layer[]) =
        net
        |> Array.mapi (fun l layer ->
            if l < first || l = net.Length - 1 then
                layer
            else
                let h = half (Array2D.length2 layer.W)

                {
                    W = layer.W |> Array2D.mapi (fun i j x -> if j < h then source[l].W[i, j] else x)
                    B = layer.B |> Array.mapi (fun j x -> if j < h then source[l].B[j] else x)
                })

    /// The network with another last layer.
    let private withLast (last: Layer) (net: Layer[]) = Array.append net[.. net.Length - 2] [| last |]

    /// The last layer of a dropped-out network, moved from the kept to the free units.
    let private toFree (last: Layer) =
        let h = half (Array2D.length1 last.W)

        {
            last with
                W = last.W |> Array2D.mapi (fun i j _ -> if i >= h && i < 2 * h then last.W[i - h, j] else 0.0)
        }

    /// From a network, through networks without half of the units of the last hidden layer, of the last two, …, to one without half of all
    /// hidden units. The loss rises only where the last layer moves, between two networks of this list.
    let private descend (layers: AffineLayer list) : Layer[] list =
        let dropped first = dropout half first layers |> List.map ofLayer |> Array.ofList
        let top = layers.Length - 2

        [
            List.map ofLayer layers |> Array.ofList
            dropped top

            for k in top - 1 .. -1 .. 0 do
                let current, target = dropped (k + 1), dropped k
                let last = Array.last current
                // A copy that does without half of layer k is made in the free units, takes over the output, and is copied back.
                let copied = copyToFree (k + 1) target current
                copied
                withLast (toFree last) copied
                let rebuilt = copyToKept (k + 1) target copied
                withLast (toFree last) rebuilt
                withLast last rebuilt
                target
        ]

    /// <summary>The path between two networks that changes the loss only as much as losing half of the hidden units does.</summary>
    /// <param name="a">A network, from <c>Mlp</c>.</param>
    /// <param name="b">A network of the same shape with at least two units in every hidden layer, at least one of them.</param>
    /// <returns>The corners of a piecewise linear path from a to b. Where the loss is convex in the outputs, it is nowhere on the path larger than at the
    /// worst of a, b and their versions without half of the units of the last 1, 2, … hidden layers (<c>dropout</c> with ⌊width/2⌋).</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, there is no hidden layer, or one has a single unit.</exception>
    let path (a: AffineLayer list) (b: AffineLayer list) : AffineLayer list list =
        let shapes layers = layers |> List.map (fun l -> l.Weight.Shape)

        if
            shapes a <> shapes b
            || a.Length < 2
            || List.exists (fun n -> n < 2) (widths a |> List.truncate (a.Length - 1))
        then
            let show layers = widths layers |> Files.show

            fail
                $"DropoutPath.path: networks with layers of {show a} and {show b} units, wanted the same shape, with at least one hidden layer, all of two units or more"

        let down, up = descend a, descend b
        let current, target = List.last down, List.last up
        let last, targetLast = Array.last current, Array.last target
        let placed = copyToFree 0 target current
        let taken = withLast (toFree targetLast) placed
        let rebuilt = copyToKept 0 target taken

        let crossing = [ withLast last placed; taken; rebuilt; withLast targetLast rebuilt ]

        down @ crossing @ List.rev up |> List.map (toLayers a)
