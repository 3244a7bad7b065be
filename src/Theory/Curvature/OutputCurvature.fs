namespace Hesse.Theory

open Hesse

/// What stands for the curvature of the loss at the outputs of one example, in Σᵢ Jᵢᵀ Bᵢ Jᵢ.
[<RequireQualifiedAccess>]
type OutputCurvature =
    /// Bᵢ = ∇²ℓ, of any loss that can be differentiated twice: the generalised Gauss–Newton matrix; for the negative log-likelihood of an
    /// exponential family in its natural parameters the Fisher information (type II in Kunstner, Balles, Hennig 2019). Costs C backward passes.
    | Exact
    /// Bᵢ is the mean of vvᵀ over draws v with E[vvᵀ] = ∇²ℓ: unbiased, for one backward pass a draw. The loss must be convex in the outputs.
    | MonteCarlo of draws: int * key: Key
    /// Bᵢ = ∇ℓ ∇ℓᵀ: the second moment of the gradients, the "empirical Fisher". One backward pass.
    | Empirical

/// Vectors v and weights w for each example, such that Bᵢ = Σ w v vᵀ.
[<RequireQualifiedAccess>]
module internal OutputCurvature =
    let check (operation: string) (kind: OutputCurvature) =
        match kind with
        | OutputCurvature.MonteCarlo(draws, _) when draws < 1 ->
            raise (HesseException $"{operation}: {draws} Monte-Carlo draws for each example; wanted at least 1")
        | _ -> ()

    /// For outputs f, shape [C]: the vectors [m; C], their weights [m], and how far ∇²ℓ is from being positive semi-definite: its lowest
    /// eigenvalue, relative to the largest in size, where that matters.
    let vectors
        (kind: OutputCurvature)
        (loss: Tensor -> Tensor -> Tensor)
        (number: Tensor)
        (f: Tensor)
        (t: Tensor)
        : Tensor * Tensor * Tensor =
        match kind with
        | OutputCurvature.Empirical ->
            let slope = Diff.grad (fun f -> loss f t) f
            Tensor.reshape [ 1; slope.Size ] slope, Tensor.ones [ 1 ], Tensor.scalar 0.0
        | OutputCurvature.Exact ->
            let values, columns = Linalg.eigh (Diff.hessian (fun f -> loss f t) f)
            Tensor.transpose columns, values, Tensor.scalar 0.0
        | OutputCurvature.MonteCarlo(draws, key) ->
            let values, columns = Linalg.eigh (Diff.hessian (fun f -> loss f t) f)
            let root = columns * Tensor.sqrt (Tensor.relu values)
            let drawn = Random.rademacher (Random.foldIn number key) [ draws; f.Size ]
            let signs = if f.DType = DType.Float32 then Tensor.toFloat32 drawn else drawn
            let largest = Tensor.max (Tensor.abs values)
            let lowest = Tensor.min values / (largest + Tensor.equal largest (Tensor.scalar 0.0))
            Tensor.matmul signs (Tensor.transpose root), Tensor.full [ draws ] (1.0 / float draws), lowest

    /// Raises the error about a loss that is not convex where that is needed.
    let checkConvex (operation: string) (lowest: Tensor) =
        if lowest.item () < -1e-9 then
            raise (
                HesseException
                    $"{operation}: the loss is not convex in the outputs: ∇²ℓ has an eigenvalue of {lowest.item ():G3} times its largest, so it is no mean of vvᵀ; take OutputCurvature.Exact"
            )
