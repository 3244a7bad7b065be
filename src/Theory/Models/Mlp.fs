namespace Hesse.Theory

open Hesse

/// One affine layer: x ↦ x · Weight + Bias.
type AffineLayer = {
    /// Shape [inputs; outputs].
    Weight: Tensor
    /// Shape [outputs].
    Bias: Tensor
}

/// Fully connected networks with a linear last layer. Parameters are a list of layers, first layer first: a tree.
[<RequireQualifiedAccess>]
module Mlp =
    let private check (widths: int list) =
        if widths.Length < 2 || List.exists (fun w -> w < 1) widths then
            let shown = System.String.Join("; ", widths)

            raise (
                HesseException
                    $"Mlp: widths [{shown}]: wanted at least an input and an output width, all positive, such as [16; 32; 10]"
            )

    /// <summary>Number of parameters of a network: Σ (widthₗ + 1) widthₗ₊₁.</summary>
    /// <param name="widths">Input, hidden and output widths.</param>
    /// <returns>M, the length of the raveled parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two widths, or one that is not positive.</exception>
    let parameterCount (widths: int list) : int =
        check widths
        widths |> List.pairwise |> List.sumBy (fun (inputs, outputs) -> (inputs + 1) * outputs)

    /// <summary>Random parameters: weights N(0, gain²/inputs) (LeCun et al. 1998 for gain 1), biases zero.</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="gain">Scale of the weights: 1 for tanh, √2 for ReLU.</param>
    /// <param name="widths">Input, hidden and output widths, e.g. [16; 32; 10].</param>
    /// <returns>One layer for each pair of neighbouring widths.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two widths, or one that is not positive.</exception>
    let init (key: Key) (gain: float) (widths: int list) : AffineLayer list =
        check widths
        let layers = List.pairwise widths

        List.zip layers (List.ofArray (Random.split layers.Length key))
        |> List.map (fun ((inputs, outputs), layerKey) -> {
            Weight = Random.normal layerKey [ inputs; outputs ] * (gain / sqrt (float inputs))
            Bias = Tensor.zeros [ outputs ]
        })

    /// <summary>The outputs of the network.</summary>
    /// <param name="activation">Applied after every layer but the last, e.g. <c>tanh</c>.</param>
    /// <param name="layers">Parameters from <c>init</c>.</param>
    /// <param name="inputs">Shape [n; d].</param>
    /// <returns>Shape [n; k], with k the last width.</returns>
    let apply (activation: Tensor -> Tensor) (layers: AffineLayer list) (inputs: Tensor) : Tensor =
        let last = layers.Length - 1

        layers
        |> List.indexed
        |> List.fold
            (fun x (i, layer) ->
                let z = Tensor.matmul x layer.Weight + layer.Bias
                if i = last then z else activation z)
            inputs
