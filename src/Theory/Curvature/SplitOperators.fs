namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// The exact split of the Hessian of a loss over a data set, H = G + R, as operators; each part is computed on its own.
type SplitOperators = {
    /// H = ∇²L.
    Hessian: LinearOperator
    /// G = Σ Jᵀ ∇²ℓ J.
    GaussNewton: LinearOperator
    /// R = Σ (∂ℓ/∂f) ∇²f.
    Functional: LinearOperator
}

/// The Gauss–Newton decomposition by products (Schraudolph 2002; Sagun, Evci, Güney, Dauphin, Bottou 2017, equation 3).
[<RequireQualifiedAccess>]
module SplitOperators =
    /// The length of Av − Σᵢ Bᵢv for a random v, relative to the sum of the lengths of all products.
    let internal defectOfSum (key: Key) (whole: LinearOperator) (parts: LinearOperator list) : float =
        let v = (Random.normal key [ whole.Columns ]).toArray()
        let norm (a: float[]) = TensorPrimitives.Norm(ReadOnlySpan<float> a)
        let products = parts |> List.map (fun part -> part.Apply v)
        let total = whole.Apply v
        let difference = norm (Products.subtract total (List.reduce Products.add products))
        let scale = norm total + List.sumBy norm products
        if scale = 0.0 then 0.0 else difference / scale

    /// <summary>The relative error of H = G + R on a random vector.</summary>
    /// <param name="key">The same key gives the same vector.</param>
    /// <param name="split">The three operators.</param>
    /// <returns>|Hv − Gv − Rv| / (|Hv| + |Gv| + |Rv|); a number of the order of rounding errors.</returns>
    let defect (key: Key) (split: SplitOperators) : float =
        defectOfSum key split.Hessian [ split.GaussNewton; split.Functional ]

    /// <summary>The three operators at a point; their identity is asserted on a random vector.</summary>
    /// <param name="tolerance">Largest <c>defect</c> allowed; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="key">The same key gives the same vector.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ.</param>
    /// <returns>H, G and R.</returns>
    /// <exception cref="T:Hesse.HesseException">The identity does not hold: the loss or the model is not deterministic, or has a custom
    /// derivative that is not its own.</exception>
    let ofRisk (tolerance: float) (key: Key) (risk: EmpiricalRisk<'P>) (point: 'P) : SplitOperators =
        let split = {
            Hessian = Curvature.hessian risk point
            GaussNewton = Curvature.gaussNewton risk point
            Functional = Curvature.functional risk point
        }

        let error = defect key split

        if not (error <= tolerance) then
            raise (
                HesseException
                    $"SplitOperators.ofRisk: H − G − R is {error:G3} of its parts on a random vector, allowed are {tolerance}; check that model and loss are deterministic (OperatorChecks.deterministicLoss) and that custom derivatives are right (CheckGradients)"
            )

        split
