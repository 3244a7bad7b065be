namespace Hesse

open System

/// What to check, and how strictly.
type GradientCheckOptions = {
    /// Highest order of derivative, at least 1.
    Order: int
    /// Largest relative error |found − expected| / max(1, |expected|, |found|), with the largest elements of each leaf.
    Tolerance: float
    /// Step of the finite differences. The function must be smooth within this distance of x.
    Step: float
    /// Directions and cotangents come from this seed: the same seed, the same check.
    Seed: int
}

/// The errors that a check found; element k − 1 belongs to order k.
type GradientCheckReport = {
    /// Worst relative error of forward mode against finite differences.
    Forward: float[]
    /// Worst relative error of reverse mode against forward mode.
    Reverse: float[]
}

/// Derivatives of a function against finite differences and against each other, to any order.
[<RequireQualifiedAccess>]
module CheckGradients =
    /// Order 2, tolerance 10⁻⁶, step 1/64, seed 0.
    let defaults = { Order = 2; Tolerance = 1e-6; Step = 1.0 / 64.0; Seed = 0 }

    /// Central differences with steps h, h/2, h/4, extrapolated twice (Richardson 1911): error O(h⁶) besides rounding.
    let private difference (h: float) (g: Tensor[] -> Tensor[]) (x: Tensor[]) (v: Tensor[]) : Tensor[] =
        let central h =
            let at s = g (Array.map2 (fun (x: Tensor) (v: Tensor) -> x + s * h * v) x v)
            Array.map2 (fun (p: Tensor) (m: Tensor) -> (p - m) / (2.0 * h)) (at 1.0) (at -1.0)

        let extrapolate weight =
            Array.map2 (fun (coarse: Tensor) (fine: Tensor) -> fine + (fine - coarse) / (weight - 1.0))

        let d1, d2, d4 = central h, central (h / 2.0), central (h / 4.0)
        extrapolate 16.0 (extrapolate 4.0 d1 d2) (extrapolate 4.0 d2 d4)

    let private largest (values: float[]) = values |> Array.fold (fun m x -> max m (abs x)) 0.0

    /// The worst relative error of corresponding elements, with the two elements.
    let private worst (expected: float[]) (found: float[]) =
        let scale = max 1.0 (max (largest expected) (largest found))

        Array.zip expected found
        |> Array.map (fun (e, f) -> (if e = f then 0.0 else abs (e - f) / scale), e, f)
        |> Array.fold
            (fun (a, _, _ as best) (b, _, _ as next) -> if b > a || Double.IsNaN b then next else best)
            (0.0, 0.0, 0.0)

    let private elements (tensors: Tensor[]) = tensors |> Array.collect (fun t -> t.toArray ())

    let private inner (a: Tensor[]) (b: Tensor[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 (elements a) (elements b)

    let private judge (options: GradientCheckOptions) order mode leaf against (error, expected: float, found: float) =
        if not (error <= options.Tolerance) then
            Shape.fail
                $"checkGradients: order {order}, {mode} mode, tensor {leaf} of the argument: expected {expected:G10} ({against}), found {found:G10}; relative error {error:G3} is above the tolerance {options.Tolerance:G3}. The derivative is wrong, or the function is not smooth within {options.Step:G3} of x"

        error

    /// <summary>Checks the derivatives of a function at a point, and says how well they agree.</summary>
    /// <param name="options">Order, tolerance, step and seed; `{ CheckGradients.defaults with Order = 3 }`.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where; a concrete tree.</param>
    /// <returns>The worst relative errors, by order and mode.</returns>
    /// <exception cref="T:Hesse.HesseException">A derivative disagrees; the message names order, mode, tensor, and both numbers. Also when an option is out of range.</exception>
    /// <remarks>For every tensor of x a random direction v: jvp against Richardson's extrapolation of central differences, and
    /// ⟨w, J v⟩ against ⟨Jᵀ w, v⟩ for a random w. Order k + 1 checks the jvp and the vjp of order k in the same way, so that every
    /// order of nesting both modes occurs: 2ᵏ⁻¹ functions at order k.</remarks>
    let checkWith (options: GradientCheckOptions) (f: 'X -> 'Y) (x: 'X) : GradientCheckReport =
        if options.Order < 1 || not (options.Step > 0.0) || not (options.Tolerance > 0.0) then
            Shape.fail
                $"checkGradients: order {options.Order}, step {options.Step}, tolerance {options.Tolerance}; want an order of at least 1, and step and tolerance above 0"

        let leaves, _, rebuild = Tree.flatten x

        if leaves |> Array.exists (fun t -> not t.IsConcrete) then
            Shape.fail
                "checkGradients: the argument has no value yet; check outside of grad, vmap and other transformations"

        let forward, reverse = Array.zeroCreate options.Order, Array.zeroCreate options.Order

        let random key (like: Tensor[]) =
            Array.map2
                (fun key (t: Tensor) -> Random.uniform key t.Shape * 2.0 - 1.0)
                (Random.split like.Length key)
                like

        /// Directions that move one tensor only.
        let alone (v: Tensor[]) leaf = v |> Array.mapi (fun i t -> if i = leaf then t else Tensor.zeros t.Shape)

        let rec check order key (g: Tensor[] -> Tensor[]) =
            let run = Diff.compile g
            let keys = Random.split 4 key
            let y = run leaves

            if Seq.append leaves y |> Seq.exists (fun t -> t.DType = DType.Float32) then
                Shape.fail
                    "checkGradients: the function takes or gives float32 tensors, whose rounding hides a derivative from finite differences; check it in float64, with Tensor.toFloat64 of its arguments"

            let v, w = random keys[0] leaves, random keys[1] y
            let _, transposed = Diff.vjp g leaves
            let pulled = transposed w

            for leaf in 0 .. leaves.Length - 1 do
                let direction = alone v leaf
                let _, dy = Diff.jvp g leaves direction
                let byDifference = difference options.Step run leaves direction

                let error =
                    worst (elements byDifference) (elements dy)
                    |> judge options order "forward" leaf "finite differences"

                forward[order - 1] <- max forward[order - 1] error
                let expected, found = inner w dy, inner [| pulled[leaf] |] [| v[leaf] |]
                let error = worst [| expected |] [| found |] |> judge options order "reverse" leaf "forward mode"
                reverse[order - 1] <- max reverse[order - 1] error

            if order < options.Order then
                check (order + 1) keys[2] (fun xs -> snd (Diff.jvp g xs v))
                check (order + 1) keys[3] (fun xs -> (snd (Diff.vjp g xs)) w)

        check 1 (Random.key options.Seed) (rebuild >> f >> Tree.leaves)
        { Forward = forward; Reverse = reverse }

    /// <summary>Checks the derivatives of a function at a point up to an order, with the default tolerance, step and seed.</summary>
    /// <param name="order">Highest order, at least 1.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where; a concrete tree.</param>
    /// <returns>The worst relative errors, by order and mode.</returns>
    /// <exception cref="T:Hesse.HesseException">A derivative disagrees; the message names order, mode, tensor, and both numbers.</exception>
    /// <example><code>CheckGradients.check 3 Tensor.tanh (Tensor.scalar 0.5)</code></example>
    let check (order: int) (f: 'X -> 'Y) (x: 'X) : GradientCheckReport = checkWith { defaults with Order = order } f x
