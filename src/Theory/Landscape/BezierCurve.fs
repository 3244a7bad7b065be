namespace Hesse.Theory

open System.Threading
open Hesse

/// A quadratic curve (1 − t)² a + 2t(1 − t) c + t² b between two points.
type BezierCurve<'P> = {
    /// a, at t = 0.
    Start: 'P
    /// c, which the curve bends towards.
    Bend: 'P
    /// b, at t = 1.
    End: 'P
}

/// Curved paths of low loss between solutions (Garipov, Izmailov, Podoprikhin, Vetrov, Wilson 2018, "Loss surfaces, mode connectivity, and fast
/// ensembling of DNNs").
[<RequireQualifiedAccess>]
module BezierCurve =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// <summary>A point of a curve.</summary>
    /// <param name="curve">The curve.</param>
    /// <param name="t">From 0 to 1, a scalar.</param>
    /// <returns>A tree like the ends.</returns>
    let at (curve: BezierCurve<'P>) (t: Tensor) : 'P =
        Connectivity.between
            (Connectivity.between curve.Start curve.Bend t)
            (Connectivity.between curve.Bend curve.End t)
            t

    /// <summary>Bends a curve between two fixed ends so that the mean loss along it falls.</summary>
    /// <param name="options">Optimizer, rates and batches.</param>
    /// <param name="loss">From a batch and parameters to a scalar, an average over the samples.</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="nodes">Points t = (k + ½)/nodes at which the loss is averaged, at least 1.</param>
    /// <param name="curve">The ends, and the bend to begin with: for a straight line their mean, moved a little where symmetry would hold it.</param>
    /// <returns>The curve with the bend that was found.</returns>
    /// <exception cref="T:Hesse.HesseException">No nodes; or as for <c>Training.run</c>.</exception>
    /// <remarks>A step is `nodes` values and gradients, as one batch. The points are fixed instead of drawn, so that the run is descent on one function.</remarks>
    let fit
        (options: TrainingOptions)
        (loss: 'B -> 'P -> Tensor)
        (data: 'B)
        (steps: int)
        (nodes: int)
        (curve: BezierCurve<'P>)
        : BezierCurve<'P> =
        if nodes < 1 then
            fail $"BezierCurve.fit: {nodes} points on the curve, wanted at least 1"

        let places = Tensor.ofArray (Array.init nodes (fun k -> (float k + 0.5) / float nodes))

        let along batch bend = Tensor.mean (Diff.vmap (fun t -> loss batch (at { curve with Bend = bend } t)) places)

        let final =
            Training.run options along data steps ignore CancellationToken.None (Training.start options curve.Bend)

        { curve with Bend = final.Parameters }

    /// <summary>The loss along a curve.</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="intervals">At least 1.</param>
    /// <param name="curve">The curve.</param>
    /// <returns>The profile at t = 0, 1/intervals, …, 1.</returns>
    /// <exception cref="T:Hesse.HesseException">No interval.</exception>
    let profile (loss: 'P -> Tensor) (intervals: int) (curve: BezierCurve<'P>) : PathProfile =
        if intervals < 1 then
            fail $"BezierCurve.profile: {intervals} intervals, wanted at least 1"

        let value = Diff.compile (fun (t: Tensor) -> loss (at curve t))
        let places = Array.init (intervals + 1) (fun i -> float i / float intervals)

        {
            Places = places
            Losses = places |> Array.map (fun t -> (value (Tensor.scalar t)).item())
        }
