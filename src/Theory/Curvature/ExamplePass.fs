namespace Hesse.Theory

open Hesse

/// Some parameters whose derivatives are wanted as they are, not as products.
type internal ParameterGroup = {
    /// The tensors that they are in.
    Leaves: int[]
    /// Their places in the raveled parameters.
    Positions: int[]
    /// Their places among the elements of those tensors.
    Within: int[]
}

/// One backward pass over every example for each vector v of its output curvature, and what is read off it.
type internal ExamplePass<'P> = {
    Risk: EmpiricalRisk<'P>
    /// One row's loss, of its outputs as one vector.
    Loss: Tensor -> Tensor -> Tensor
    Kind: OutputCurvature
    Observed: ObservedFunction<'P, Tensor, Tensor>
    Groups: ParameterGroup[]
}

/// What the pass finds for one example; with a leading axis b for a chunk of them.
type internal ExampleParts = {
    /// a of each product, [groups; places; inputs].
    Inputs: Tensor[]
    /// Jᵀv at each product, [m; groups; places; outputs].
    Slopes: Tensor[]
    /// Jᵀv of each group of parameters, [m; s].
    Rows: Tensor[]
    /// Weights of the vectors, [m].
    Weights: Tensor
    /// Lowest relative eigenvalue of the output Hessian, where it matters.
    Lowest: Tensor
}

