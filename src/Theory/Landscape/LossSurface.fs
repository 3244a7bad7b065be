namespace Hesse.Theory

open Hesse

/// The loss on lines and planes through the space of parameters.
[<RequireQualifiedAccess>]
module LossSurface =
    /// <summary>The loss along a line: L(w + t d).</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="direction">d, a tree like them; see <c>Directions</c> for eigenvectors and filter normalisation.</param>
    /// <param name="steps">The values of t.</param>
    /// <returns>One loss for each t.</returns>
    /// <remarks>One evaluation for each t, with one plan.</remarks>
    let along (loss: 'P -> Tensor) (w: 'P) (direction: 'P) (steps: float[]) : float[] =
        let at =
            Diff.compile (fun (t: Tensor) ->
                loss (Tree.map2 (fun x d -> x + Optimizer.inPrecisionOf x t * d) w direction))

        steps |> Array.map (fun t -> (at (Tensor.scalar t)).item())

    /// <summary>The loss on a plane: L(w + a d + b e).</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="first">d, a tree like them.</param>
    /// <param name="second">e, a tree like them.</param>
    /// <param name="firstSteps">The values of a.</param>
    /// <param name="secondSteps">The values of b.</param>
    /// <returns>Losses with the values of a in rows and those of b in columns.</returns>
    /// <remarks>One evaluation for each point, with one plan.</remarks>
    let plane
        (loss: 'P -> Tensor)
        (w: 'P)
        (first: 'P)
        (second: 'P)
        (firstSteps: float[])
        (secondSteps: float[])
        : float[,] =
        let at =
            Diff.compile (fun (a: Tensor, b: Tensor) ->
                let shift (s: Tensor) = Tree.map2 (fun x d -> x + Optimizer.inPrecisionOf x s * d)
                loss (shift b (shift a w first) second))

        Array2D.init firstSteps.Length secondSteps.Length (fun i j ->
            (at (Tensor.scalar firstSteps[i], Tensor.scalar secondSteps[j])).item())

    /// <summary>The loss along a line to second order, for comparison with <c>along</c>: L + t ∇L·d + ½ t² dᵀHd.</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="direction">d, a tree like them.</param>
    /// <returns>L, ∇L·d and dᵀHd.</returns>
    let quadraticAlong (loss: 'P -> Tensor) (w: 'P) (direction: 'P) : float * float * float =
        let derivatives = Diff.jet 2 loss w direction
        derivatives[0].item(), derivatives[1].item(), derivatives[2].item()
