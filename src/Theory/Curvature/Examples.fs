namespace Hesse.Theory

open System
open Hesse

/// Single rows of a data set: the loss of each by itself, and sums over them in chunks.
module internal Examples =
    let private asRow (x: Tensor) = Tensor.reshape (Array.append [| 1 |] x.Shape) x

    /// The first row of the inputs, for its shape.
    let first (risk: EmpiricalRisk<'P>) : Tensor =
        let inputs = risk.Chunks[0].Inputs
        Tensor.reshape inputs.Shape[1..] (Tensor.slice 0 0 1 1 inputs)

    /// The predictions for one row, as one vector of length C.
    let outputs (risk: EmpiricalRisk<'P>) (p: 'P) (x: Tensor) : Tensor = Tensor.flatten (risk.Model p (asRow x))

    /// The loss of one row as a function of its predictions as one vector. The shape of the predictions is found at a point.
    let lossOfOutputs (risk: EmpiricalRisk<'P>) (point: 'P) : Tensor -> Tensor -> Tensor =
        let shape = (risk.Model point (asRow (first risk))).Shape
        fun f t -> risk.Loss (Tensor.reshape shape f) (asRow t)

    /// The loss of one row, and its target.
    let loss (risk: EmpiricalRisk<'P>) (p: 'P) (x: Tensor, t: Tensor) : Tensor =
        risk.Loss (risk.Model p (asRow x)) (asRow t)

    /// Raises the error about rows that see each other, unless the loss and the model treat them apart.
    let check (operation: string) (risk: EmpiricalRisk<'P>) (point: 'P) : unit =
        let isSingle = Tree.leaves point |> Array.exists (fun leaf -> leaf.DType = DType.Float32)

        try
            EmpiricalRisk.checkRows (if isSingle then 1e-4 else 1e-9) risk point
        with :? HesseException as e ->
            raise (HesseException $"{operation}: {e.Message}")

    /// Results of a compiled function of numbers [b], inputs [b; …] and targets [b; …] of rows, chunk by chunk.
    let mapChunks (f: Tensor * Tensor * Tensor -> 'Y) (risk: EmpiricalRisk<'P>) : 'Y list =
        let results = Collections.Generic.List<'Y>()
        risk.EachChunk(fun chunk -> results.Add(f (chunk.Rows, chunk.Inputs, chunk.Targets)))
        List.ofSeq results

    /// How often the mean over the rows counts in the risk: once for a loss that averages, n times for one that adds up.
    let rowsPerMean (risk: EmpiricalRisk<'P>) : float =
        match risk.Options.Reduction with
        | LossReduction.Mean -> 1.0
        | LossReduction.Sum -> float risk.Count

/// Risks of some of the parameters.
[<RequireQualifiedAccess>]
module RestrictedRisk =
    /// The risk as a function of some tensors of the parameters; the others stay as they are.
    let internal ofLeaves (isFree: bool[]) (risk: EmpiricalRisk<'P>) (point: 'P) : EmpiricalRisk<Tensor[]> * Tensor[] =
        let leaves = Tree.leaves point

        let merge (values: Tensor[]) : 'P =
            let next = Collections.Generic.Queue values

            let merged =
                Collections.Generic.Queue(
                    Array.map2 (fun free leaf -> if free then next.Dequeue() else leaf) isFree leaves
                )

            point |> Tree.map (fun _ -> merged.Dequeue())

        let whole (part: DataChunk -> Tensor) =
            match risk.Chunks with
            | [| one |] -> part one
            | chunks -> Tensor.concat 0 (chunks |> Array.map part)

        EmpiricalRisk.createWith
            risk.Options
            (fun values x -> risk.Model (merge values) x)
            risk.Loss
            (whole _.Inputs)
            (whole _.Targets),
        Array.zip isFree leaves |> Array.filter fst |> Array.map snd

    /// Which tensors lie below a path.
    let internal leavesBelow (path: string) (layout: ParameterLayout) : bool[] =
        let struct (start, length) = ParameterLayout.range path layout
        layout.Parts |> Array.map (fun p -> p.Start >= start && p.Start + p.Length <= start + length)

    /// <summary>A risk as a function of one part of the parameters; the others stay as they are.</summary>
    /// <param name="path">A path of the tree (<c>Tree.paths</c>), or the beginning of one: <c>[2]</c> for the third layer of a list.</param>
    /// <param name="risk">The model, the loss and the data.</param>
    /// <param name="point">θ.</param>
    /// <returns>The risk of the tensors below the path, and these at θ: for the last layer of a network alone, or one block of it.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path; the message lists those that exist.</exception>
    let ofPath (path: string) (risk: EmpiricalRisk<'P>) (point: 'P) : EmpiricalRisk<Tensor[]> * Tensor[] =
        ofLeaves (leavesBelow path (ParameterLayout.ofTree point)) risk point
