namespace Hesse.Theory

open Hesse

/// In which norm the neighbourhood is measured that a sharpness-aware gradient looks at.
[<RequireQualifiedAccess>]
type Perturbation =
    /// ε = ρ g/‖g‖: SAM (Foret, Kleiner, Mobahi, Neyshabur 2021, equation 2).
    | Normalised
    /// ε = ρ g: USAM (Andriushchenko and Flammarion 2022).
    | Unnormalised
    /// ε = ρ T²g/‖Tg‖ with T = |w| + offset, element by element: ASAM (Kwon, Kim, Park, Choi 2021, equation 8); a rescaling of the
    /// parameters rescales it in the same way when the offset is 0.
    | Adaptive of offset: float

/// A gradient that is taken where the loss nearby is highest, to first order.
type SharpnessAwareOptions = {
    /// ρ, the size of the neighbourhood; not negative.
    Radius: float
    /// Its norm.
    Perturbation: Perturbation
    /// m of m-SAM: the batch is cut into parts of m samples, each with a perturbation of its own, and the gradients are
    /// averaged (Foret et al. 2021, section 3). None: one perturbation for the batch.
    MicroBatch: int option
} with

    /// <summary>SAM with one perturbation for the batch.</summary>
    /// <param name="radius">ρ.</param>
    static member Sam(radius: float) = { Radius = radius; Perturbation = Perturbation.Normalised; MicroBatch = None }

/// Sharpness-aware minimisation: the gradient ∇L(w + ε(w)) in place of ∇L(w). ε is not differentiated.
[<RequireQualifiedAccess>]
module SharpnessAware =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// Euclidean norm of a tree, as a scalar; 1 in place of 0, so that a zero gradient has a zero perturbation.
    let private norm (g: 'P) =
        let squared = Tree.leaves g |> Array.map (fun t -> Tensor.sum (t * t)) |> Array.reduce (+)
        let isZero = Tensor.equal squared (Tensor.scalar 0.0)
        Tensor.sqrt (squared + isZero)

    /// <summary>The perturbation of the parameters.</summary>
    /// <param name="options">Radius and norm.</param>
    /// <param name="gradient">∇L(w).</param>
    /// <param name="w">The parameters.</param>
    /// <returns>ε, a tree like the parameters; zero where the gradient is.</returns>
    /// <exception cref="T:Hesse.HesseException">The radius is negative or NaN.</exception>
    let perturbation (options: SharpnessAwareOptions) (gradient: 'P) (w: 'P) : 'P =
        if not (options.Radius >= 0.0) then
            fail $"SharpnessAware: the radius is {options.Radius}, wanted a number that is not negative, such as 0.05"

        match options.Perturbation with
        | Perturbation.Unnormalised -> Tree.map (fun g -> options.Radius * g) gradient
        | Perturbation.Normalised ->
            let size = norm gradient
            Tree.map (fun g -> options.Radius * g / size) gradient
        | Perturbation.Adaptive offset ->
            let scales = Tree.map (fun x -> Tensor.abs x + offset) w
            let scaled = Tree.map2 (*) scales gradient
            let size = norm scaled
            Tree.map2 (fun s g -> options.Radius * s * g / size) scales scaled

    /// <summary>The loss and the sharpness-aware gradient of one batch.</summary>
    /// <param name="options">Radius and norm; MicroBatch is not looked at here.</param>
    /// <param name="loss">A scalar function of the parameters.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>L(w) and ∇L(w + ε).</returns>
    /// <exception cref="T:Hesse.HesseException">The radius is negative.</exception>
    /// <remarks>Two gradients.</remarks>
    let valueAndGrad (options: SharpnessAwareOptions) (loss: 'P -> Tensor) (w: 'P) : Tensor * 'P =
        let value, gradient = Diff.valueAndGrad loss w
        value, Diff.grad loss (Tree.map2 (+) w (perturbation options gradient w))

    /// <summary>The loss and the sharpness-aware gradient of a batch, in parts of MicroBatch samples (m-SAM).</summary>
    /// <param name="options">Radius, norm and size of the parts.</param>
    /// <param name="loss">From a batch and parameters to a scalar that is an average over the samples.</param>
    /// <param name="batch">A tree whose tensors have a first axis of B samples; B is a multiple of the size of the parts.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>L(w) and the mean of the gradients of the parts.</returns>
    /// <exception cref="T:Hesse.HesseException">The parts do not fit the batch, or the radius is negative.</exception>
    /// <remarks>All parts run as one batch.</remarks>
    let batchValueAndGrad
        (options: SharpnessAwareOptions)
        (loss: 'B -> 'P -> Tensor)
        (batch: 'B)
        (w: 'P)
        : Tensor * 'P =
        match options.MicroBatch with
        | None -> valueAndGrad options (loss batch) w
        | Some size ->
            let samples = (Array.head (Tree.leaves batch)).Shape[0]

            if size < 1 || samples % size <> 0 then
                fail
                    $"SharpnessAware: parts of {size} samples do not divide a batch of {samples}; choose a divisor of {samples}"

            let cut (t: Tensor) = Tensor.reshape (Array.append [| samples / size; size |] t.Shape[1..]) t

            let values, gradients = Diff.vmap (fun part -> valueAndGrad options (loss part) w) (Tree.map cut batch)

            Tensor.mean values, Tree.map (Tensor.meanAxis 0) gradients
