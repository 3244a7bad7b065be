namespace Hesse.Theory

open Hesse

/// Diagonals and diagonal blocks of curvature matrices, exactly, from the structure of a loss over examples. Normalisation layers have theirs
/// here: scales and shifts are not factors of a product, and their blocks are small.
[<RequireQualifiedAccess>]
module ExactBlocks =
    /// What means over the rows are at a point, as parts of the risk.
    let private atPoint (risk: EmpiricalRisk<'P>) (point: 'P) (means: 'P -> unit -> Tensor[]) =
        means point () |> Array.map (fun mean -> Examples.rowsPerMean risk * mean)

    /// <summary>The diagonal of (1/n) Σ JᵢᵀBᵢJᵢ (Σ for a loss that adds up): of the generalised Gauss–Newton matrix, the Fisher information, or the second moments of gradients.</summary>
    /// <param name="kind">Which B stands between the Jacobians.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>Length M.</returns>
    /// <exception cref="T:Hesse.HesseException">The rows of the model's outputs see each other; or Monte-Carlo draws of a loss that is not convex.</exception>
    /// <remarks>The gradients of parameters that meet a product at one place are squared as outer products, without being formed; so the cost is that of
    /// the backward passes (Dangel, Kunstner, Hennig 2020, "BackPACK", section 2).</remarks>
    let diagonal (kind: OutputCurvature) (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
        let operation = "ExactBlocks.diagonal"
        let pass = ExamplePass.create operation kind true risk point
        let products = pass.Observed.Products

        let means =
            ExamplePass.mean operation pass (fun () parts ->
                Array.append
                    (Array.init products.Length (ExamplePass.productSquares None parts))
                    (Array.init pass.Groups.Length (ExamplePass.squares parts)))
            |> atPoint risk point

        let result = Array.zeroCreate (Curvature.sizeOf point)

        let place positions (values: Tensor) = Array.iter2 (fun p v -> result[p] <- v) positions (values.toArray ())

        products |> Array.iteri (fun k p -> place p.Positions means[k])
        pass.Groups |> Array.iteri (fun k g -> place g.Positions means[products.Length + k])
        result

    /// The blocks of groups of parameters, in one pass.
    let private blocks operation kind (groups: (string * ParameterGroup)[]) (risk: EmpiricalRisk<'P>) (point: 'P) =
        let pass = {
            ExamplePass.create operation kind true risk point with
                Groups = Array.map snd groups
        }

        let means =
            ExamplePass.mean operation pass (fun () parts -> Array.init groups.Length (ExamplePass.outerProducts parts))
            |> atPoint risk point

        Array.map2 (fun (name, group) mean -> Kfac.exactBlock name group mean) groups means

    /// <summary>The diagonal blocks of (1/n) Σ JᵢᵀBᵢJᵢ, one for each tensor of the parameters.</summary>
    /// <param name="kind">Which B stands between the Jacobians.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ.</param>
    /// <returns>Dense blocks.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `diagonal`.</exception>
    let byTensor (kind: OutputCurvature) (risk: EmpiricalRisk<'P>) (point: 'P) : BlockCurvature =
        let layout = ParameterLayout.ofTree point

        let groups =
            ExamplePass.groupsByTensor point
            |> Array.map (fun g -> $"{layout.Parts[g.Leaves[0]].Path}: exact dense block of {g.Positions.Length}", g)

        {
            Size = Curvature.sizeOf point
            Blocks = blocks "ExactBlocks.byTensor" kind groups risk point
        }

    /// <summary>All of (1/n) Σ JᵢᵀBᵢJᵢ as one block, with its eigenvectors.</summary>
    /// <param name="kind">Which B stands between the Jacobians.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>One dense block: O(M³), for small models.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `diagonal`.</exception>
    let full (kind: OutputCurvature) (risk: EmpiricalRisk<'P>) (point: 'P) : BlockCurvature =
        let size = Curvature.sizeOf point
        let all = ExamplePass.groupOf point [| 0 .. (Tree.leaves point).Length - 1 |] [| 0 .. size - 1 |]

        {
            Size = size
            Blocks = blocks "ExactBlocks.full" kind [| $"dense {size} × {size}", all |] risk point
        }

    /// <summary>The diagonal of the Hessian of R.</summary>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>Length M.</returns>
    /// <remarks>M second-order jets of a chunk's loss, in blocks.</remarks>
    let hessianDiagonal (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
        let plan =
            risk.Plan "diagonal of the Hessian" (fun p _ chunk _ ->
                let theta, unravel = Tree.ravel p
                Diff.laplacianTerms (fun v -> risk.LossOf chunk (unravel v)) theta)

        let nothing = EmpiricalRisk.nothing
        risk.Sum (Curvature.sizeOf point) risk.Weight (fun chunk -> plan.One point nothing chunk nothing)
