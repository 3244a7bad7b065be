namespace Hesse.Theory

open Hesse

/// How parameters that are used at several places of one example (positions of a sequence, places of a convolution) are treated.
[<RequireQualifiedAccess>]
type WeightSharing =
    /// Places count as examples: exact where the loss is a sum of terms of one place each, in a deep linear network.
    | Expand
    /// Inputs are averaged and gradients summed over the places first: exact where the network averages over places, in a deep linear network.
    | Reduce

/// What goes into Kronecker factors.
type KfacOptions = {
    /// Which curvature of the loss stands between the factors.
    Outputs: OutputCurvature
    /// What is done with places.
    Sharing: WeightSharing
    /// Whether a bias that is added to a product shares its block.
    JoinBiases: bool
    /// Parameters of which no product speaks have an exact dense block for each tensor up to so many of them, an exact diagonal beyond.
    DenseLimit: int
} with

    /// The exact generalised Gauss–Newton matrix, expand, biases joined, dense blocks up to 256 parameters.
    static member Default = {
        Outputs = OutputCurvature.Exact
        Sharing = WeightSharing.Expand
        JoinBiases = true
        DenseLimit = 256
    }

/// The factors of one product: C ≈ A ⊗ G for each group.
type KroneckerFactors = {
    /// Which tensors they are of, and their shape, for people.
    Description: string
    /// Which parameters they speak of.
    Product: ObservedProduct
    /// Second moments of the inputs, shape [groups; inputs; inputs].
    A: Tensor
    /// Second moments of the gradients, shape [groups; outputs; outputs].
    G: Tensor
}

/// Kronecker factors for all parameters of a model.
type Kfac = {
    /// Number of parameters M.
    Size: int
    /// One pair of factors for each product in the graph.
    Factors: KroneckerFactors[]
    /// Exact blocks of the parameters that meet no product; their descriptions say why they do not.
    Others: CurvatureBlock[]
}

