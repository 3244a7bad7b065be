namespace Hesse.Theory

open System
open System.Numerics
open Hesse
open MathNet.Numerics.Integration

/// A probability law on the line that is the limit of a spectrum: atoms, and a density on intervals.
[<NoEquality; NoComparison>]
type SpectralLaw = {
    /// Points with positive mass, and their masses; ascending.
    Atoms: (float * float)[]
    /// The intervals where the density is positive, ascending.
    Support: (float * float)[]
    /// The density of the part without atoms.
    Density: float -> float
    /// The Stieltjes transform G(z) = ∫ dμ(x)/(z − x) for Im z > 0; there Im G < 0 and G ~ 1/z.
    Stieltjes: Complex -> Complex
}

/// What all laws have in common.
[<RequireQualifiedAccess>]
module SpectralLaw =
    /// <summary>The law of finitely many points.</summary>
    /// <param name="points">Positions with masses above 0; the masses are divided by their sum. Equal positions are added up.</param>
    /// <returns>The law.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no point, a position is not finite, or a mass is not positive.</exception>
    let ofAtoms (points: (float * float)[]) : SpectralLaw =
        if
            points.Length = 0
            || points |> Array.exists (fun (x, w) -> not (Double.IsFinite x && w > 0.0 && Double.IsFinite w))
        then
            Vectors.fail
                $"SpectralLaw.ofAtoms: {points.Length} points; wanted at least one, with finite positions and masses above 0"

        let total = points |> Array.sumBy snd

        let atoms =
            points
            |> Array.groupBy fst
            |> Array.map (fun (x, group) -> x, (group |> Array.sumBy snd) / total)
            |> Array.sortBy fst

        {
            Atoms = atoms
            Support = [||]
            Density = fun _ -> 0.0
            Stieltjes =
                fun z ->
                    let mutable sum = Complex.Zero

                    for x, w in atoms do
                        sum <- sum + Complex(w, 0.0) / (z - Complex(x, 0.0))

                    sum
        }

    /// <summary>The law of an eigenvalue chosen at random.</summary>
    /// <param name="eigenvalues">In any order.</param>
    /// <returns>Equal masses on them.</returns>
    let ofEigenvalues (eigenvalues: float[]) : SpectralLaw = ofAtoms (eigenvalues |> Array.map (fun x -> x, 1.0))

    /// <summary>The law of scale · x + shift.</summary>
    /// <param name="scale">Above 0.</param>
    /// <param name="shift">Any number.</param>
    /// <param name="law">Of x.</param>
    /// <returns>The law.</returns>
    /// <exception cref="T:Hesse.HesseException">The scale is not positive.</exception>
    let affine (scale: float) (shift: float) (law: SpectralLaw) : SpectralLaw =
        if not (scale > 0.0) then
            Vectors.fail $"SpectralLaw.affine: a scale of {scale}, wanted one above 0"

        {
            Atoms = law.Atoms |> Array.map (fun (x, w) -> scale * x + shift, w)
            Support = law.Support |> Array.map (fun (a, b) -> scale * a + shift, scale * b + shift)
            Density = fun x -> law.Density((x - shift) / scale) / scale
            Stieltjes = fun z -> law.Stieltjes((z - Complex(shift, 0.0)) / Complex(scale, 0.0)) / Complex(scale, 0.0)
        }

    /// The whole range of a law.
    let internal hull (law: SpectralLaw) =
        let ends =
            Array.append (Array.map fst law.Atoms) (law.Support |> Array.collect (fun (a, b) -> [| a; b |]))

        Array.min ends, Array.max ends

    /// x = mid − half · cos θ makes square-root edges, hard or soft, smooth in θ.
    let private node (a, b) angle = 0.5 * (a + b) - 0.5 * (b - a) * cos angle, 0.5 * (b - a) * sin angle

    /// <summary>∫ g dμ.</summary>
    /// <param name="g">A function of an eigenvalue, smooth on the support.</param>
    /// <param name="law">The law.</param>
    /// <returns>The integral; the midpoint rule in the angle, 400 points an interval, converges geometrically for densities with square-root edges.</returns>
    let mean (g: float -> float) (law: SpectralLaw) : float =
        let count = 400
        let step = Math.PI / float count

        let continuous =
            law.Support
            |> Array.sumBy (fun interval ->
                Seq.sum (
                    seq {
                        for i in 0 .. count - 1 do
                            let x, slope = node interval (step * (float i + 0.5))
                            g x * law.Density x * slope * step
                    }
                ))

        continuous + (law.Atoms |> Array.sumBy (fun (x, w) -> w * g x))

    /// <summary>The cumulative distribution F(x).</summary>
    /// <param name="law">The law.</param>
    /// <param name="x">Where; the mass of an atom at x is included.</param>
    /// <returns>A number in [0, 1], by Gauss–Legendre quadrature in the angle.</returns>
    let cdf (law: SpectralLaw) (x: float) : float =
        let part (a, b) =
            if x <= a then
                0.0
            else
                let angle =
                    if x >= b then
                        Math.PI
                    else
                        acos ((0.5 * (a + b) - x) / (0.5 * (b - a)) |> max -1.0 |> min 1.0)

                let rule = GaussLegendreRule(0.0, angle, 64)

                Array.fold2
                    (fun sum t w ->
                        let y, slope = node (a, b) t
                        sum + w * law.Density y * slope)
                    0.0
                    rule.Abscissas
                    rule.Weights

        (Array.sumBy part law.Support)
        + (law.Atoms |> Array.sumBy (fun (y, w) -> if y <= x then w else 0.0))
        |> max 0.0
        |> min 1.0

    /// <summary>The quantile: the smallest x with F(x) ≥ p, by bisection.</summary>
    /// <param name="cumulative">F, such as <c>cdf law</c> or a closed form.</param>
    /// <param name="law">The law.</param>
    /// <param name="p">Between 0 and 1.</param>
    /// <returns>A number in the range of the law.</returns>
    /// <exception cref="T:Hesse.HesseException">p is not between 0 and 1.</exception>
    let quantile (cumulative: float -> float) (law: SpectralLaw) (p: float) : float =
        if not (p >= 0.0 && p <= 1.0) then
            Vectors.fail $"SpectralLaw.quantile: p = {p}, wanted a number from 0 to 1"

        let mutable low, high = hull law

        for _ in 1..60 do
            let middle = 0.5 * (low + high)
            if cumulative middle >= p then high <- middle else low <- middle

        high

    /// <summary>Kolmogorov's distance between a law and a sample of eigenvalues, sup |F_n − F|.</summary>
    /// <param name="cumulative">F, such as <c>cdf law</c> or a closed form.</param>
    /// <param name="eigenvalues">In any order.</param>
    /// <returns>A number in [0, 1].</returns>
    let kolmogorov (cumulative: float -> float) (eigenvalues: float[]) : float =
        let n = float eigenvalues.Length

        Array.sort eigenvalues
        |> Array.mapi (fun i x ->
            let f = cumulative x
            max (abs (f - float i / n)) (abs (float (i + 1) / n - f)))
        |> Array.max
