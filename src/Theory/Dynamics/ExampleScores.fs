namespace Hesse.Theory

open Hesse

/// How much a single training example matters, early in training.
/// Source: M. Paul, S. Ganguli and G. K. Dziugaite, "Deep learning on a data diet: finding important examples early in training" (2021).
[<RequireQualifiedAccess>]
module ExampleScores =
    /// <summary>Norm of the error of each example, ‖softmax(f(xᵢ)) − tᵢ‖₂; its mean over starts is the EL2N score (definition 2.3).</summary>
    /// <param name="logits">f, shape [n; k].</param>
    /// <param name="targets">t, shape [n; k]: one-hot, or rows of probabilities.</param>
    /// <returns>Shape [n]; for one-hot targets between 0, certain and right, and √2, certain and wrong.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ or are not matrices.</exception>
    let errorNorms (logits: Tensor) (targets: Tensor) : Tensor =
        if logits.Rank <> 2 || logits.Shape <> targets.Shape then
            raise (
                HesseException
                    $"ExampleScores.errorNorms: logits of shape %A{logits.Shape} and targets of shape %A{targets.Shape}, wanted the same shape [n; k]; give one row of targets for each row of logits"
            )

        Tensor.sqrt (Tensor.sumAxis 1 (Tensor.square (Tensor.softmax 1 logits - targets)))

    /// <summary>Norm of the gradient of each example, ‖∇_w ℓ(w; xᵢ, tᵢ)‖₂; its mean over starts is the GraNd score (definition 2.1).</summary>
    /// <param name="loss">The loss of one example from its input [d], its target and the parameters.</param>
    /// <param name="inputs">Shape [n; d].</param>
    /// <param name="targets">n targets along the first axis.</param>
    /// <param name="point">w, a tree.</param>
    /// <returns>Shape [n].</returns>
    /// <remarks>One batched gradient of n rows.</remarks>
    let gradientNorms (loss: Tensor -> Tensor -> 'P -> Tensor) (inputs: Tensor) (targets: Tensor) (point: 'P) : Tensor =
        let w, unravel = Tree.ravel point
        let gradient (x: Tensor, t: Tensor) = Diff.grad (fun v -> loss x t (unravel v)) w
        let squared (x: Tensor, t: Tensor) = Tensor.sum (Tensor.square (gradient (x, t)))
        Tensor.sqrt (Diff.vmap (squared >> Tensor.expandDims 0) (inputs, targets) |> Tensor.reshape [ inputs.Shape[0] ])

    /// <summary>What one example contributes to the change of another example's loss under gradient flow on the sum of losses:
    /// taking example j away changes dℓ(x)/dt by ∇ℓ(x)ᵀ∇ℓ_j, at most ‖∇ℓ(x)‖ ‖∇ℓ_j‖ (lemma 2.2).</summary>
    /// <param name="loss">The loss of one example from its input [d], its target and the parameters.</param>
    /// <param name="inputs">Inputs of the training examples, shape [n; d].</param>
    /// <param name="targets">n targets along the first axis.</param>
    /// <param name="probe">Input and target of the other example.</param>
    /// <param name="point">w, a tree.</param>
    /// <returns>∇ℓ(x)ᵀ∇ℓ_j for each training example j, shape [n], by one forward derivative along ∇ℓ(x).</returns>
    let influences
        (loss: Tensor -> Tensor -> 'P -> Tensor)
        (inputs: Tensor)
        (targets: Tensor)
        (probe: Tensor * Tensor)
        (point: 'P)
        : Tensor =
        let w, unravel = Tree.ravel point
        let direction = Diff.grad (fun v -> loss (fst probe) (snd probe) (unravel v)) w
        let each v = Diff.vmap (fun (x: Tensor, t: Tensor) -> loss x t (unravel v)) (inputs, targets)
        snd (Diff.jvp each w direction)
