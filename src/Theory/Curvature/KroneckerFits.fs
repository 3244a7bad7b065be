namespace Hesse.Theory

open Hesse

/// Kronecker factors that are fitted to the curvature itself, not to inputs and gradients apart: A ⊗ G for each product of the graph, as in
/// `Kfac`, whose blocks of other parameters they share. Places are summed before anything is squared, so weight sharing needs no choice.
[<RequireQualifiedAccess>]
module KroneckerFits =
    /// Unit matrices in the place of A and of G.
    let private units (kfac: Kfac) =
        let unit groups n = Tensor.broadcastTo [ groups; n; n ] (Tensor.eye n)

        kfac.Factors
        |> Array.map (fun f -> unit f.Product.Groups f.Product.Inputs, unit f.Product.Groups f.Product.Outputs)

    /// From metrics A and G of each product to Σ ∇G∇ᵀ and Σ ∇ᵀA∇ at a point.
    let private contract operation (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) =
        let pass = {
            ExamplePass.create operation options.Outputs options.JoinBiases risk point with
                Groups = [||]
        }

        let means =
            ExamplePass.mean operation pass (fun metrics parts -> [|
                for k in 0 .. Array.length metrics - 1 do
                    let left, right = ExamplePass.contractions metrics[k] parts k
                    yield left
                    yield right
            |])

        let scale = Examples.rowsPerMean risk

        fun (metrics: (Tensor * Tensor)[]) ->
            means point metrics
            |> Array.map (fun mean -> scale * mean)
            |> Array.chunkBySize 2
            |> Array.map (fun pair -> pair[0], pair[1])

    /// a / b for each group, zero where b is.
    let private over (b: Tensor) (a: Tensor) =
        let isZero = Tensor.equal b (Tensor.scalar 0.0)
        let quotient = Tensor.where isZero (Tensor.zeros b.Shape) (1.0 / (b + isZero))
        a * Tensor.reshape [ b.Size; 1; 1 ] quotient

    let private withFactors (kfac: Kfac) (factors: (Tensor * Tensor)[]) = {
        kfac with
            Factors = Array.map2 (fun f (a, g) -> { f with A = a; G = g }) kfac.Factors factors
    }

    /// <summary>The covariance of a matrix-normal distribution with the second moments of the gradients' rows and columns: A = E ∇∇ᵀ, G = E ∇ᵀ∇ / tr A (TNT).</summary>
    /// <param name="options">What goes into the factors; `Sharing` has no effect.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ.</param>
    /// <returns>Factors whose product has the partial traces of the curvature's own blocks.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `Kfac.factors`.</exception>
    /// <remarks>Ren and Goldfarb 2021, "Tensor normal training for deep learning models", equation 5. Two passes over the data.</remarks>
    let tensorNormal (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) : Kfac =
        let kfac = Kfac.factors options risk point

        units kfac
        |> contract "KroneckerFits.tensorNormal" options risk point
        |> Array.map (fun (a, g) -> a, over (Tensor.einsum "dii->d" [ a ]) g)
        |> withFactors kfac

    /// <summary>The factors that are nearest to the curvature's own blocks in the Frobenius norm, by alternating least squares (KFOC).</summary>
    /// <param name="sweeps">How often both factors are improved, at least 1; each sweep is two passes over the data.</param>
    /// <param name="options">What goes into the factors it starts from, which are those of `Kfac`.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ.</param>
    /// <returns>A and G; the error does not grow from sweep to sweep, and converges to that of the leading singular pair of the rearranged block.</returns>
    /// <exception cref="T:Hesse.HesseException">The number of sweeps is below 1; else as for `Kfac.factors`.</exception>
    /// <remarks>Van Loan and Pitsianis 1993; Schnaus, Lee, Triebel 2021, "Kronecker-factored optimal curvature": A = E ∇G∇ᵀ/‖G‖², G = E ∇ᵀA∇/‖A‖².</remarks>
    let nearest (sweeps: int) (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) : Kfac =
        if sweeps < 1 then
            raise (HesseException $"KroneckerFits.nearest: {sweeps} sweeps; wanted at least 1")

        let kfac = Kfac.factors options risk point
        let contract = contract "KroneckerFits.nearest" options risk point
        let squared (t: Tensor) = Tensor.einsum "dij,dij->d" [ t; t ]

        let improve (factors: (Tensor * Tensor)[]) _ =
            let lefts = Array.map2 (fun (_, g) (left, _) -> over (squared g) left, g) factors (contract factors)
            Array.map2 (fun (a, _) (_, right) -> a, over (squared a) right) lefts (contract lefts)

        Seq.fold improve (kfac.Factors |> Array.map (fun f -> f.A, f.G)) (seq { 1..sweeps })
        |> withFactors kfac
