namespace Hesse.Theory

open System
open System.Numerics.Tensors
open System.Threading
open Hesse

/// One number of a summary with its certificate.
type Measurement = {
    /// What it is, in words.
    Name: string
    /// The same as a formula.
    Symbol: string
    /// The number.
    Value: float
    /// Lower end of its interval; NaN where the number is computed, not estimated.
    Lower: float
    /// Upper end of its interval; NaN where the number is computed, not estimated.
    Upper: float
    /// What the interval promises, in words.
    Certificate: string
    /// Products with an operator that it took; what several numbers share is counted at the first.
    Products: int
    /// Wall-clock time, likewise.
    Seconds: float
}

/// What hears of a summary while it is made.
type ISummaryObserver =
    /// A number is there.
    abstract Measured: Measurement -> unit
    /// The leading eigenpairs of the Hessian are there.
    abstract Leading: EigenSolution -> unit
    /// The spectral density of the Hessian is there.
    abstract Density: SpectralDensity -> unit
    /// What is being done.
    abstract Progress: string -> unit

/// What a summary takes.
type SummaryOptions = {
    /// Leading eigenpairs of the Hessian.
    Top: int
    /// Relative residual at which an eigenpair has converged.
    Tolerance: float
    /// Most products of one search for eigenpairs.
    MaxProducts: int
    /// Probes of the density and of every trace and norm, at least two.
    Probes: int
    /// Lanczos steps of a probe of the density.
    Steps: int
    /// The stream of all random numbers.
    Key: Key
    /// Ends the work between two products with an <c>OperationCanceledException</c>.
    Cancellation: CancellationToken
} with

    /// 10 eigenpairs to 1e-6, at most 2,000 products each search, 16 probes of 40 steps, key 0.
    static member Default = {
        Top = 10
        Tolerance = 1e-6
        MaxProducts = 2_000
        Probes = 16
        Steps = 40
        Key = Random.key 0
        Cancellation = CancellationToken.None
    }

