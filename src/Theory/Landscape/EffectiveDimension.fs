namespace Hesse.Theory

open Hesse

/// How many directions the data determines.
[<RequireQualifiedAccess>]
module EffectiveDimension =
    /// <summary>The effective number of parameters Σ λᵢ/(λᵢ + α) (MacKay 1992, "Bayesian interpolation", equation 4.9; Maddox, Benton, Wilson 2020).</summary>
    /// <param name="precision">α, positive: the curvature of the prior in the units of the eigenvalues.</param>
    /// <param name="eigenvalues">Of the Hessian or Gauss–Newton matrix; negative ones count as zero, as they hold no information at a minimum.</param>
    /// <returns>From 0 to the number of eigenvalues.</returns>
    /// <exception cref="T:Hesse.HesseException">The precision is not positive.</exception>
    let ofEigenvalues (precision: float) (eigenvalues: float[]) : float =
        if not (precision > 0.0) then
            raise (
                HesseException
                    $"EffectiveDimension.ofEigenvalues: a prior precision of {precision}, wanted a positive number; it says which curvatures count as determined"
            )

        eigenvalues |> Array.sumBy (fun l -> max 0.0 l / (max 0.0 l + precision))

    /// <summary>The effective number of parameters of a symmetric operator of moderate size, from its dense matrix.</summary>
    /// <param name="precision">α, positive.</param>
    /// <param name="operator">Of size M.</param>
    /// <returns>From 0 to M.</returns>
    /// <exception cref="T:Hesse.HesseException">The precision is not positive.</exception>
    /// <remarks>M products and an eigenvalue problem of order M.</remarks>
    let ofOperator (precision: float) (operator: LinearOperator) : float =
        LinearOperator.toDense 64 operator |> Spectrum.eigenvalues operator.Size |> ofEigenvalues precision
