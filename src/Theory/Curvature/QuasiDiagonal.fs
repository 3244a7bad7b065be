namespace Hesse.Theory

open Hesse

/// A symmetric matrix in which a parameter sees itself and the bias of its unit, and nothing else.
type QuasiDiagonalCurvature = {
    /// Cᵢᵢ, length M.
    Diagonal: float[]
    /// For each parameter the place of the bias of its unit; −1 for biases, and for parameters of units without one.
    Biases: int[]
    /// Cᵢ_b of each parameter i and the bias b of its unit, length M; zero where there is none.
    Couplings: float[]
} with

    /// Dimension M.
    member c.Size = c.Diagonal.Length

/// Quasi-diagonal curvature (Ollivier 2015, "Riemannian metrics for neural networks I: feedforward networks"): per unit the diagonal, and the
/// coupling of every incoming weight with the bias. Products and inverses cost O(M). Units, and which bias belongs to which weight, are read off
/// the graph, whatever program wrote it; parameters that meet no product with a bias have their diagonal.
[<RequireQualifiedAccess>]
module QuasiDiagonal =
    /// Pivots below this share of what they are left over from are rounding.
    [<Literal>]
    let private Rounding = 1e-13

    /// <summary>The quasi-diagonal part of (1/n) Σ JᵢᵀBᵢJᵢ (Σ for a loss that adds up), exactly.</summary>
    /// <param name="kind">Which B stands between the Jacobians: of the Gauss–Newton matrix and Fisher information, or the empirical one.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>The entries of that matrix on the diagonal, and between weights and biases of the same unit.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>ExactBlocks.diagonal</c>.</exception>
    /// <remarks>The cost is that of the diagonal: one backward pass for each vector of the output curvature; for parameters at several places the gradients
    /// of a chunk are formed.</remarks>
    let curvature (kind: OutputCurvature) (risk: EmpiricalRisk<'P>) (point: 'P) : QuasiDiagonalCurvature =
        let operation = "QuasiDiagonal.curvature"
        let pass = ExamplePass.create operation kind true risk point
        let products = pass.Observed.Products
        let biased = [| 0 .. products.Length - 1 |] |> Array.filter (fun k -> products[k].HasBias)

        let means =
            ExamplePass.mean
                operation
                pass
                (fun () parts ->
                    Array.concat [
                        Array.init products.Length (ExamplePass.productSquares None parts)
                        Array.init pass.Groups.Length (ExamplePass.squares parts)
                        Array.map (ExamplePass.biasCouplings parts) biased
                    ])
                point
                ()
            |> Array.map (fun mean -> (Examples.rowsPerMean risk * mean).toArray())

        let size = Curvature.sizeOf point
        let diagonal, biases, couplings = Array.zeroCreate size, Array.create size -1, Array.zeroCreate size
        let place (positions: int[]) values = Array.iter2 (fun p v -> diagonal[p] <- v) positions values
        products |> Array.iteri (fun k p -> place p.Positions means[k])
        pass.Groups |> Array.iteri (fun k g -> place g.Positions means[products.Length + k])

        biased
        |> Array.iteri (fun at k ->
            let p, values = products[k], means[products.Length + pass.Groups.Length + at]

            for d in 0 .. p.Groups - 1 do
                for i in 0 .. p.Inputs - 2 do
                    for o in 0 .. p.Outputs - 1 do
                        let element input = (d * p.Inputs + input) * p.Outputs + o
                        let weight = p.Positions[element i]
                        biases[weight] <- p.Positions[element (p.Inputs - 1)]
                        couplings[weight] <- values[element i])

        { Diagonal = diagonal; Biases = biases; Couplings = couplings }

    /// <summary>The operator of the matrix.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>v ↦ C v, in O(M).</returns>
    let operator (curvature: QuasiDiagonalCurvature) : LinearOperator =
        let { Diagonal = d; Biases = biases; Couplings = c } = curvature

        LinearOperator.symmetric "quasi-diagonal" d.Length (fun v ->
            let result = Array.map2 (*) d v

            biases
            |> Array.iteri (fun i b ->
                if b >= 0 then
                    result[i] <- result[i] + c[i] * v[b]
                    result[b] <- result[b] + c[i] * v[i])

            result)

    /// <summary>The trace.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>tr C.</returns>
    let trace (curvature: QuasiDiagonalCurvature) : float = Array.sum curvature.Diagonal

    /// <summary>The Frobenius norm.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>‖C‖ = √(Σ Cᵢᵢ² + 2 Σ Cᵢ_b²).</returns>
    let frobeniusNorm (curvature: QuasiDiagonalCurvature) : float =
        let squares = Array.sumBy (fun x -> x * x)
        sqrt (squares curvature.Diagonal + 2.0 * squares curvature.Couplings)

    let private refuse operation damping what advice =
        raise (
            HesseException
                $"QuasiDiagonal.{operation}: with damping {damping:G6} the matrix is not positive definite: {what}; {advice}"
        )

    /// The damped diagonal; and what is left of it when the weights are eliminated, Cᵢᵢ for weights and C_bb − Σ Cᵢ_b²/Cᵢᵢ for biases.
    let private eliminated operation damping (c: QuasiDiagonalCurvature) =
        let d = c.Diagonal |> Array.map (fun x -> x + damping)
        let left = Array.copy d

        let fail i =
            refuse
                operation
                damping
                $"its pivot at parameter {i} is {left[i]:G3}"
                "give more damping, or take completedInverse, which keeps what is definite so"

        for i in 0 .. c.Size - 1 do
            let b = c.Biases[i]

            if b >= 0 then
                if not (d[i] > 0.0) then
                    fail i

                left[b] <- left[b] - c.Couplings[i] * c.Couplings[i] / d[i]

        left
        |> Array.iteri (fun i x ->
            if not (x > 0.0 && x > Rounding * d[i]) then
                fail i)

        d, left

    /// <summary>The operator of (C + δI)⁻¹, in closed form.</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>The inverse, in O(M) for a product: x_b = (v_b − Σ cᵢvᵢ/dᵢ) / (d_b − Σ cᵢ²/dᵢ) and xᵢ = (vᵢ − cᵢx_b)/dᵢ.</returns>
    /// <exception cref="T:Hesse.HesseException">C + δI is not positive definite, which may be so for δ > 0 too: entries between weights were left out of a
    /// positive semi-definite matrix.</exception>
    let inverse (damping: float) (curvature: QuasiDiagonalCurvature) : LinearOperator =
        let d, left = eliminated "inverse" damping curvature
        let c, biases = curvature.Couplings, curvature.Biases

        LinearOperator.symmetric "inverse of quasi-diagonal" curvature.Size (fun v ->
            let result = Array.copy v

            biases
            |> Array.iteri (fun i b ->
                if b >= 0 then
                    result[b] <- result[b] - c[i] / d[i] * v[i])

            biases
            |> Array.iteri (fun i b ->
                if b < 0 then
                    result[i] <- result[i] / left[i])

            biases
            |> Array.iteri (fun i b ->
                if b >= 0 then
                    result[i] <- (v[i] - c[i] * result[b]) / d[i])

            result)

    /// <summary>log det (C + δI).</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C.</param>
    /// <returns>The sum of the logarithms of the pivots.</returns>
    /// <exception cref="T:Hesse.HesseException">C + δI is not positive definite.</exception>
    let logDeterminant (damping: float) (curvature: QuasiDiagonalCurvature) : float =
        eliminated "logDeterminant" damping curvature |> snd |> Array.sumBy log

    /// <summary>Ollivier's inverse: that of the matrix with the damped diagonal and couplings of C, in which two weights i, j of a unit with bias b see each
    /// other by Cᵢ_b Cⱼ_b / C_bb, as much as the bias explains.</summary>
    /// <param name="damping">δ, added to the diagonal first.</param>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>The inverse, in O(M) for a product: xᵢ = (vᵢ − v_b cᵢ/d_b) / (dᵢ − cᵢ²/d_b) and x_b = (v_b − Σ cᵢxᵢ)/d_b. It is positive definite for every
    /// δ > 0 when C comes from a positive semi-definite matrix; steps with δ = 0 do not depend on the scale and origin of a unit's inputs.</returns>
    /// <exception cref="T:Hesse.HesseException">That matrix is not positive definite.</exception>
    /// <remarks>Ollivier 2015, section 2.3; Marceau-Caron and Ollivier 2016, "Practical Riemannian neural networks". Of all positive definite matrices with these
    /// entries it has the largest determinant.</remarks>
    let completedInverse (damping: float) (curvature: QuasiDiagonalCurvature) : LinearOperator =
        let c, biases = curvature.Couplings, curvature.Biases
        let d = curvature.Diagonal |> Array.map (fun x -> x + damping)

        // What the bias does not explain.
        let left = d |> Array.mapi (fun i x -> if biases[i] >= 0 then x - c[i] * c[i] / d[biases[i]] else x)

        left
        |> Array.iteri (fun i x ->
            if not (x > 0.0 && x > Rounding * d[i]) then
                refuse
                    "completedInverse"
                    damping
                    $"what is left of the diagonal at parameter {i} is {x:G3}"
                    "give more damping")

        LinearOperator.symmetric "inverse of completed quasi-diagonal" curvature.Size (fun v ->
            let result =
                v
                |> Array.mapi (fun i x ->
                    if biases[i] >= 0 then (x - v[biases[i]] * c[i] / d[biases[i]]) / left[i] else x)

            biases
            |> Array.iteri (fun i b ->
                if b >= 0 then
                    result[b] <- result[b] - c[i] * result[i])

            biases
            |> Array.iteri (fun i b ->
                if b < 0 then
                    result[i] <- result[i] / d[i])

            result)
