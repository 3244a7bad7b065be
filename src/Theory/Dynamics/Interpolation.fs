namespace Hesse.Theory

open System.Threading
open Hesse
open Hesse.Kernels

/// Where a search for an interpolating minimum ended.
type Interpolant = {
    /// θ, length M.
    Parameters: Tensor
    /// ‖f(θ) − t‖; at rounding level when the outputs are those wanted.
    Residual: float
    /// Steps that were tried.
    Steps: int
}

/// Parameters at which a model gives exactly the outputs that are wanted.
[<RequireQualifiedAccess>]
module Interpolation =
    /// <summary>Levenberg–Marquardt steps in output space, θ ← θ − Jᵀ(JJᵀ + μI)⁻¹ r, until ‖r‖ is at most 10⁻¹³ or 200 steps are done
    /// (Levenberg 1944; Marquardt 1963). The damping μ falls by 5 after a step that lowers ‖r‖, and rises by 4 after one that does not, which is taken back.</summary>
    /// <param name="cancellation">Ends the search before a step.</param>
    /// <param name="outputs">f, from parameters of length M to outputs.</param>
    /// <param name="targets">t, of the shape of the outputs.</param>
    /// <param name="start">θ before the first step, length M.</param>
    /// <returns>The parameters, and how far their outputs are off.</returns>
    /// <exception cref="T:Hesse.HesseException">Outputs and targets differ in shape.</exception>
    /// <exception cref="T:System.OperationCanceledException">The search was cancelled.</exception>
    /// <remarks>A step costs a Jacobian and a linear system of the order of the outputs.</remarks>
    let find
        (cancellation: CancellationToken)
        (outputs: Tensor -> Tensor)
        (targets: Tensor)
        (start: Tensor)
        : Interpolant =
        let rows = targets.Size
        let model = Diff.compile outputs
        let first = model start

        if first.Shape <> targets.Shape then
            Vectors.fail
                $"Interpolation.find: outputs of shape {Files.show first.Shape} for targets of shape {Files.show targets.Shape}; wanted one shape"

        let jacobian = Diff.compile (Diff.jacobian (outputs >> Tensor.reshape [ rows ]))
        let residuals (theta: Tensor) : float[] = (model theta - targets: Tensor).toArray()

        let rec go (theta: Tensor) (r: float[]) damping steps =
            cancellation.ThrowIfCancellationRequested()

            if Vectors.norm r <= 1e-13 || steps = 200 then
                { Parameters = theta; Residual = Vectors.norm r; Steps = steps }
            else
                let j: Tensor = jacobian theta
                let gram: Tensor = Tensor.matmul j (Tensor.transpose j) + damping * Tensor.eye rows
                let next = theta - Tensor.matmul (Tensor.ofArray (LinearAlgebra.Solve(gram.toArray (), rows, r, 1))) j
                let s = residuals next

                if Vectors.norm s < Vectors.norm r then
                    go next s (damping / 5.0) (steps + 1)
                else
                    go theta r (damping * 4.0) (steps + 1)

        go start (residuals start) 0.01 0
