namespace Hesse.Theory

open Hesse

/// How the directions of a random subspace are made.
[<RequireQualifiedAccess>]
type SubspaceKind =
    /// Orthonormal columns, uniform among all subspaces: memory for M · d numbers, O(M d²) to make.
    | Orthonormal
    /// Independent N(0, 1/M) numbers, so that columns have length near 1: memory for M · d numbers.
    | Gaussian
    /// Fastfood: products with Hadamard matrices in place of a stored one (Le, Sarlós, Smola 2013; Li et al. 2018, section S7): memory O(M + d), time O(M log d).
    | Fastfood

/// An affine subspace of the parameters: θ = θ₀ + P ϑ.
type Subspace<'P> = {
    /// d, the length of ϑ.
    Dimension: int
    /// From ϑ, shape [d], to parameters; linear up to θ₀, made of tensor operations.
    Expand: Tensor -> 'P
}

/// The search for an intrinsic dimension.
type IntrinsicDimensionSearch = {
    /// The smallest dimension found at which the goal is reached; None where it is not reached at the largest.
    Dimension: int option
    /// Every dimension that was tried, with its performance, in the order of trial.
    Trials: (int * float) list
}

/// Training in random subspaces (Li, Farkhoor, Liu, Yosinski 2018, "Measuring the intrinsic dimension of objective landscapes").
[<RequireQualifiedAccess>]
module IntrinsicDimension =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// The Walsh–Hadamard transform of rows [b; 2ᵏ], without a factor.
    let private hadamard (t: Tensor) =
        let b, n = t.Shape[0], t.Shape[1]

        let rec go half (t: Tensor) =
            if half >= n then
                t
            else
                let pairs = Tensor.reshape [ b; n / (2 * half); 2; half ] t
                let even, odd = Tensor.slice 2 0 1 1 pairs, Tensor.slice 2 1 2 1 pairs
                go (2 * half) (Tensor.reshape [ b; n ] (Tensor.concat 2 [ even + odd; even - odd ]))

        go 1 t

    /// ϑ ↦ the first M numbers of stacked blocks H G Π H B ϑ, scaled so that E ‖P ϑ‖² = ‖ϑ‖².
    let private fastfood (key: Key) (m: int) (d: int) =
        let rec power n = if n >= d then n else power (2 * n)
        let n = power 1
        let blocks = (m + n - 1) / n
        let keys = Random.split 3 key
        let signs = Random.rademacher keys[0] [ blocks; n ]
        let gaussian = Random.normal keys[1] [ blocks; n ]

        let order =
            Tensor.stack 0 [ for i in 0 .. blocks - 1 -> Random.permutationTensor (Random.fold i keys[2]) n ]

        // ‖H G Π H B ϑ‖² of a block is n · Σ G² (HBϑ)², with mean n · n ‖ϑ‖²; M of the blocks · n numbers are kept.
        let scale = 1.0 / (float n * sqrt (float m / float n))

        fun (theta: Tensor) ->
            let padded = Tensor.concat 0 [ theta; Optimizer.inPrecisionOf theta (Tensor.zeros [ n - d ]) ]
            let like t = Optimizer.inPrecisionOf theta t
            let mixed = hadamard (like signs * Tensor.reshape [ 1; n ] padded)
            let spread = hadamard (like gaussian * Tensor.takeAlong 1 order mixed)
            scale * Tensor.slice 0 0 m 1 (Tensor.flatten spread)

    /// <summary>A random subspace through a point.</summary>
    /// <param name="kind">How its directions are made.</param>
    /// <param name="key">The stream.</param>
    /// <param name="dimension">d, from 1 to the number of parameters.</param>
    /// <param name="origin">θ₀, such as freshly initialised parameters.</param>
    /// <returns>The subspace; ϑ = 0 is the origin.</returns>
    /// <exception cref="T:Hesse.HesseException">The dimension is out of range.</exception>
    let subspace (kind: SubspaceKind) (key: Key) (dimension: int) (origin: 'P) : Subspace<'P> =
        let theta0, unravel = Tree.ravel origin
        let m = theta0.Size

        if dimension < 1 || dimension > m then
            fail $"IntrinsicDimension.subspace: {dimension} dimensions for {m} parameters, wanted 1 to {m}"

        let project =
            match kind with
            | SubspaceKind.Orthonormal ->
                let p = Optimizer.inPrecisionOf theta0 (Random.orthogonal key m dimension)
                Tensor.matmul p
            | SubspaceKind.Gaussian ->
                let p = Optimizer.inPrecisionOf theta0 (Random.normal key [ m; dimension ] / sqrt (float m))
                Tensor.matmul p
            | SubspaceKind.Fastfood -> fastfood key m dimension

        {
            Dimension = dimension
            Expand = fun theta -> unravel (theta0 + project theta)
        }

    /// <summary>Trains inside a subspace.</summary>
    /// <param name="options">Optimizer, rates and batches.</param>
    /// <param name="loss">From a batch and parameters to a scalar, an average over the samples.</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="subspace">From <c>subspace</c>; training begins at its origin.</param>
    /// <returns>The parameters after the last step.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>Training.run</c>.</exception>
    let fit
        (options: TrainingOptions)
        (loss: 'B -> 'P -> Tensor)
        (data: 'B)
        (steps: int)
        (subspace: Subspace<'P>)
        : 'P =
        let start = Tensor.zeros [ subspace.Dimension ]

        let precise =
            Tree.leaves (subspace.Expand start)
            |> Array.tryHead
            |> Option.map (fun t -> Optimizer.inPrecisionOf t start)
            |> Option.defaultValue start

        Training.fit options (fun batch theta -> loss batch (subspace.Expand theta)) data steps precise
        |> subspace.Expand

    /// <summary>The smallest dimension that reaches a goal, by bisection.</summary>
    /// <param name="goal">The performance to reach, e.g. 0.9 times that of full training (d_int90).</param>
    /// <param name="largest">The largest dimension that is tried.</param>
    /// <param name="performance">From a dimension to a performance, larger is better; take the mean over several keys if it is noisy.</param>
    /// <returns>The dimension and all trials. Bisection takes performance to grow with the dimension, which it does up to noise.</returns>
    /// <exception cref="T:Hesse.HesseException">The largest dimension is below 1.</exception>
    let search (goal: float) (largest: int) (performance: int -> float) : IntrinsicDimensionSearch =
        if largest < 1 then
            fail $"IntrinsicDimension.search: at most {largest} dimensions, wanted at least 1"

        let trials = ResizeArray<int * float>()

        let reaches d =
            let value = performance d
            trials.Add(d, value)
            value >= goal

        /// Not reached at `low`, reached at `high`.
        let rec bisect low high =
            if high - low <= 1 then
                high
            else
                let middle = low + (high - low) / 2
                if reaches middle then bisect low middle else bisect middle high

        let found = if reaches largest then Some(bisect 0 largest) else None

        { Dimension = found; Trials = List.ofSeq trials }

    /// <summary>What is left of a sum of squares after the best step in a random subspace, on average: for s residuals that are
    /// linear in the parameters with orthogonal gradients of one length, E L_min(d)/L(θ₀) = max(0, 1 − d/s).</summary>
    /// <param name="constraints">s.</param>
    /// <param name="dimension">d.</param>
    /// <returns>Mean and standard deviation: the ratio has the law Beta((s − d)/2, d/2), because it is the squared distance of a
    /// random unit vector in R^s from a subspace of dimension d. Both are zero from d = s on: the intrinsic dimension is s.</returns>
    let quadraticLaw (constraints: int) (dimension: int) : float * float =
        let s, d = float constraints, float dimension

        if dimension >= constraints then
            0.0, 0.0
        else
            1.0 - d / s, sqrt ((1.0 - d / s) * (d / s) * 2.0 / (s + 2.0))

    /// <summary>The smallest dimension at which a score reaches a target, d_int90 when the target is 90 % of the score of full training.</summary>
    /// <param name="target">What counts as solved.</param>
    /// <param name="dimensions">Dimensions that were tried, ascending.</param>
    /// <param name="scores">The score that training reached at each.</param>
    /// <returns>The first crossing, linear in log d between the two dimensions around it; None when no score reaches the target.</returns>
    /// <exception cref="T:Hesse.HesseException">No dimensions, not ascending, or not one score each.</exception>
    let firstReached (target: float) (dimensions: int[]) (scores: float[]) : float option =
        if
            dimensions.Length = 0
            || dimensions.Length <> scores.Length
            || Array.pairwise dimensions |> Array.exists (fun (a, b) -> a >= b)
        then
            fail
                $"IntrinsicDimension.firstReached: {dimensions.Length} dimensions and {scores.Length} scores, wanted ascending dimensions with one score each; sort them"

        match scores |> Array.tryFindIndex (fun score -> score >= target) with
        | None -> None
        | Some 0 -> Some(float dimensions[0])
        | Some i ->
            let share = (target - scores[i - 1]) / (scores[i] - scores[i - 1])
            let low, high = log (float dimensions[i - 1]), log (float dimensions[i])
            Some(exp (low + share * (high - low)))
