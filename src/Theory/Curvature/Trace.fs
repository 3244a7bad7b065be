namespace Hesse.Theory

open Hesse

/// Trace of a symmetric operator from its products.
[<RequireQualifiedAccess>]
module Trace =
    /// <summary>Hutchinson's estimate of tr A: the mean of vᵀAv over random signs v.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of random vectors, at least two.</param>
    /// <returns>The estimate; unbiased, with variance 2 Σ_{i≠j} A_ij² / probes.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    /// <remarks>M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix, 1990.</remarks>
    let hutchinson (operator: LinearOperator) (key: Key) (probes: int) : Estimate =
        Random.split probes key
        |> Array.map (fun probeKey ->
            let v = (Random.rademacher probeKey [ operator.Size ]).toArray()
            Array.fold2 (fun sum a b -> sum + a * b) 0.0 v (operator.Apply v))
        |> Estimate.ofSamples
        |> Estimate.cost probes key