/// The curvature of a loss at a point in one table: the ends of the spectrum, traces and norms, the Gauss–Newton part, gradient noise.
[<RequireQualifiedAccess>]
module CurvatureSummary =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// Numbers that gradients of single rows may take at once.
    [<Literal>]
    let private MostGradientNumbers = 16_000_000

    let private certificate (c: Certainty) =
        match c with
        | Certainty.Rigorous -> "theorem"
        | Certainty.Confidence level -> $"{100.0 * level:F0} %% confidence"
        | Certainty.Heuristic level -> $"{100.0 * level:F0} %%, heuristic"

    let private computed name symbol value seconds = {
        Name = name
        Symbol = symbol
        Value = value
        Lower = nan
        Upper = nan
        Certificate = "computed"
        Products = 0
        Seconds = seconds
    }

    let private estimated name symbol (e: Estimate) products seconds = {
        Name = name
        Symbol = symbol
        Value = e.Value
        Lower = e.Lower
        Upper = e.Upper
        Certificate = certificate e.Certainty
        Products = products
        Seconds = seconds
    }

    let private ofPair name symbol (pair: Eigenpair) isConverged products seconds = {
        Name = name
        Symbol = symbol
        Value = pair.Value
        Lower = fst pair.Interval
        Upper = snd pair.Interval
        Certificate =
            if isConverged then
                "an eigenvalue lies within"
            else
                "an eigenvalue lies within; not converged"
        Products = products
        Seconds = seconds
    }

    /// The ratio of two quantities that each have an interval: the interval of all quotients.
    let private quotient name symbol (a: Estimate) (b: Estimate) =
        let over x y = if y > 0.0 then x / y else nan

        {
            Name = name
            Symbol = symbol
            Value = over a.Value b.Value
            Lower = over a.Lower b.Upper
            Upper = over a.Upper b.Lower
            Certificate = "from both intervals"
            Products = 0
            Seconds = 0.0
        }

    let internal check (o: SummaryOptions) (size: int) =
        if o.Probes < 3 || o.Steps < 1 then
            fail
                $"curvature: {o.Probes} probes of {o.Steps} steps; wanted at least 3 probes, for their spread, and 1 step"

        if o.Top < 1 || o.Top > size then
            fail $"curvature: {o.Top} eigenpairs of {size} parameters; ask for 1 to {size}"

        if not (o.Tolerance > 0.0) || o.MaxProducts < o.Top then
            fail
                $"curvature: tolerance {o.Tolerance} and at most {o.MaxProducts} products for {o.Top} eigenpairs; wanted a tolerance above 0 and at least one product each"

    let private measureIn
        (stagesOf: EmpiricalRisk<'P> -> SummaryStages)
        (options: SummaryOptions)
        (observer: ISummaryObserver)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : unit =
        let m = Tree.leaves point |> Array.sumBy _.Size
        check options m
        let stages = stagesOf risk
        let number name work = stages.Run name StageCodec.number work
        let estimate name work = stages.Run name StageCodec.estimate work

        if stages.Known > 0 then
            observer.Progress $"resumed: {stages.Known} stages are there"

        let risk = EmpiricalRisk.withOptions (fun o -> { o with Cancellation = options.Cancellation }) risk
        let key i = Random.fold i options.Key

        observer.Progress "loss and gradient"
        let loss, seconds = number "loss" (fun () -> EmpiricalRisk.value risk point)
        observer.Measured(computed "loss" "L(θ)" loss seconds)

        let length, seconds =
            number "gradient norm" (fun () ->
                float (TensorPrimitives.Norm(ReadOnlySpan<float>(EmpiricalRisk.gradient risk point))))

        observer.Measured(computed "gradient norm" "‖∇L‖" length seconds)

        observer.Progress "gradients of single rows"

        let rows =
            EmpiricalRisk.withOptions (fun o -> { o with Chunk = max 1 (min o.Chunk (MostGradientNumbers / m)) }) risk

        let scale, seconds =
            number "noise scale" (fun () -> GradientSignal.noiseScale (GradientCovariance.moments rows point))

        observer.Measured(computed "noise scale" "tr Cov(g) / ‖E g‖²" scale seconds)

        let hessian, gaussNewton = Curvature.hessian risk point, Curvature.gaussNewton risk point

        let eigenpairs what i count part operator =
            let progress (p: EigenProgress) =
                observer.Progress
                    $"{what}: {p.Products} products, {p.Converged} of {count} found, residual {p.Residual:G2}"

            let options = {
                Eigenpairs.defaults with
                    Count = count
                    Part = part
                    Tolerance = options.Tolerance
                    MaxProducts = options.MaxProducts
                    Key = key i
                    Progress = progress
                    Cancellation = options.Cancellation
            }

            stages.Run what StageCodec.eigenpairs (fun () -> Eigenpairs.compute options operator)

        let leading, seconds = eigenpairs "largest eigenvalues of H" 1 options.Top SpectrumPart.Largest hessian
        observer.Leading leading
        let top (s: EigenSolution) = s.Pairs[0]

        observer.Measured(
            ofPair "largest eigenvalue" "λ_max(H)" (top leading) leading.Converged leading.Products seconds
        )

        let lowest, seconds = eigenpairs "smallest eigenvalue of H" 2 1 SpectrumPart.Smallest hessian
        observer.Measured(ofPair "smallest eigenvalue" "λ_min(H)" (top lowest) lowest.Converged lowest.Products seconds)
        let convex, seconds = eigenpairs "largest eigenvalue of G" 3 1 SpectrumPart.Largest gaussNewton

        observer.Measured(
            ofPair "largest eigenvalue, Gauss-Newton" "λ_max(G)" (top convex) convex.Converged convex.Products seconds
        )

        observer.Progress $"density of H: {options.Probes} probes of {options.Steps} steps"
        let spent = ref 0.0

        let density =
            SpectralDensity.estimateBy
                (fun first rules ->
                    observer.Progress $"density of H: {first} of {options.Probes} probes done"
                    let rules, seconds = stages.Run $"density {first}" StageCodec.rules rules
                    spent.Value <- spent.Value + seconds
                    rules)
                hessian
                (key 4)
                options.Probes
                options.Steps

        observer.Density density
        let size = float m
        let trace = Estimate.affine size 0.0 (SpectralDensity.moment 1 density)
        let squares = Estimate.affine size 0.0 (SpectralDensity.moment 2 density)
        observer.Measured(estimated "trace" "tr H" trace density.Products spent.Value)

        let root (e: Estimate) = Estimate.map (fun x -> sqrt (max 0.0 x)) (fun x -> 0.5 / sqrt (max Double.Epsilon x)) e
        let whole = root squares
        observer.Measured(estimated "Frobenius norm" "‖H‖_F" whole 0 0.0)

        observer.Measured(
            estimated
                "eigenvalues below zero"
                "share of λ < 0"
                (SpectralDensity.cumulative density -(options.Tolerance * abs (top leading).Value))
                0
                0.0
        )

        observer.Progress "Gauss-Newton and functional part"

        let part name symbol i operator =
            let e, seconds = estimate name (fun () -> SpectralSum.frobenius operator (key i) options.Probes)
            observer.Measured(estimated name symbol e options.Probes seconds)
            e

        let convexNorm = part "Frobenius norm, Gauss-Newton" "‖G‖_F" 5 gaussNewton
        let restNorm = part "Frobenius norm, functional part" "‖H − G‖_F" 6 (Curvature.functional risk point)
        observer.Measured(quotient "Gauss-Newton share" "‖G‖_F / ‖H‖_F" convexNorm whole)
        observer.Measured(quotient "functional share" "‖H − G‖_F / ‖H‖_F" restNorm whole)

        let convexTrace, seconds =
            estimate "trace, Gauss-Newton" (fun () -> Trace.hutchinson gaussNewton (key 7) options.Probes)

        observer.Measured(estimated "trace, Gauss-Newton" "tr G" convexTrace options.Probes seconds)

        let highest =
            Estimate.bounded (top convex).Value (fst (top convex).Interval) (snd (top convex).Interval) 0

        observer.Measured(quotient "effective rank, Gauss-Newton" "tr G / λ_max(G)" convexTrace highest)

        if convexNorm.Value > 0.0 then
            let ratio, seconds =
                estimate "participation ratio" (fun () ->
                    SpectralSum.participationRatio gaussNewton (key 8) options.Probes)

            observer.Measured(
                estimated "participation ratio, Gauss-Newton" "(tr G)² / tr G²" ratio options.Probes seconds
            )

    /// <summary>Measures and tells the observer, number by number, so that what is done is kept when the rest is cancelled.</summary>
    /// <param name="options">How much is measured, and how exactly.</param>
    /// <param name="observer">Hears of every number.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <exception cref="T:Hesse.HesseException">Options out of range, or a loss, gradient or product that is not finite.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>At most 3·MaxProducts + Probes·(Steps + 2) products, most of them with the Hessian, and one gradient of each row. The traces and norms of the
    /// Hessian come from the moments of the density, which have no quadrature error.</remarks>
    let measure (options: SummaryOptions) (observer: ISummaryObserver) (risk: EmpiricalRisk<'P>) (point: 'P) : unit =
        measureIn (fun _ -> SummaryStages.None) options observer risk point

    /// <summary>As <c>measure</c>, and keeps every finished stage in a file: each search for eigenpairs, each group of probes of the density, each
    /// trace and norm. A summary that was cancelled, or whose process ended, goes on there with the same random numbers: its numbers are those of one that
    /// was not, up to the rounding of what is left.</summary>
    /// <param name="checkpoint">The file, and whether its stages are taken.</param>
    /// <param name="options">How much is measured, and how exactly.</param>
    /// <param name="observer">Hears of every number, also of those that are in the file.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <exception cref="T:Hesse.HesseException">The file is of other data, weights or options, and the message says which; it is damaged, or cannot be
    /// written; else as for <c>measure</c>.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>The file holds the eigenvectors: (Top + 2)·M numbers, written after each stage.</remarks>
    let measureKept
        (checkpoint: SummaryCheckpoint)
        (options: SummaryOptions)
        (observer: ISummaryObserver)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : unit =
        let numbers = [
            "eigenpairs", float options.Top
            "tolerance", options.Tolerance
            "most products", float options.MaxProducts
            "probes", float options.Probes
            "steps", float options.Steps
            for i, word in Array.indexed (options.Key.Words.toArray ()) do
                $"key word {i}", word
        ]

        let stagesOf risk =
            SummaryStages.start checkpoint (SummaryStages.identity checkpoint.Settings numbers risk point)

        measureIn stagesOf options observer risk point
