namespace Hesse.Theory

open Hesse

/// The exact split of a Hessian, H = G + R; each part is computed on its own.
type HessianSplit = {
    /// Number of parameters M.
    Size: int
    /// H = ∇²_θ ℓ(f(θ)), row-major [M; M].
    Hessian: float[]
    /// G = Jᵀ (∇²ℓ) J: the covariance of the gradients of the outputs, weighted by the loss; row-major [M; M].
    GaussNewton: float[]
    /// R = Σ (∂ℓ/∂f) ∇²f: the part that vanishes with the residuals; row-major [M; M].
    Functional: float[]
}

/// The Gauss–Newton decomposition (Schraudolph 2002; Sagun, Evci, Güney, Dauphin, Bottou 2017, equation 3).
[<RequireQualifiedAccess>]
module GaussNewton =
    /// <summary>Computes H, G and R at a point as dense matrices, from three different derivatives.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="model">f, from a tree of parameters to the outputs.</param>
    /// <param name="loss">ℓ, from the outputs to a scalar.</param>
    /// <param name="point">θ.</param>
    /// <returns>The three matrices; H − G − R is zero up to rounding.</returns>
    let split (batch: int) (model: 'P -> Tensor) (loss: Tensor -> Tensor) (point: 'P) : HessianSplit =
        // ∂ℓ/∂f is held at θ: the Hessian of the linear functional θ ↦ ⟨∂ℓ/∂f, f(θ)⟩ is R.
        let slope = Diff.grad loss (model point)
        let dense = LinearOperator.toDense batch
        let hessian = LinearOperator.hessian (fun p -> loss (model p)) point

        {
            Size = hessian.Size
            Hessian = dense hessian
            GaussNewton = dense (LinearOperator.gaussNewton model loss point)
            Functional = dense (LinearOperator.hessian (fun p -> Tensor.sum (slope * model p)) point)
        }

    /// <summary>Largest entry of |H − G − R|, relative to the largest entry of |H|.</summary>
    /// <param name="split">The three matrices.</param>
    /// <returns>A number of the order of rounding errors.</returns>
    let defect (split: HessianSplit) : float =
        let largest = split.Hessian |> Array.fold (fun m x -> max m (abs x)) 0.0

        let error =
            Array.map3 (fun h g r -> abs (h - g - r)) split.Hessian split.GaussNewton split.Functional
            |> Array.max

        error / largest

    /// <summary>‖R‖_F / ‖G‖_F.</summary>
    /// <param name="split">The three matrices.</param>
    /// <returns>The size of the functional part relative to the Gauss–Newton part.</returns>
    let functionalRatio (split: HessianSplit) : float =
        let norm (a: float[]) = sqrt (Array.sumBy (fun x -> x * x) a)
        norm split.Functional / norm split.GaussNewton
