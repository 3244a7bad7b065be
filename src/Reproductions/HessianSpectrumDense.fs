namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Dense spectra for <c>HessianSpectrum</c>: classes, widths, and the split H = G + R.
module internal HessianSpectrumDense =
    [<Literal>]
    let Paper = "hessian-bulk-outliers"

    // ---- Settings ----
    // The counting rule and its window were fixed first. Inputs, size, loss and momentum were chosen in a study with other
    // seeds, as a setting where the gap is clear; it is not clear everywhere. With features of unit variance, or with all
    // 64 pixels of few images, the same rule does not find k − 1; the details of the claims say so.

    /// Outliers are counted among the 20 largest eigenvalues: twice the largest number of classes.
    [<Literal>]
    let Window = 20

    /// Training ends at this cross-entropy (93–98 % of the images right). Much later the weights p(1 − p) of the
    /// images that are fitted vanish one class after the other, and with them the gap.
    [<Literal>]
    let TrainedLoss = 0.3

    /// Much later; only looked at, nothing is claimed of it.
    [<Literal>]
    let private LateLoss = 0.05

    [<Literal>]
    let PerClass = 40

    /// Hessian-vector products that run at once: intermediate values of a batch stay near 100 MB.
    [<Literal>]
    let Batch = 64

    let private digitCounts = [ 2; 4; 6; 8; 10 ]

    // ---- A network on a data set, seen as a function of one flat vector ----

    type Problem = {
        Inputs: Tensor
        Targets: Tensor
        /// θ before training, and the way back to layers.
        Start: Tensor
        Unravel: Tensor -> AffineLayer list
    } with

        member p.Outputs(theta: Tensor) = Mlp.apply Tensor.tanh (p.Unravel theta) p.Inputs
        member p.CrossEntropy(outputs: Tensor) = Losses.crossEntropy outputs p.Targets
        member p.Loss(theta: Tensor) = p.CrossEntropy(p.Outputs theta)
        member p.Size = p.Start.Shape[0]

    let problem (key: Key) (hidden: int) (outputs: int) (digits: Digits) =
        let theta, unravel = Tree.ravel (Mlp.init key 1.0 [ digits.Features; hidden; outputs ])

        {
            Inputs = Digits.inputs digits
            Targets = Digits.oneHot outputs digits
            Start = theta
            Unravel = unravel
        }

    /// Full-batch gradient descent with momentum 1/2 until the loss is at most the target.
    let train (ctx: Context) (target: float) (p: Problem) : Tensor =
        let step =
            Diff.compile (fun (theta: Tensor, velocity: Tensor) ->
                let value, slope = Diff.valueAndGrad p.Loss theta
                let velocity = 0.5 * velocity - 0.2 * slope
                value, theta + velocity, velocity)

        let rec go theta velocity n =
            ctx.Cancellation.ThrowIfCancellationRequested()
            let value, next, velocity = step (theta, velocity)

            if value.item () <= target then
                theta
            elif n = 20000 || not (Double.IsFinite(value.item ())) then
                raise (
                    HesseException
                        $"{Paper}: training stopped at loss {value.item ()} after {n} steps, wanted {target}; try another seed"
                )
            else
                go next velocity (n + 1)

        go p.Start (Tensor.zeros [ p.Size ]) 0

    let hessianOf (p: Problem) theta = LinearOperator.toDense Batch (LinearOperator.hessian p.Loss theta)

    // ---- 1. Classes: one network with ten outputs, data of k classes ----

    let tenOutputs (digits: Digits) key k = digits |> Digits.take [ 0 .. k - 1 ] PerClass |> problem key 32 10

    let classes (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        let repetitions = if ctx.Quick then 3 else 5
        let keys = Random.split repetitions key

        let spectra = [
            for k in digitCounts do
                ctx.Progress (0.05 * float k / 2.0) $"spectra of networks on {k} classes"

                k,
                [
                    for r in 0 .. repetitions - 1 do
                        let p = tenOutputs digits keys[r] k
                        let theta = train ctx TrainedLoss p
                        Spectrum.eigenvalues p.Size (hessianOf p theta)
                ]
        ]

        let counts = [|
            for k, all in spectra do
                for values in all do
                    float k, fst (Spectrum.outliers Window values)
        |]

        let x, y = Array.map fst counts, counts |> Array.map (snd >> float)

        let shown =
            spectra
            |> List.map (fun (k, all) ->
                let found = all |> List.map (fun v -> string (fst (Spectrum.outliers Window v)))
                $"""{k}: {String.Join("/", found)}""")

        let late =
            let p = tenOutputs digits keys[0] 10
            fst (Spectrum.outliers Window (Spectrum.eigenvalues p.Size (hessianOf p (train ctx LateLoss p))))

        record.Claim(
            "outliers-track-classes",
            Status.Prediction,
            "Adding a class to the data adds one outlier to the Hessian of the same network.",
            "d #outliers / dk = 1 (Sagun et al. 2017, sections 3.2 and 4)",
            Relation.Absolute,
            1.0,
            0.1,
            Fit.slope x y,
            $"""Least-squares slope of the number of outliers on the number of classes k = 2, 4, 6, 8, 10; 16-32-10 tanh network (M = 874), {PerClass} images a class, all eigenvalues. Outliers found (k: seeds): {String.Join("; ", shown)}. One miscount by one in one of these spectra moves the slope by at most {0.1 / float repetitions:G2}."""
        )

        record.Claim(
            "outliers-are-classes-minus-one",
            Status.Prediction,
            "The number of outliers is the number of classes less one.",
            "#outliers = k − 1: the weight diag(p) − ppᵀ of cross-entropy has rank k − 1 (Sagun et al. 2017, section 3)",
            Relation.AtMost,
            0.0,
            0.2,
            Array.map2 (fun k c -> abs (c - (k - 1.0))) x y |> Array.average,
            $"Mean distance to k − 1 over {x.Length} spectra. An outlier count is the place of the largest ratio λᵢ/λᵢ₊₁ among the {Window} largest eigenvalues; the tolerance allows one spectrum in five to be off by one. Training ends at loss {TrainedLoss}; at {LateLoss} the same rule finds {late} in the first ten-class network, because the weights of fitted images vanish class by class. The setting was chosen in a study with other seeds: with inputs of unit variance (the mean image removed and rescaled) the rule mostly found 1 or 2 at any k, and with all 64 pixels of 40 images a class 4 to 6 of 9 at k = 10, so the count depends on inputs and stage of training."
        )

        ctx.Draw {
            Title = "Eigenvalues of the Hessian after training"
            Caption =
                "The same 874-parameter network trained on 2, 4, …, 10 digits: k − 1 outliers stand above the bulk."
            XLabel = "rank"
            YLabel = "eigenvalue"
            LogX = false
            LogY = true
            Series = [
                for k, all in spectra ->
                    {
                        Name = $"{k} classes"
                        Mark = Mark.Markers
                        X = Array.init 30 (fun i -> float (i + 1))
                        Y = Array.truncate 30 all.Head
                    }
            ]
        }

        ctx.Draw {
            Title = "Outliers against classes"
            Caption = "Found by the largest ratio of neighbouring eigenvalues; the line is k − 1."
            XLabel = "classes k"
            YLabel = "outliers"
            LogX = false
            LogY = false
            Series = [
                { Name = "found"; Mark = Mark.Markers; X = x; Y = y }
                {
                    Name = "k − 1"
                    Mark = Mark.DashedLines
                    X = [| 2.0; 10.0 |]
                    Y = [| 1.0; 9.0 |]
                }
            ]
        }

    // ---- 2. Widths: the same data, networks of growing size ----

    let widths (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        let sizes = if ctx.Quick then [| 8; 16; 32 |] else [| 8; 16; 32; 64 |]
        let keys = Random.split 3 key
        let data = digits |> Digits.take [ 0..3 ] PerClass

        let rows =
            sizes
            |> Array.map (fun width ->
                ctx.Progress 0.35 $"spectra of networks of width {width}"

                let spectra =
                    keys
                    |> Array.map (fun k ->
                        let p = problem k width 4 data
                        Spectrum.eigenvalues p.Size (hessianOf p (train ctx TrainedLoss p)))

                let small (v: float[]) = v |> Array.filter (fun x -> abs x < 0.01 * v[0]) |> Array.length

                {|
                    Size = float spectra[0].Length
                    Outliers = spectra |> Array.averageBy (fun v -> float (fst (Spectrum.outliers Window v)))
                    Sum = spectra |> Array.averageBy (fun v -> Array.sum (Array.truncate 3 v))
                    Bulk = spectra |> Array.averageBy (small >> float)
                |})

        let m = rows |> Array.map _.Size
        let first, last = rows[0], rows[rows.Length - 1]

        record.Claim(
            "outlier-count-ignores-width",
            Status.Prediction,
            "More parameters do not change the number of outliers.",
            "#outliers / M ∝ M⁻¹ at fixed data (Sagun et al. 2017, section 3.2)",
            Relation.Absolute,
            -1.0,
            0.05,
            Fit.exponent m (rows |> Array.map (fun r -> r.Outliers / r.Size)),
            $"Exponent in M of the share of outliers, 4 classes, M = {first.Size} to {last.Size}, three seeds. Mean counts: {first.Outliers:F2} to {last.Outliers:F2}."
        )

        record.Claim(
            "outlier-size-ignores-width",
            Status.Prediction,
            "More parameters leave the size of the outliers nearly unchanged.",
            "d log Σ_{i<k} λᵢ / d log M = 0 at fixed data (Sagun et al. 2017, section 3.2)",
            Relation.Absolute,
            0.0,
            0.1,
            Fit.exponent m (rows |> Array.map _.Sum),
            $"Exponent in M of the sum of the three outliers, seed means {first.Sum:F3} (M = {first.Size}) to {last.Sum:F3} (M = {last.Size}). Seed noise of the exponent is about 0.02 (36 networks of a separate study); if outliers grew with the network it would be 1. The loss must be the same at all widths: with momentum 0.9, which overshoots the target by different amounts, the exponent was 0.08 to 0.16."
        )

        record.Claim(
            "bulk-grows-with-width",
            Status.Prediction,
            "More parameters only add eigenvalues near zero.",
            "#{|λ| < λ₁/100} ∝ M (Sagun et al. 2016, section 3; 2017, section 3.2)",
            Relation.Absolute,
            1.0,
            0.1,
            Fit.exponent m (rows |> Array.map _.Bulk),
            $"Exponent in M of the number of eigenvalues below a hundredth of the largest: {first.Bulk:F0} of {first.Size} to {last.Bulk:F0} of {last.Size}. A constant number c outside the bulk makes the exponent exceed 1 by about c/M."
        )

    // ---- 3. Separation: the same network and classes, class means nearer to each other ----

    let separations (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.45 "spectra at other separations of the classes"
        let factors = [| 0.5; 0.7; 1.0 |]
        let keys = Random.split (if ctx.Quick then 3 else 6) key
        let outliers = 3
        let data = digits |> Digits.take [ 0..outliers ] PerClass

        let rows =
            factors
            |> Array.map (fun factor ->
                let moved = Digits.separate factor data

                let spectra =
                    keys
                    |> Array.map (fun k ->
                        let p = problem k 16 (outliers + 1) moved
                        Spectrum.eigenvalues p.Size (hessianOf p (train ctx TrainedLoss p)))

                {|
                    Counts = spectra |> Array.map (fun v -> fst (Spectrum.outliers Window v))
                    Top = spectra |> Array.averageBy (fun v -> Array.sum v[.. outliers - 1])
                    Bulk = spectra |> Array.averageBy (fun v -> Array.sum v[outliers..])
                |})

        let counts = rows |> Array.collect _.Counts
        let exponent = Fit.exponent factors
        let top, bulk = exponent (rows |> Array.map _.Top), exponent (rows |> Array.map _.Bulk)
        let values (f: float[]) = String.Join(", ", f |> Array.map (fun x -> x.ToString "F2"))

        record.Claim(
            "separation-moves-outliers",
            Status.Observation,
            "Classes that are nearer to each other make the outliers larger.",
            "d log Σ_{i<k} λᵢ / d log s < 0, s the distance between class means (Sagun et al. 2017, section 4)",
            Relation.AtMost,
            -1.0,
            0.0,
            top,
            $"Exponent of the sum of the {outliers} outliers in the factor s = {values factors} on the distances between class means; scatter within classes, network (16-16-4, M = 340) and final loss are the same, {keys.Length} seeds. Sums: {values (rows |> Array.map _.Top)}. No dependence would be 0; seeds 0 to 9 gave −1.37 to −1.52."
        )

        record.Claim(
            "separation-leaves-bulk",
            Status.Observation,
            "The rest of the spectrum hardly feels the separation of the classes.",
            "|d log Σ_{i≥k} λᵢ| ≪ |d log Σ_{i<k} λᵢ| (Sagun et al. 2017, section 4)",
            Relation.AtMost,
            0.5,
            0.0,
            abs (bulk / top),
            $"Exponent of the sum of all other eigenvalues over that of the outliers: {bulk:F3} / {top:F3}; sums {values (rows |> Array.map _.Bulk)}. If the whole spectrum scaled alike it would be 1; seeds 0 to 9 gave 0.20 to 0.34."
        )

        record.Claim(
            "separation-keeps-count",
            Status.Observation,
            "The number of outliers does not depend on how far the classes are apart.",
            "#outliers = k − 1 at every s (Sagun et al. 2017, section 4)",
            Relation.Absolute,
            float outliers,
            0.2,
            counts |> Array.averageBy float,
            $"""Mean number of outliers in {counts.Length} spectra: {String.Join(", ", counts)}. The tolerance allows one in five to be off by one."""
        )

    // ---- 4. H = G + R on ten classes, before and after training ----

    /// Gradients of the mean outputs of each class: k² vectors of length M.
    let private classMeanGradients (digits: Digits) (p: Problem) theta =
        let n, k = digits.Count, p.Targets.Shape[1]

        let average =
            Array.init (k * n) (fun q -> if digits.Labels[q % n] = q / n then 1.0 / float PerClass else 0.0)

        let weights = Tensor.create [ k; n ] average

        let jacobian =
            Diff.jacobian (fun t -> Tensor.reshape [ k * k ] (Tensor.matmul weights (p.Outputs t))) theta

        let values = jacobian.toArray ()
        Array.init (k * k) (fun r -> values[r * p.Size .. (r + 1) * p.Size - 1])

    let split (ctx: Context) (record: Recorder) (digits: Digits) (p: Problem) (theta: Tensor) =
        ctx.Progress 0.5 "Gauss–Newton split before and after training"
        let k = 10
        let at = GaussNewton.split Batch p.Outputs p.CrossEntropy
        let before, after = at p.Start, at theta

        record.Claim(
            "hessian-splits-exactly",
            Status.Theorem,
            "The Hessian is the Gauss–Newton matrix plus the functional part.",
            "H = Jᵀ(∇²ℓ)J + Σ (∂ℓ/∂f) ∇²f (Sagun et al. 2017, equation 3)",
            Relation.AtMost,
            0.0,
            1e-12,
            max (GaussNewton.defect before) (GaussNewton.defect after),
            "Largest |H − G − R| relative to the largest |H|, before and after training; the three matrices come from three different derivatives. Rounding of sums over 400 images is about 1e-14."
        )

        let r0, r1 = GaussNewton.functionalRatio before, GaussNewton.functionalRatio after

        record.Claim(
            "functional-part-fades",
            Status.Prediction,
            "Training makes the functional part small against the Gauss–Newton part.",
            "‖R‖/‖G‖ falls as the residuals fall (Sagun et al. 2017, section 3)",
            Relation.AtMost,
            0.3,
            0.0,
            r1 / r0,
            $"‖R‖/‖G‖ (Frobenius) after training over before: {r1:F3} / {r0:F3}. No change would be 1; the bound stands above the range 0.13 to 0.21 of twelve networks of a separate study."
        )

        let hessianBefore = Spectrum.eigenvalues p.Size before.Hessian
        let hessianAfter, hessianVectors = Spectrum.leading p.Size after.Hessian Window
        let n0, n1 = Spectrum.negativeMass hessianBefore, Spectrum.negativeMass hessianAfter

        record.Claim(
            "negative-eigenvalues-fade",
            Status.Prediction,
            "Training leaves few negative eigenvalues, and small ones.",
            "Σ_{λ<0}|λ| / Σ|λ| falls in training (Sagun et al. 2016, section 3)",
            Relation.AtMost,
            0.25,
            0.0,
            n1 / n0,
            $"Share of the negative eigenvalues in Σ|λ| after training over before: {n1:F3} / {n0:F3}. No change would be 1; the bound stands above the range 0.17 to 0.18 of twelve networks of a separate study. G is positive semi-definite, so negative eigenvalues come from R alone."
        )

        let outlierSpace = Array.truncate (k - 1) hessianVectors
        let _, gaussNewtonVectors = Spectrum.leading p.Size after.GaussNewton (k - 1)
        let chance = float (k - 1) / float p.Size

        record.Claim(
            "outliers-belong-to-gauss-newton",
            Status.Prediction,
            "The outlier eigenvectors of the Hessian are those of the Gauss–Newton matrix.",
            "span{v₁ … v_{k−1}}(H) = span{v₁ … v_{k−1}}(G) (Sagun et al. 2017, section 3)",
            Relation.AtLeast,
            1.0,
            0.02,
            Spectrum.overlap outlierSpace gaussNewtonVectors,
            $"Mean squared cosine of the principal angles between the two {k - 1}-dimensional spaces after training; random spaces give {chance:F3}. R tilts the spaces by the squares of uᵀRw/(λ_u − λ_w), 0.004 to 0.007 in twelve networks of a separate study."
        )

        let means = classMeanGradients digits p theta

        record.Claim(
            "class-means-span-outliers",
            Status.Prediction,
            "The outlier eigenvectors lie in the span of the class means of the gradients of the outputs.",
            "span{v₁ … v_{k−1}}(H) ⊂ span{mean_{i∈c} ∇f_b(xᵢ)} (Sagun et al. 2017, section 3; Papyan 2019)",
            Relation.AtLeast,
            1.0,
            0.02,
            Spectrum.overlap outlierSpace means,
            $"Mean squared cosine of the outlier space with the span of the {k * k} class means; a random space of that dimension gives {float (k * k) / float p.Size:F3}. The tolerance is for what varies within a class."
        )

        let projection (space: float[][]) = hessianVectors |> Array.map (fun v -> Spectrum.overlap [| v |] space)

        ctx.Draw {
            Title = "Where the eigenvectors of the Hessian lie"
            Caption =
                "Squared projection of each leading eigenvector on the nine leading eigenvectors of G, and on the hundred class means of the gradients of the outputs (ten classes)."
            XLabel = "rank of the eigenvector of H"
            YLabel = "squared projection"
            LogX = false
            LogY = false
            Series = [
                {
                    Name = "leading space of G"
                    Mark = Mark.Markers
                    X = Array.init Window (fun i -> float (i + 1))
                    Y = projection gaussNewtonVectors
                }
                {
                    Name = "class means"
                    Mark = Mark.Markers
                    X = Array.init Window (fun i -> float (i + 1))
                    Y = projection means
                }
            ]
        }

        hessianAfter