module internal ExamplePass =
    /// All parameters of some tensors.
    let groupOf (parameters: 'P) (leaves: int[]) (positions: int[]) : ParameterGroup =
        let sizes = Tree.leaves parameters |> Array.map (fun l -> l.Size)
        let starts = Array.scan (+) 0 sizes
        // For each tensor its first place among those of the group.
        let firsts = leaves |> Array.scan (fun at leaf -> at + sizes[leaf]) 0

        let within position =
            let k = leaves |> Array.findIndex (fun leaf -> position < starts[leaf + 1] && position >= starts[leaf])
            position - starts[leaves[k]] + firsts[k]

        { Leaves = leaves; Positions = positions; Within = Array.map within positions }

    /// Each tensor as one group.
    let groupsByTensor (parameters: 'P) : ParameterGroup[] =
        let starts = Tree.leaves parameters |> Array.map (fun l -> l.Size) |> Array.scan (+) 0

        [| 0 .. starts.Length - 2 |]
        |> Array.filter (fun leaf -> starts[leaf + 1] > starts[leaf])
        |> Array.map (fun leaf -> groupOf parameters [| leaf |] [| starts[leaf] .. starts[leaf + 1] - 1 |])

    let create operation kind joinBiases (risk: EmpiricalRisk<'P>) (point: 'P) : ExamplePass<'P> =
        OutputCurvature.check operation kind
        Examples.check operation risk point
        let observed = ParameterProducts.observe joinBiases (Examples.outputs risk) point (Examples.first risk)

        {
            Risk = risk
            Loss = Examples.lossOfOutputs risk point
            Kind = kind
            Observed = observed
            Groups = observed.Others |> Array.map (fun o -> groupOf point [| o.Leaf |] o.Positions)
        }

    /// The parts of one example.
    let private example (pass: ExamplePass<'P>) (point: 'P) (number: Tensor, x: Tensor, t: Tensor) : ExampleParts =
        let noShifts = pass.Observed.NoShifts

        let f, pullback =
            Diff.vjp (fun (shifts, p) -> fst (pass.Observed.Apply(p, x, shifts))) (noShifts, point)

        let vectors, weights, lowest = OutputCurvature.vectors pass.Kind pass.Loss number f t

        let slopes, rows =
            vectors
            |> Diff.vmap (fun v ->
                let slopes, gradient = pullback v
                let leaves = Tree.leaves gradient

                let row group =
                    let all = Tensor.concat 0 (group.Leaves |> Array.map (fun leaf -> Tensor.flatten leaves[leaf]))
                    Tensor.gather 0 (Tensor.ofArray (Array.map float group.Within)) all

                slopes, Array.map row pass.Groups)

        {
            Inputs = snd (pass.Observed.Apply(point, x, noShifts))
            Slopes = slopes
            Rows = rows
            Weights = weights
            Lowest = lowest
        }

    /// Means over the rows of what is summed over a chunk's parts, as a function of θ and a further argument of the sums; float64. It is compiled
    /// once and serves every θ.
    let mean (operation: string) (pass: ExamplePass<'P>) (sums: 'A -> ExampleParts -> Tensor[]) : 'P -> 'A -> Tensor[] =
        let ofChunk =
            Diff.compile (fun (point, argument, chunk) ->
                let parts = Diff.vmap (example pass point) chunk
                sums argument parts |> Array.map Tensor.toFloat64, Tensor.min parts.Lowest)

        fun point argument ->
            pass.Risk
            |> Examples.mapChunks (fun chunk -> ofChunk (point, argument, chunk))
            |> List.map (fun (sums, lowest) ->
                OutputCurvature.checkConvex operation lowest
                sums)
            |> List.reduce (Array.map2 (+))
            |> Array.map (fun sum -> sum / float pass.Risk.Count)

    // ----- sums over a chunk -----

    let private weighted (weights: Tensor) (t: Tensor) =
        t * Tensor.reshape (Array.append weights.Shape (Array.create (t.Rank - 2) 1)) weights

    /// Σ w (Jᵀv)(Jᵀv)ᵀ of a group, [s; s].
    let outerProducts (parts: ExampleParts) (group: int) : Tensor =
        let rows = parts.Rows[group]
        Tensor.einsum "bms,bmt->st" [ weighted parts.Weights rows; rows ]

    /// Σ w (Jᵀv)² of a group, [s].
    let squares (parts: ExampleParts) (group: int) : Tensor =
        Tensor.einsum "bms,bm->s" [ Tensor.square parts.Rows[group]; parts.Weights ]

    /// Σ w (Lᵀ (Jᵀv) R)² of the parameters of a product, [groups; inputs; outputs]; L and R are given in a basis, or are unit matrices.
    let productSquares (basis: (Tensor * Tensor) option) (parts: ExampleParts) (product: int) : Tensor =
        let a, g = parts.Inputs[product], parts.Slopes[product]

        let a, g =
            match basis with
            | None -> a, g
            | Some(left, right) ->
                Tensor.einsum "bdri,dij->bdrj" [ Tensor.toFloat64 a; left ],
                Tensor.einsum "bmdro,dop->bmdrp" [ Tensor.toFloat64 g; right ]

        let weights = if basis.IsSome then Tensor.toFloat64 parts.Weights else parts.Weights

        if a.Shape[2] = 1 then
            // The square of an outer product is the outer product of squares.
            Tensor.einsum "bdri,bmdro,bm->dio" [ Tensor.square a; Tensor.square g; weights ]
        else
            let gradients = Tensor.einsum "bdri,bmdro->bmdio" [ a; g ]
            Tensor.einsum "bmdio,bm->dio" [ Tensor.square gradients; weights ]

    /// Σ w ∇ ∇_b of every parameter of a product with a bias and the bias of its unit, [groups; inputs; outputs]; the last input's are those of
    /// the biases with themselves.
    let biasCouplings (parts: ExampleParts) (product: int) : Tensor =
        let a, g = parts.Inputs[product], parts.Slopes[product]
        let last axis (t: Tensor) = Tensor.slice axis (t.Shape[axis] - 1) t.Shape[axis] 1 t

        if a.Shape[2] = 1 then
            Tensor.einsum "bdri,bdrj,bmdro,bm->dio" [ a; last 3 a; Tensor.square g; parts.Weights ]
        else
            let gradients = Tensor.einsum "bdri,bmdro->bmdio" [ a; g ]
            Tensor.einsum "bmdio,bmdjo,bm->dio" [ gradients; last 3 gradients; parts.Weights ]

    /// Σ a aᵀ and Σ w g gᵀ of a product, over all its places (expand) or of the sums over its places (reduce).
    let factors (reduce: bool) (parts: ExampleParts) (product: int) : Tensor * Tensor =
        let a, g = parts.Inputs[product], parts.Slopes[product]
        let places = float a.Shape[2]

        let a, g, aScale, gScale =
            if reduce then
                Tensor.einsum "bdri->bdi" [ a ] |> Tensor.expandDims 2,
                Tensor.einsum "bmdro->bmdo" [ g ] |> Tensor.expandDims 3,
                1.0 / (places * places),
                1.0
            else
                a, g, 1.0, 1.0 / places

        aScale * Tensor.einsum "bdri,bdrj->dij" [ a; a ],
        gScale * Tensor.einsum "bmdro,bmdrp->dop" [ weighted parts.Weights g; g ]

    /// Σ w ∇ G ∇ᵀ and Σ w ∇ᵀ A ∇ for the gradients ∇ = Σ a gᵀ of Jᵀv with respect to the parameters of a product, [groups; inputs; outputs].
    let contractions (a: Tensor, g: Tensor) (parts: ExampleParts) (product: int) : Tensor * Tensor =
        let x, s = Tensor.toFloat64 parts.Inputs[product], Tensor.toFloat64 parts.Slopes[product]
        let w = Tensor.toFloat64 parts.Weights

        Tensor.einsum "bdri,bmdro,dop,bmdsp,bdsj,bm->dij" [ x; s; g; s; x; w ],
        Tensor.einsum "bdri,bmdro,dij,bmdsp,bdsj,bm->dop" [ x; s; a; s; x; w ]
