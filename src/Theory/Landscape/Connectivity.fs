namespace Hesse.Theory

open Hesse
open MathNet.Numerics.Integration

/// The loss along a path between two points.
type PathProfile = {
    /// Places on the path, from 0 to 1, ascending; each segment has the same share.
    Places: float[]
    /// The loss at each place.
    Losses: float[]
} with

    /// max L − max(L at the start, L at the end): how far the path rises above its ends; not negative.
    member p.Rise = Array.max p.Losses - max p.Losses[0] (Array.last p.Losses)

    /// The largest L(s) − (1 − s) L(0) − s L(1), the barrier of linear mode connectivity (Entezari, Sedghi, Saukh, Neyshabur 2022, equation 1); not negative.
    member p.Barrier =
        let first, last = p.Losses[0], Array.last p.Losses

        Array.map2 (fun s l -> l - (1.0 - s) * first - s * last) p.Places p.Losses |> Array.max

/// Paths between solutions: straight, in pieces, and what curvature says of their barriers.
[<RequireQualifiedAccess>]
module Connectivity =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// <summary>The point (1 − s) a + s b.</summary>
    /// <param name="a">A tree.</param>
    /// <param name="b">A tree of the same structure.</param>
    /// <param name="s">A scalar.</param>
    /// <returns>A tree like them.</returns>
    let between (a: 'P) (b: 'P) (s: Tensor) : 'P =
        Tree.map2 (fun (x: Tensor) y -> x + Optimizer.inPrecisionOf x s * (y - x)) a b

    /// <summary>The loss along a piecewise linear path.</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="perSegment">Intervals that each segment is cut into, at least 1.</param>
    /// <param name="points">The corners, at least two.</param>
    /// <returns>The profile at all corners and the places between.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two corners, or no interval.</exception>
    /// <remarks>perSegment · (corners − 1) + 1 evaluations, with one plan.</remarks>
    let along (loss: 'P -> Tensor) (perSegment: int) (points: 'P list) : PathProfile =
        if points.Length < 2 || perSegment < 1 then
            fail
                $"Connectivity.along: {points.Length} points and {perSegment} intervals a segment, wanted at least 2 points and 1 interval"

        let at = Diff.compile (fun (a: 'P, b: 'P, s: Tensor) -> loss (between a b s))
        let segments = List.pairwise points |> Array.ofList
        let count = segments.Length * perSegment

        let value i =
            let segment = min (i / perSegment) (segments.Length - 1)
            let a, b = segments[segment]
            (at (a, b, Tensor.scalar (float (i - segment * perSegment) / float perSegment))).item()

        {
            Places = Array.init (count + 1) (fun i -> float i / float count)
            Losses = Array.init (count + 1) value
        }

    /// <summary>The loss on the straight line between two points.</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="intervals">Intervals of the line, at least 1.</param>
    /// <param name="a">One end.</param>
    /// <param name="b">The other end.</param>
    /// <returns>The profile; its Barrier is that of linear mode connectivity.</returns>
    /// <exception cref="T:Hesse.HesseException">No interval.</exception>
    let linear (loss: 'P -> Tensor) (intervals: int) (a: 'P) (b: 'P) : PathProfile = along loss intervals [ a; b ]

    /// <summary>The barrier at a place of the line from the curvature along it:
    /// L(s) − (1 − s) L(0) − s L(1) = −∫₀¹ min(s, r) (1 − max(s, r)) δᵀH(w_r)δ dr with δ = b − a (Green's function of the second derivative).</summary>
    /// <param name="loss">A scalar function of a tree of parameters, twice differentiable along the line.</param>
    /// <param name="nodes">Gauss–Legendre nodes on either side of s.</param>
    /// <param name="a">One end.</param>
    /// <param name="b">The other end.</param>
    /// <param name="s">The place, between 0 and 1.</param>
    /// <returns>The difference; positive only where the loss has negative curvature along the line.</returns>
    /// <exception cref="T:Hesse.HesseException">No nodes, or a place outside 0 to 1.</exception>
    /// <remarks>2 · nodes second derivatives in one direction, each a jet. The curvature view of barriers: Singh et al. 2024.</remarks>
    let barrierFromCurvature (loss: 'P -> Tensor) (nodes: int) (a: 'P) (b: 'P) (s: float) : float =
        if nodes < 1 || not (s >= 0.0 && s <= 1.0) then
            fail $"Connectivity.barrierFromCurvature: {nodes} nodes and place {s}, wanted at least 1 node and 0 to 1"

        let curvature = Diff.compile (fun (r: Tensor) -> Diff.derivative 2 (fun t -> loss (between a b t)) r)

        let integral low high =
            if high <= low then
                0.0
            else
                let rule = GaussLegendreRule(low, high, nodes)

                Array.map2
                    (fun r weight -> weight * min s r * (1.0 - max s r) * (curvature (Tensor.scalar r)).item())
                    rule.Abscissas
                    rule.Weights
                |> Array.sum

        -(integral 0.0 s + integral s 1.0)