/// Kronecker-factored approximate curvature of the mean loss (Martens and Grosse 2015; for convolutions Grosse and Martens 2016; for weight
/// sharing in general Eschenhagen et al. 2023), with factors at the products of the graph, whatever program wrote it.
[<RequireQualifiedAccess>]
module Kfac =
    let private describe (layout: ParameterLayout) (product: ObservedProduct) =
        let within (part: ParameterPart) position = position >= part.Start && position < part.Start + part.Length

        let paths =
            layout.Parts
            |> Array.filter (fun part -> Array.exists (within part) product.Positions)
            |> Array.map (fun part -> part.Path)

        let names = System.String.Join(", ", paths)
        let groups = if product.Groups = 1 then "" else $"{product.Groups} groups of "
        let bias = if product.HasBias then " with a bias" else ""
        let places = if product.Places = 1 then "" else $", {product.Places} places"
        $"{names}: product, {groups}{product.Inputs} × {product.Outputs}{bias}{places}"

    /// The exact block of a group of parameters from its mean outer product or squares.
    let internal exactBlock (description: string) (group: ParameterGroup) (mean: Tensor) : CurvatureBlock =
        if mean.Rank = 2 then
            BlockCurvature.dense description group.Positions mean
        else
            BlockCurvature.diagonal description group.Positions (mean.toArray ())

    /// <summary>The factors as a function of the point: compiled once, for use along training.</summary>
    /// <param name="options">What goes into them.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">Some θ; shapes matter.</param>
    /// <returns>From θ to the factors; see `factors`.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `factors`.</exception>
    let compile (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) : 'P -> Kfac =
        let operation = "Kfac.factors"
        let pass = ExamplePass.create operation options.Outputs options.JoinBiases risk point
        let products, others = pass.Observed.Products, pass.Observed.Others
        let layout = ParameterLayout.ofTree point
        let isDense k = pass.Groups[k].Positions.Length <= options.DenseLimit
        let reduce = (options.Sharing = WeightSharing.Reduce)

        let means =
            ExamplePass.mean operation pass (fun () parts -> [|
                for k in 0 .. products.Length - 1 do
                    let a, g = ExamplePass.factors reduce parts k
                    yield a
                    yield g

                for k in 0 .. pass.Groups.Length - 1 do
                    if isDense k then
                        yield ExamplePass.outerProducts parts k
                    else
                        yield ExamplePass.squares parts k
            |])

        let scale = Examples.rowsPerMean risk

        fun point ->
            let means = means point ()

            {
                Size = layout.Size
                Factors =
                    products
                    |> Array.mapi (fun k product -> {
                        Description = describe layout product
                        Product = product
                        A = means[2 * k]
                        G = scale * means[2 * k + 1]
                    })
                Others =
                    others
                    |> Array.mapi (fun k other ->
                        let kind = if isDense k then "exact dense block" else "exact diagonal"

                        exactBlock
                            $"{layout.Parts[other.Leaf].Path}: {kind} of {other.Positions.Length}, which {other.Reason}"
                            pass.Groups[k]
                            (scale * means[2 * products.Length + k]))
            }

    /// <summary>The factors at a point, in one pass over the data.</summary>
    /// <param name="options">What goes into them.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>With R places, sums over rows and places, and g = Jᵀv for the vectors v of the output curvature: for expand A = (1/n) Σ aaᵀ and
    /// G = (1/nR) Σ ggᵀ; for reduce A = (1/nR²) Σ (Σa)(Σa)ᵀ and G = (1/n) Σ (Σg)(Σg)ᵀ. For a loss that adds up over the rows G is n times that.</returns>
    /// <exception cref="T:Hesse.HesseException">The rows of the model's outputs see each other; or Monte-Carlo draws of a loss that is not convex.</exception>
    /// <remarks>A forward pass, and a backward pass for each output (exact), draw (Monte-Carlo) or one (empirical). For one row with one place, the blocks
    /// are those of the generalised Gauss–Newton matrix exactly; so they are for any data in a deep linear network with squared error, whose
    /// gradients g do not depend on the data.</remarks>
    let factors (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) : Kfac = compile options risk point point

    /// The block with the eigenvectors of the factors and given eigenvalues.
    let internal kroneckerBlock (f: KroneckerFactors) (left: Tensor) (right: Tensor) (values: Tensor) : CurvatureBlock = {
        Description = f.Description
        Positions = f.Product.Positions
        Basis = BlockBasis.Kronecker(left, right)
        Eigenvalues = values.toArray ()
    }

    /// The product blocks with eigenvalues from those of A, [groups; inputs], and G, [groups; outputs].
    let private withEigenvalues (combine: KroneckerFactors -> Tensor -> Tensor -> Tensor) (kfac: Kfac) =
        kfac.Factors
        |> Array.map (fun f ->
            let a, left = Linalg.eigh f.A
            let g, right = Linalg.eigh f.G
            kroneckerBlock f left right (combine f (Tensor.expandDims 2 a) (Tensor.expandDims 1 g)))

    /// <summary>The approximation as a matrix: A ⊗ G for each product.</summary>
    /// <param name="kfac">The factors.</param>
    /// <returns>The eigenvectors of a block are products of those of the factors; for each product O(a³ + b³). `BlockCurvature.inverse` damps it exactly.</returns>
    let curvature (kfac: Kfac) : BlockCurvature = {
        Size = kfac.Size
        Blocks = Array.append (withEigenvalues (fun _ a g -> a * g) kfac) kfac.Others
    }

    /// <summary>The approximation with factored damping: (A + π√δ I) ⊗ (G + (√δ/π) I) for each product, with π² the ratio of the mean eigenvalues of A and G.</summary>
    /// <param name="damping">δ; other parameters have it added to their exact blocks.</param>
    /// <param name="kfac">The factors.</param>
    /// <returns>The damped matrix; its inverse is that of the factors. Where a factor is zero, π = 1.</returns>
    /// <exception cref="T:Hesse.HesseException">The damping is negative.</exception>
    /// <remarks>Martens and Grosse 2015, section 6.3.</remarks>
    let factoredDamping (damping: float) (kfac: Kfac) : BlockCurvature =
        if not (damping >= 0.0) then
            raise (
                HesseException $"Kfac.factoredDamping: the damping is {damping}; wanted a number that is not negative"
            )

        let damp (_: KroneckerFactors) (a: Tensor) (g: Tensor) =
            // One π for each group; a and g are the eigenvalues, [groups; inputs; 1] and [groups; 1; outputs].
            let meanA, meanG = Tensor.meanAxis 1 a, Tensor.meanAxis 2 g

            let isPlain =
                Tensor.logicalNot (
                    Tensor.logicalAnd
                        (Tensor.greater meanA (Tensor.scalar 0.0))
                        (Tensor.greater meanG (Tensor.scalar 0.0))
                )

            let pi =
                Tensor.sqrt (Tensor.where isPlain (Tensor.ones meanA.Shape) (meanA / meanG)) |> Tensor.expandDims 2

            (a + pi * sqrt damping) * (g + sqrt damping / pi)

        {
            Size = kfac.Size
            Blocks =
                Array.append
                    (withEigenvalues damp kfac)
                    (kfac.Others
                     |> Array.map (fun b -> { b with Eigenvalues = b.Eigenvalues |> Array.map (fun x -> x + damping) }))
        }
