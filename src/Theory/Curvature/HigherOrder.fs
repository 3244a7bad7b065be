namespace Hesse.Theory

open Hesse

/// Exact derivatives of a loss over a data set along given directions, of any order: Dᵏ⁺ʲL[u₁, …, u_k, ·, …] with j = 0, 1, 2 free slots.
/// Directions are raveled parameters of any length; no tensor of derivatives is formed.
[<RequireQualifiedAccess>]
module HigherOrder =
    let private stack (operation: string) (point: 'P) (along: float[] list) : Tensor =
        let m = Curvature.sizeOf point

        match along |> List.tryFindIndex (fun u -> u.Length <> m) with
        | Some at ->
            raise (
                HesseException
                    $"HigherOrder.{operation}: direction {at} has {along[at].Length} entries, the parameters have {m} elements; ravel it like the parameters"
            )
        | None -> Tensor.create [ along.Length; m ] (Array.concat along)

    /// DᵏL[u₁, …, u_k] of a chunk, for the rows u of a matrix.
    let private contracted (risk: EmpiricalRisk<'P>) (chunk: DataChunk) (along: Tensor) (point: 'P) : Tensor =
        let rows = [
            for i in 0 .. along.Shape[0] - 1 ->
                Curvature.directions point (Tensor.reshape [ along.Shape[1] ] (Tensor.slice 0 i (i + 1) 1 along))
        ]

        match rows with
        | [] -> risk.LossOf chunk point
        | rows -> Diff.directional (risk.LossOf chunk) point rows

    /// <summary>DᵏL[u₁, …, u_k], for example D⁴L[u, u, v, v].</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="along">u₁, …, u_k, each of length M; the order does not matter.</param>
    /// <returns>The number.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction has another length than the parameters.</exception>
    let value (risk: EmpiricalRisk<'P>) (point: 'P) (along: float[] list) : float =
        let along = stack "value" point along
        let plan = risk.Plan "higher derivative" (fun p u chunk _ -> contracted risk chunk u p)
        (risk.Sum 1 risk.Weight (fun chunk -> plan.One point along chunk EmpiricalRisk.nothing))[0]

    /// <summary>Dᵏ⁺¹L[u₁, …, u_k, ·], for example D³L[u, v, ·]: the gradient of uᵀ∇²L v with u and v held.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="along">u₁, …, u_k, each of length M; the order does not matter.</param>
    /// <returns>Length M.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction has another length than the parameters.</exception>
    let gradient (risk: EmpiricalRisk<'P>) (point: 'P) (along: float[] list) : float[] =
        let m = Curvature.sizeOf point
        let along = stack "gradient" point along

        let plan =
            risk.Plan "gradient of a higher derivative" (fun p u chunk _ ->
                Curvature.raveled (Diff.grad (contracted risk chunk u) p))

        risk.Sum m risk.Weight (fun chunk -> plan.One point along chunk EmpiricalRisk.nothing)

    /// <summary>Dᵏ⁺²L[u₁, …, u_k, ·, ·], for example D³L[u, ·, ·]: how the Hessian changes along u.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="along">u₁, …, u_k, each of length M; none gives the Hessian.</param>
    /// <returns>A symmetric operator of size M.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction has another length than the parameters.</exception>
    let hessian (risk: EmpiricalRisk<'P>) (point: 'P) (along: float[] list) : LinearOperator =
        let stacked = stack "hessian" point along

        (Curvature.symmetric "Hessian of a higher derivative" risk point risk.Weight stacked (fun p v chunk u ->
            Curvature.raveled (Diff.hvp (contracted risk chunk u) p (Curvature.directions p v))))
            .Named
            $"D^{along.Length + 2} of the loss"

    /// <summary>The gradient of uᵀG(θ)u, where G is the Gauss–Newton operator and u is held.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="along">u, length M.</param>
    /// <returns>Length M.</returns>
    /// <exception cref="T:Hesse.HesseException">The direction has another length than the parameters.</exception>
    let gaussNewtonGradient (risk: EmpiricalRisk<'P>) (point: 'P) (along: float[]) : float[] =
        let m = Curvature.sizeOf point
        let u = stack "gaussNewtonGradient" point [ along ] |> Tensor.flatten

        let plan =
            risk.Plan "gradient of a Gauss-Newton form" (fun p u chunk _ ->
                let u = Curvature.directions p u

                Curvature.raveled (
                    Diff.grad
                        (fun p ->
                            let outputs, tangent = Diff.jvp (fun p -> risk.Model p chunk.Inputs) p u
                            let curved = Diff.hvp (fun f -> risk.Loss f chunk.Targets) outputs tangent
                            Tensor.sum (tangent * curved))
                        p
                ))

        risk.Sum m risk.Weight (fun chunk -> plan.One point u chunk EmpiricalRisk.nothing)
