namespace Hesse

open Hesse.Kernels
open Hesse.Graph

/// The discrete Fourier transform of the last axis, with real and imaginary parts as the axis before it.
module internal Fourier =
    let private isInverse attr =
        match attr with
        | Inverse inverse -> inverse
        | _ -> false

    let rec fourierP: Primitive = {
        Name = "fourier"
        Doc = "X[k] = Σ x[j] e^(∓2πi jk/n) of pairs [..., 2, n], with the sign + for the inverse; no factor in either."
        Shape =
            fun _ s ->
                let r = s[0].Length

                if r < 2 || s[0][r - 2] <> 2 then
                    Shape.fail $"fourier: expected pairs [..., 2, n], got shape {Shape.show s[0]}"

                s[0]
        Derivative = Derivative.Linear(fun _ -> true)
        // Re⟨w, F z⟩ = Re⟨Fᴴ w, z⟩, and Fᴴ is F with the other sign.
        Transpose = Some(fun attr _ ct _ -> bind fourierP (Inverse(not (isInverse attr))) [| ct |])
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify = fun _ args -> if args[0].Uniform = ValueSome 0.0 then Some args[0] else None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let r = s[0].Length
                let outer = s[0][.. r - 3] |> Array.fold (*) 1
                [ FourierStep(outer, s[0][r - 1], isInverse attr, slots[0], out) ])
    }

    /// Without a factor.
    let transform (inverse: bool) (pairs: Node) = bind fourierP (Inverse inverse) [| pairs |]

    /// The primitives of this file, in order.
    let primitives = [ fourierP ]
