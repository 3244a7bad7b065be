namespace Hesse.Theory

open System
open System.Numerics
open Hesse

/// Spectra of sums and products of large independent matrices in general position, by the subordination equations
/// (Voiculescu 1986, 1987; Belinschi and Bercovici, A new approach to subordination results in free probability, 2007).
[<RequireQualifiedAccess>]
module FreeConvolution =
    let private real (x: float) = Complex(x, 0.0)

    /// The fixed point of an analytic self-map of the upper half-plane, by iteration with Steffensen's acceleration; None if it does not settle.
    let private fixedPoint limit (inside: Complex -> bool) (map: Complex -> Complex) (start: Complex) : Complex option =
        let mutable w = start
        let mutable result = None
        let mutable steps = 0

        while result.IsNone && steps < limit do
            let first = map w
            let second = map first
            let change = first - w
            let curvature = second - first - change
            let plain = Complex.Abs change

            if plain <= 1e-15 * Complex.Abs w then
                result <- Some first
            else
                let accelerated = w - change * change / curvature
                // The jump is taken when it lands inside and nearer to a fixed point than two plain steps do.
                let better =
                    Double.IsFinite(accelerated.Real + accelerated.Imaginary)
                    && inside accelerated
                    && Complex.Abs(map accelerated - accelerated) < Complex.Abs(second - first)

                let next = if better then accelerated else second

                if Complex.Abs(next - w) <= 1e-14 * Complex.Abs w then
                    result <- Some next

                w <- next
                steps <- steps + 1

        match result with
        | Some _ -> result
        // Rounding may leave last digits that flicker, more of them next to an edge, where the equation nearly has a double root.
        | None when limit > 100 && Complex.Abs(map w - w) <= 1e-7 * Complex.Abs w -> Some w
        | None -> None

    /// The solution at z: directly, as for most points; else by continuation down from a larger imaginary part, where the map contracts strongly.
    let private descend
        (scale: float)
        inside
        (map: Complex -> Complex -> Complex)
        (start: Complex -> Complex)
        (z: Complex)
        =
        let above = Complex(z.Real, max z.Imaginary scale)

        match fixedPoint 80 inside (map z) (start above) with
        | Some w -> Some w
        | None ->
            let mutable height = above.Imaginary
            let mutable w = start above
            let mutable last = None
            let mutable finished = false

            while not finished do
                last <- fixedPoint 400 inside (map (Complex(z.Real, height))) w
                w <- defaultArg last w
                finished <- height <= z.Imaginary
                height <- max z.Imaginary (0.1 * height)

            last

    /// Edges of the support: where the density, as a function on a range, rises above `threshold` or falls below it.
    let private supportOf (density: float -> float) (low: float) (high: float) : (float * float)[] =
        let count = 1000
        let width = high - low
        let place i = low + width * (float i + 0.5) / float count
        let threshold = 1e-5 / width
        let inside = Array.init count (fun i -> density (place i) > threshold)

        let boundary outer inner =
            let mutable o, i = outer, inner

            for _ in 1..50 do
                let m = 0.5 * (o + i)
                if density m > threshold then i <- m else o <- m

            0.5 * (o + i)

        [|
            let mutable from = nan

            for i in 0..count do
                let now = i < count && inside[i]
                let before = i > 0 && inside[i - 1]

                if now && not before then
                    from <- boundary (if i = 0 then low else place (i - 1)) (place i)
                elif before && not now then
                    from, boundary (if i = count then high else place i) (place (i - 1))
        |]

    /// The law of a transform: the density is −Im G/π just above the line.
    let private lawOf name (low: float) (high: float) atoms (transform: Complex -> Complex option) : SpectralLaw =
        let height = 1e-13 * max (high - low) 1e-300

        let stieltjes z =
            match transform z with
            | Some g -> g
            | None ->
                Vectors.fail
                    $"{name}: the subordination equation did not settle at {z}; take a point a little farther from an edge, or with a larger imaginary part"

        let densityOf (g: Complex) = max 0.0 (-g.Imaginary / Math.PI)

        // Next to an atom the transform has the pole of the atom; the rest is the density.
        let continuous (g: Complex -> float) x =
            let pole =
                atoms |> Array.sumBy (fun (a, w) -> w * height / Math.PI / ((x - a) * (x - a) + height * height))

            if x < low || x > high then 0.0 else max 0.0 (g (Complex(x, height)) - pole)

        // It fails to settle only within rounding of an edge, where either answer puts the edge.
        let sketch z =
            match transform z with
            | Some g -> densityOf g
            | None -> infinity

        let whole = atoms |> Array.sumBy snd

        {
            Atoms = atoms
            Support =
                if whole > 1.0 - 1e-12 || high <= low then
                    [||]
                else
                    supportOf (continuous sketch) low high
            Density = continuous (stieltjes >> densityOf)
            Stieltjes = stieltjes
        }

    let private isPoint (law: SpectralLaw) = law.Support.Length = 0 && law.Atoms.Length = 1

    /// Atoms of a convolution: pairs whose masses add up to more than one (Bercovici and Voiculescu 1998).
    let private heavyPairs combine (first: SpectralLaw) (second: SpectralLaw) =
        [|
            for a, u in first.Atoms do
                for b, v in second.Atoms do
                    if u + v > 1.0 + 1e-14 then
                        combine a b, u + v - 1.0
        |]
        |> Array.sortBy fst

    /// <summary>The free additive convolution μ ⊞ ν: the spectrum of A + QBQᵀ with A and B of these spectra and a random rotation Q.</summary>
    /// <param name="first">μ, of bounded support: closed form, atoms or itself a convolution.</param>
    /// <param name="second">ν, likewise.</param>
    /// <returns>The law. Its transform is G_μ(ω) with ω = z + h_ν(z + h_μ(ω)), h = 1/G − identity; density and edges come from it, to about 1e-9 away from
    /// edges. Gaps narrower than a thousandth of the range are not seen in Support.</returns>
    /// <exception cref="T:Hesse.HesseException">The equation did not settle, which happens only on the edge of a support.</exception>
    let additive (first: SpectralLaw) (second: SpectralLaw) : SpectralLaw =
        if isPoint first then
            SpectralLaw.affine 1.0 (fst first.Atoms[0]) second
        elif isPoint second then
            SpectralLaw.affine 1.0 (fst second.Atoms[0]) first
        else
            let (a, b), (c, d) = SpectralLaw.hull first, SpectralLaw.hull second
            let low, high = a + c, b + d
            let h (law: SpectralLaw) w = Complex.One / law.Stieltjes w - w

            let transform (z: Complex) =
                let omega =
                    descend
                        (high - low)
                        (fun w -> w.Imaginary > 0.0)
                        (fun z w -> z + h second (z + h first w))
                        (fun z -> z)
                        z

                omega |> Option.map first.Stieltjes

            lawOf "FreeConvolution.additive" low high (heavyPairs (+) first second) transform

    /// <summary>The free multiplicative convolution μ ⊠ ν: the spectrum of A^½QBQᵀA^½ with positive semi-definite A and B of these spectra.</summary>
    /// <param name="first">μ, on [0, ∞), of bounded support, not the point 0.</param>
    /// <param name="second">ν, likewise.</param>
    /// <returns>The law, from η_μ(ω) with ω = z κ_ν(z κ_μ(ω)), κ(z) = η(z)/z, η = 1 − z/G(1/z). MarchenkoPastur.law c 1 as one factor gives the sample covariance
    /// matrices of a population (Marchenko and Pastur 1967).</returns>
    /// <exception cref="T:Hesse.HesseException">A law has mass below 0, or is the point 0; or the equation did not settle.</exception>
    let multiplicative (first: SpectralLaw) (second: SpectralLaw) : SpectralLaw =
        let (a, b), (c, d) = SpectralLaw.hull first, SpectralLaw.hull second

        if a < 0.0 || c < 0.0 || b <= 0.0 || d <= 0.0 then
            Vectors.fail
                $"FreeConvolution.multiplicative: laws on [{a:G6}; {b:G6}] and [{c:G6}; {d:G6}]; wanted both on [0, ∞) and neither all at 0"

        if isPoint first then
            SpectralLaw.affine (fst first.Atoms[0]) 0.0 second
        elif isPoint second then
            SpectralLaw.affine (fst second.Atoms[0]) 0.0 first
        else
            // At w in the upper half-plane, 1/w lies in the lower one, where G is the conjugate.
            let eta (law: SpectralLaw) (w: Complex) =
                let g = Complex.Conjugate(law.Stieltjes(Complex.Conjugate(Complex.One / w)))
                Complex.One - w / g

            let kappa law w = eta law w / w
            let low, high = a * c, b * d

            let transform (z: Complex) =
                // Descends in z: its reciprocal's conjugate is where the equation is solved.
                let reciprocal (z: Complex) = Complex.Conjugate(Complex.One / z)

                let omega =
                    descend
                        high
                        (fun w -> w.Imaginary > 0.0)
                        (fun z w ->
                            let w0 = reciprocal z
                            w0 * kappa second (w0 * kappa first w))
                        reciprocal
                        z

                let w = reciprocal z
                // G(1/w) = w/(1 − η), conjugated back.
                omega |> Option.map (fun omega -> Complex.Conjugate(w / (Complex.One - eta first omega)))

            let massAtZero (law: SpectralLaw) = law.Atoms |> Array.sumBy (fun (x, w) -> if x = 0.0 then w else 0.0)
            let zero = max (massAtZero first) (massAtZero second)
            let others = heavyPairs (*) first second |> Array.filter (fun (x, _) -> x > 0.0)

            lawOf
                "FreeConvolution.multiplicative"
                low
                high
                (Array.append (if zero > 0.0 then [| 0.0, zero |] else [||]) others)
                transform
