namespace Hesse.Theory

open Hesse

/// Parameters of a two-layer network in the mean-field scaling.
type MeanFieldWeights = {
    /// w_j in rows, shape [N; d].
    Incoming: Tensor
    /// a_j in rows, shape [N; k].
    Outgoing: Tensor
}

/// Two-layer networks whose output is an average over neurons, f(x) = (1/N) Σ_j a_j σ(w_jᵀx) (Mei, Montanari and Nguyen 2018). A neuron moves at a rate
/// that does not depend on N where the step is N times as long: <c>rate</c>.
[<RequireQualifiedAccess>]
module MeanField =
    /// <summary>Neurons drawn independently: w_j ~ N(0, I/d), entries of a_j uniform in [−bound, bound].</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="bound">Of the outgoing weights.</param>
    /// <param name="width">N.</param>
    /// <param name="inputs">d.</param>
    /// <param name="outputs">k.</param>
    /// <returns>The parameters.</returns>
    let init (key: Key) (bound: float) (width: int) (inputs: int) (outputs: int) : MeanFieldWeights = {
        Incoming = Random.normal (Random.fold 0 key) [ width; inputs ] / sqrt (float inputs)
        Outgoing = bound * (2.0 * Random.uniform (Random.fold 1 key) [ width; outputs ] - 1.0)
    }

    /// <summary>The learning rate that gives neurons the speed of a step in mean-field time.</summary>
    /// <param name="step">α: k steps take the time αk.</param>
    /// <param name="w">The network, of width N.</param>
    /// <returns>αN.</returns>
    let rate (step: float) (w: MeanFieldWeights) : float = step * float w.Outgoing.Shape[0]

    let private hidden (activation: Tensor -> Tensor) (w: MeanFieldWeights) (x: Tensor) =
        activation (Tensor.matmul x (Tensor.transpose w.Incoming))

    /// <summary>Outputs of the network.</summary>
    /// <param name="activation">σ.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <returns>Shape [n; k].</returns>
    let apply (activation: Tensor -> Tensor) (w: MeanFieldWeights) (x: Tensor) : Tensor =
        Tensor.matmul (hidden activation w x) w.Outgoing / float w.Outgoing.Shape[0]

    /// <summary>The same function as layers of <c>Mlp</c>, with the factor 1/N in the last one.</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>Two layers with biases zero.</returns>
    let toLayers (w: MeanFieldWeights) : AffineLayer list =
        let n, k = w.Outgoing.Shape[0], w.Outgoing.Shape[1]

        [
            { Weight = Tensor.transpose w.Incoming; Bias = Tensor.zeros [ n ] }
            { Weight = w.Outgoing / float n; Bias = Tensor.zeros [ k ] }
        ]

    /// <summary>Random sets of neurons.</summary>
    /// <param name="key">The same key gives the same sets.</param>
    /// <param name="count">R, how many.</param>
    /// <param name="kept">M, neurons of each set.</param>
    /// <param name="width">N.</param>
    /// <returns>1 for the neurons of a set and 0 for the others, shape [R; N]; all sets of M are equally likely.</returns>
    /// <exception cref="T:Hesse.HesseException">M is below 1 or above N.</exception>
    let subsets (key: Key) (count: int) (kept: int) (width: int) : Tensor =
        if kept < 1 || kept > width then
            raise (
                HesseException
                    $"MeanField.subsets: {kept} of {width} neurons are to stay, wanted 1 to {width}; choose fewer"
            )

        let masks = Array.zeroCreate (count * width)

        for r in 0 .. count - 1 do
            for j in Array.truncate kept (Random.permutation (Random.fold r key) width) do
                masks[r * width + j] <- 1.0

        Tensor.create [ count; width ] masks

    /// <summary>Outputs of networks that keep some of the neurons: (1/M) Σ_{j ∈ S} a_j σ(w_jᵀx).</summary>
    /// <param name="activation">σ.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="sets">Shape [R; N], from <c>subsets</c>.</param>
    /// <returns>Shape [R; n; k].</returns>
    let applySubsets (activation: Tensor -> Tensor) (w: MeanFieldWeights) (x: Tensor) (sets: Tensor) : Tensor =
        let units, n = hidden activation w x, w.Outgoing.Shape[0]

        sets
        |> Diff.vmap (fun (kept: Tensor) ->
            Tensor.matmul units (Tensor.reshape [ n; 1 ] kept * w.Outgoing) / Tensor.sum kept)

    /// <summary>What keeping M random neurons adds to the mean squared error, averaged over all sets of M:
    /// (N − M)/(M (N − 1)) · E_x Σ_k Var_j(a_jk σ(w_jᵀx)), the variance of a mean without replacement (Cochran 1977, theorem 2.2).</summary>
    /// <param name="activation">σ.</param>
    /// <param name="w">The parameters, N ≥ 2.</param>
    /// <param name="x">Inputs, shape [n; d], over which the error is averaged.</param>
    /// <param name="kept">M.</param>
    /// <returns>The rise of (1/n) Σᵢ ‖f(xᵢ) − yᵢ‖², whatever the targets.</returns>
    let dropoutCost (activation: Tensor -> Tensor) (w: MeanFieldWeights) (x: Tensor) (kept: int) : float =
        let units, n = hidden activation w x, float w.Outgoing.Shape[0]
        let mean = apply activation w x
        let squares = Tensor.matmul (units * units) (w.Outgoing * w.Outgoing) / n
        let variance = (Tensor.sum (squares - mean * mean)).item() / float x.Shape[0]
        let m = float kept
        variance * (n - m) / (m * (n - 1.0))
