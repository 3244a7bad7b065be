namespace Hesse.Theory

open Hesse

/// Gradient flow ẇ = −∇L(w) and other autonomous flows, by the classical Runge–Kutta method of order four. Points and
/// velocities are trees of tensors.
[<RequireQualifiedAccess>]
module GradientFlow =
    /// <summary>One Runge–Kutta step of a vector field.</summary>
    /// <param name="field">The velocity at a point; a tree of the structure of the point.</param>
    /// <param name="h">Step in time.</param>
    /// <param name="w">Where the step begins.</param>
    /// <returns>The point after time h; its error is O(h⁵), hence O(h⁴) over a fixed time.</returns>
    let step (field: 'P -> 'P) (h: float) (w: 'P) : 'P =
        let along (c: float) = Tree.map2 (fun x velocity -> x + c * velocity) w
        let k1 = field w
        let k2 = field (along (0.5 * h) k1)
        let k3 = field (along (0.5 * h) k2)
        let k4 = field (along h k3)
        let ends, middle = Tree.map2 (+) k1 k4, Tree.map2 (+) k2 k3
        along (h / 6.0) (Tree.map2 (fun e m -> e + 2.0 * m) ends middle)

    /// <summary>The velocity of gradient flow, −∇L.</summary>
    /// <param name="loss">A scalar function of the parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A tree of the structure of the parameters.</returns>
    let velocity (loss: 'P -> Tensor) (w: 'P) : 'P = Diff.grad loss w |> Tree.map (~-)

    /// <summary>Gradient flow from a starting point; the step is compiled once.</summary>
    /// <param name="loss">A scalar function of the parameters.</param>
    /// <param name="h">Step in time.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="observe">Called with the number of steps done (0 … steps) and the parameters.</param>
    /// <param name="w">Where the flow begins.</param>
    /// <returns>The parameters at time h · steps.</returns>
    /// <remarks>Four gradients a step. The error is O(h⁴): halve h to see what is left of it.</remarks>
    let run (loss: 'P -> Tensor) (h: float) (steps: int) (observe: int -> 'P -> unit) (w: 'P) : 'P =
        let advance = Diff.compile (step (velocity loss) h)
        let mutable current = w
        observe 0 current

        for k in 1..steps do
            current <- advance current
            observe k current

        current
