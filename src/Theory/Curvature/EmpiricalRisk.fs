namespace Hesse.Theory

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Numerics.Tensors
open System.Threading
open Hesse

/// What a loss does with the rows of a batch.
[<RequireQualifiedAccess>]
type LossReduction =
    /// It averages over the rows, as the functions of <c>Losses</c> do.
    | Mean
    /// It adds up over the rows.
    | Sum

/// How a sum over a data set is taken.
type RiskOptions = {
    /// How many rows of the data are taken at once; memory for intermediate values grows with it, results do not depend on it.
    Chunk: int
    /// Most bytes that an operator at a fixed point keeps from product to product: what its kernel makes of parameters and data alone
    /// (activations, cotangents). The chunks that do not fit are computed from scratch in every product; results do not depend on it. 0 keeps nothing.
    Kept: int64
    /// What the loss does with the rows of a batch; the same is done over the whole data set.
    Reduction: LossReduction
    /// Ends a product between two chunks with an <c>OperationCanceledException</c>.
    Cancellation: CancellationToken
    /// Called after each chunk with the number of rows that are done and the number of all rows.
    Progress: int -> int -> unit
} with

    /// Chunks of 1,024 rows, 512 MiB kept, the mean over the rows, no cancellation, silence.
    static member Default = {
        Chunk = 1024
        Kept = 512L <<< 20
        Reduction = LossReduction.Mean
        Cancellation = CancellationToken.None
        Progress = fun _ _ -> ()
    }

/// Some rows of a data set.
type internal DataChunk = {
    Inputs: Tensor
    Targets: Tensor
    /// The numbers of the rows in the whole data set.
    Rows: Tensor
    Start: int
    Count: int
} with

    /// Chunks of so many rows, the last one with what is left; a single one is the data itself.
    static member Cut(size: int, inputs: Tensor, targets: Tensor) : DataChunk[] =
        let n = inputs.Shape[0]

        [|
            for start in 0..size .. n - 1 do
                let stop = min n (start + size)
                let part (t: Tensor) = if stop - start = n then t else Tensor.slice 0 start stop 1 t

                {
                    Inputs = part inputs
                    Targets = part targets
                    Rows = Tensor.ofArray [| for i in start .. stop - 1 -> float i |]
                    Start = start
                    Count = stop - start
                }
        |]

/// What a compiled kernel gets: parameters, a vector, a chunk, and one more tensor of the caller's (a key, an output gradient, …).
type internal Kernel<'P> = 'P -> Tensor -> DataChunk -> Tensor -> Tensor

/// A kernel that is compiled for one vector and for a batch of vectors, once for each number of rows in a chunk.
[<Sealed>]
type internal ChunkPlan<'P>(kernel: Kernel<'P>) =
    let call (p, v, (x, t, rows), extra) =
        kernel p v { Inputs = x; Targets = t; Rows = rows; Start = 0; Count = x.Shape[0] } extra

    let single = Diff.compileInto call

    let batched =
        Diff.compileInto (fun (p, vectors, chunk, extra) -> Diff.vmap (fun v -> call (p, v, chunk, extra)) vectors)

    let stagedSingle = Diff.compileStagedInto (fun (p, chunk, extra) v -> call (p, v, chunk, extra))

    let stagedBatched =
        Diff.compileStagedInto (fun (p, chunk, extra) vectors -> Diff.vmap (fun v -> call (p, v, chunk, extra)) vectors)

    static let parts (chunk: DataChunk) = chunk.Inputs, chunk.Targets, chunk.Rows

    /// Writes the kernel's result for one vector of any shape.
    member _.One (point: 'P) (v: Tensor) (chunk: DataChunk) (extra: Tensor) (target: float[]) =
        single (point, v, parts chunk, extra) target

    /// Writes the kernel's results for the rows of a matrix.
    member _.Many (point: 'P) (vectors: Tensor) (chunk: DataChunk) (extra: Tensor) (target: float[]) =
        batched (point, vectors, parts chunk, extra) target

    /// The kernel of one vector at a point and a chunk.
    member _.OneAt (point: 'P) (extra: Tensor) (chunk: DataChunk) : Staged<Tensor> =
        stagedSingle (point, parts chunk, extra)

    /// The kernel of the rows of a matrix at a point and a chunk.
    member _.ManyAt (point: 'P) (extra: Tensor) (chunk: DataChunk) : Staged<Tensor> =
        stagedBatched (point, parts chunk, extra)

/// The kernel at every chunk for so many vectors at once, and which chunks are kept.
type internal KeptChunks = {
    Parts: Staged<Tensor>[]
    IsKept: bool[]
    /// Bytes of what is kept.
    mutable Bytes: int64
}

/// A kernel at a fixed point, for many products: what it makes of the point and a chunk alone is kept, as far as there is room.
[<Sealed>]
type internal PointPlan<'P>(plan: ChunkPlan<'P>, point: 'P, extra: Tensor, chunks: DataChunk[], room: int64) =
    // By the number of vectors, 0 for one alone.
    let kinds = Dictionary<int, KeptChunks>()

    let kindOf (count: int) =
        match kinds.TryGetValue count with
        | true, kind -> kind
        | _ ->
            let at = if count = 0 then plan.OneAt point extra else plan.ManyAt point extra

            kinds[count] <- {
                Parts = Array.map at chunks
                IsKept = Array.zeroCreate chunks.Length
                Bytes = 0L
            }

            kinds[count]

    /// Whether a chunk is or may be kept. What was kept for other numbers of vectors makes room.
    let keeps (count: int) (i: int) (v: Tensor) =
        let kind = kindOf count

        if not kind.IsKept[i] then
            let bytes = kind.Parts[i].MissingBytes v
            let others = kinds.Values |> Seq.sumBy _.Bytes |> (+) -kind.Bytes

            if kind.Bytes + bytes <= room then
                if kind.Bytes + others + bytes > room then
                    for other in Seq.toArray kinds.Keys do
                        if other <> count then
                            kinds.Remove other |> ignore

                kind.IsKept[i] <- true
                kind.Bytes <- kind.Bytes + bytes

        struct (kind.Parts[i], kind.IsKept[i])

    let run count (v: Tensor) (chunk: DataChunk) (target: float[]) =
        let struct (part, isKept) = lock kinds (fun () -> keeps count (chunk.Start / chunks[0].Count) v)

        if isKept then part.Run(v, target) else part.RunOnce(v, target)

    /// Bytes of what is kept now.
    member _.KeptBytes =
        lock kinds (fun () -> kinds.Values |> Seq.sumBy (fun kind -> kind.Parts |> Array.sumBy _.KeptBytes))

    /// Writes the kernel's result for one vector of any shape.
    member _.One (v: Tensor) (chunk: DataChunk) (target: float[]) = run 0 v chunk target

    /// Writes the kernel's results for the rows of a matrix.
    member _.Many (vectors: Tensor) (chunk: DataChunk) (target: float[]) = run vectors.Shape[0] vectors chunk target

/// <summary>A loss over a data set, L(θ) = (1/n) Σᵢ ℓ(f(θ, xᵢ), tᵢ) or the sum, which is never evaluated at more rows at once than a chunk has.
/// Plans are compiled once for each size of chunk and serve every θ. Made by <c>EmpiricalRisk.create</c>; safe from several threads.</summary>
[<Sealed>]
type EmpiricalRisk<'P>
    internal
    (model: 'P -> Tensor -> Tensor, loss: Tensor -> Tensor -> Tensor, chunks: DataChunk[], options: RiskOptions) =
    let n = chunks |> Array.sumBy _.Count
    let plans = ConcurrentDictionary<string, ChunkPlan<'P>>()

    /// f, from parameters and inputs [c; …] to predictions [c; …].
    member _.Model = model

    /// ℓ, from predictions and targets of the same rows to a scalar.
    member _.Loss = loss

    /// The number of rows n.
    member _.Count = n

    /// How sums are taken.
    member _.Options = options

    member internal _.Chunks = chunks

    /// What a chunk's loss, by the loss's own reduction, counts in the whole.
    member internal _.Weight(chunk: DataChunk) =
        match options.Reduction with
        | LossReduction.Mean -> float chunk.Count / float n
        | LossReduction.Sum -> 1.0

    /// The loss of a chunk.
    member internal _.LossOf (chunk: DataChunk) (point: 'P) = loss (model point chunk.Inputs) chunk.Targets

    /// The plans of a kernel, which the name stands for.
    member internal _.Plan (name: string) (kernel: Kernel<'P>) : ChunkPlan<'P> =
        plans.GetOrAdd(name, (fun _ -> ChunkPlan kernel))

    /// A kernel's plans for many products at one point.
    member internal _.At (plan: ChunkPlan<'P>) (point: 'P) (extra: Tensor) : PointPlan<'P> =
        PointPlan(plan, point, extra, chunks, options.Kept)

    /// Does something with every chunk in turn.
    member internal _.EachChunk(act: DataChunk -> unit) =
        for chunk in chunks do
            options.Cancellation.ThrowIfCancellationRequested()
            act chunk
            options.Progress (chunk.Start + chunk.Count) n

    /// Σ weight · value over the chunks, where `run` writes the value of a chunk into an array of this length.
    member internal risk.Sum (length: int) (weight: DataChunk -> float) (run: DataChunk -> float[] -> unit) : float[] =
        let total, part = Array.zeroCreate<float> length, Array.zeroCreate<float> length

        risk.EachChunk(fun chunk ->
            run chunk part

            TensorPrimitives.MultiplyAdd(
                ReadOnlySpan<float> part,
                weight chunk,
                ReadOnlySpan<float> total,
                Span<float> total
            ))

        total

/// Losses over data sets, in chunks.
[<RequireQualifiedAccess>]
module EmpiricalRisk =
    let private fail (message: string) = raise (HesseException $"EmpiricalRisk: {message}")

    let private show (t: Tensor) = "[" + String.Join("; ", t.Shape) + "]"

    let internal nothing = Tensor.zeros [ 0 ]

    /// <summary>A loss over a data set.</summary>
    /// <param name="options">Size of the chunks, reduction, cancellation, progress.</param>
    /// <param name="model">f(θ, x): parameters and inputs [c; …] to predictions [c; …], row by row.</param>
    /// <param name="loss">ℓ: predictions and targets of the same rows to a scalar, the mean or the sum over rows as the options say. Only its
    /// derivatives are needed; it need not be convex.</param>
    /// <param name="inputs">Shape [n; …].</param>
    /// <param name="targets">Shape [n; …].</param>
    /// <returns>The loss; the data is held in chunks beside the tensors that are given.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no data, inputs and targets differ in their number of rows, the chunk is below 1, or the bytes kept are below 0.</exception>
    let createWith
        (options: RiskOptions)
        (model: 'P -> Tensor -> Tensor)
        (loss: Tensor -> Tensor -> Tensor)
        (inputs: Tensor)
        (targets: Tensor)
        : EmpiricalRisk<'P> =
        if inputs.Rank = 0 || targets.Rank = 0 || inputs.Shape[0] <> targets.Shape[0] then
            fail
                $"inputs {show inputs} and targets {show targets}: the first lengths must be the number of rows of both; give one target for each input"

        if inputs.Shape[0] = 0 then
            fail $"no data: inputs {show inputs}; give at least one row"

        if options.Chunk < 1 then
            fail $"chunks of {options.Chunk} rows; want at least 1"

        if options.Kept < 0L then
            fail $"{options.Kept} bytes to be kept; want at least 0, which keeps nothing"

        EmpiricalRisk<'P>(model, loss, DataChunk.Cut(options.Chunk, inputs, targets), options)

    /// <summary>A loss over a data set with the default options: chunks of 1,024 rows and a loss that averages over the rows.</summary>
    /// <param name="model">f(θ, x): parameters and inputs [c; …] to predictions [c; …], row by row.</param>
    /// <param name="loss">ℓ: predictions and targets of the same rows to a scalar, their mean.</param>
    /// <param name="inputs">Shape [n; …].</param>
    /// <param name="targets">Shape [n; …].</param>
    /// <returns>The loss.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no data, or inputs and targets differ in their number of rows.</exception>
    let create (model: 'P -> Tensor -> Tensor) loss (inputs: Tensor) (targets: Tensor) : EmpiricalRisk<'P> =
        createWith RiskOptions.Default model loss inputs targets

    /// <summary>A loss that needs no data, so that everything that is made from a risk is there for any scalar function.</summary>
    /// <param name="loss">L, a scalar function of a tree of parameters.</param>
    /// <returns>A risk of one row whose prediction is the loss itself; its Gauss–Newton operator is therefore zero.</returns>
    let ofFunction (loss: 'P -> Tensor) : EmpiricalRisk<'P> =
        let row = Tensor.zeros [ 1; 1 ]
        create (fun point _ -> Tensor.reshape [ 1; 1 ] (loss point)) (fun f _ -> Tensor.sum f) row row

    /// <summary>The same loss on the same data with other options; plans are compiled anew.</summary>
    /// <param name="change">From the present options to the new ones.</param>
    /// <param name="risk">The loss.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="T:Hesse.HesseException">The chunk is below 1.</exception>
    let withOptions (change: RiskOptions -> RiskOptions) (risk: EmpiricalRisk<'P>) : EmpiricalRisk<'P> =
        let whole (part: DataChunk -> Tensor) =
            match risk.Chunks with
            | [| one |] -> part one
            | chunks -> Tensor.concat 0 (chunks |> Array.map part)

        createWith (change risk.Options) risk.Model risk.Loss (whole _.Inputs) (whole _.Targets)

    /// <summary>The same loss on the data rounded to float32, for points in float32 (<c>Tree.map Tensor.toFloat32 point</c>): products take about half
    /// the time, with relative errors of about 1e-6. Sums over chunks are float64. <c>Eigenpairs.computeMixed</c> searches with such an operator.</summary>
    /// <param name="risk">The loss over float64 data, with a model and a loss that fix no precision themselves.</param>
    /// <returns>The loss; its data is another copy.</returns>
    let toFloat32 (risk: EmpiricalRisk<'P>) : EmpiricalRisk<'P> =
        let rounded (chunk: DataChunk) = {
            chunk with
                Inputs = Tensor.toFloat32 chunk.Inputs
                Targets = Tensor.toFloat32 chunk.Targets
        }

        EmpiricalRisk<'P>(risk.Model, risk.Loss, Array.map rounded risk.Chunks, risk.Options)

    let private scalarLoss (risk: EmpiricalRisk<'P>) (chunk: DataChunk) (point: 'P) =
        let value = risk.LossOf chunk point

        if value.Rank <> 0 then
            fail
                $"the loss of predictions and targets has shape {show value}, want a scalar; take the mean or the sum over the rows"

        value

    /// <summary>L(θ).</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ.</param>
    /// <returns>The value.</returns>
    /// <exception cref="T:Hesse.HesseException">The loss is no scalar, or not finite.</exception>
    let value (risk: EmpiricalRisk<'P>) (point: 'P) : float =
        let plan = risk.Plan "value" (fun p _ chunk _ -> scalarLoss risk chunk p)
        let total = risk.Sum 1 risk.Weight (fun chunk -> plan.One point nothing chunk nothing)

        if not (Double.IsFinite total[0]) then
            fail
                $"the loss is {total[0]}; look for inputs, targets or parameters that are not finite, and for the operation with Diff.checkFinite"

        total[0]

    /// <summary>∇L(θ), raveled.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ.</param>
    /// <returns>Length M, in the order of <c>Tree.ravel</c>.</returns>
    /// <exception cref="T:Hesse.HesseException">The loss is no scalar, or its gradient is not finite.</exception>
    let gradient (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
        let plan =
            risk.Plan "gradient" (fun p _ chunk _ -> fst (Tree.ravel (Diff.grad (scalarLoss risk chunk) p)))

        let m = Tree.leaves point |> Array.sumBy _.Size
        let total = risk.Sum m risk.Weight (fun chunk -> plan.One point nothing chunk nothing)

        if not (TensorPrimitives.IsFiniteAll(ReadOnlySpan<float> total)) then
            fail
                "the gradient is not finite; look for inputs, targets or parameters that are not, and for the operation with Diff.checkFinite"

        total

    /// <summary>Checks what sums over chunks take on trust: predictions and losses of a batch are those of its rows, and the loss reduces
    /// as the options say.</summary>
    /// <param name="tolerance">Largest relative difference allowed; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ.</param>
    /// <exception cref="T:Hesse.HesseException">Rows influence each other (as in batch normalisation), or the reduction is another one.</exception>
    let checkRows (tolerance: float) (risk: EmpiricalRisk<'P>) (point: 'P) : unit =
        let chunk = risk.Chunks[0]
        let count = min 3 chunk.Count
        let rows first last (t: Tensor) = Tensor.slice 0 first last 1 t
        let x, t = rows 0 count chunk.Inputs, rows 0 count chunk.Targets
        let predictions = risk.Model point x
        let apart (a: Tensor) (b: Tensor) = (Tensor.max (Tensor.abs (a - b))).item()
        let size = (Tensor.max (Tensor.abs predictions)).item()
        let alone = [| for i in 0 .. count - 1 -> risk.Model point (rows i (i + 1) x) |]
        let distance = apart predictions (Tensor.concat 0 alone)

        if not (distance <= tolerance * max 1.0 size) then
            fail
                $"the predictions of {count} rows together differ from those of the rows alone by {distance:G3}; take batch normalisation in evaluation mode, and nothing else that mixes rows"

        let whole = (risk.Loss predictions t).item()
        let parts = alone |> Array.mapi (fun i f -> (risk.Loss f (rows i (i + 1) t)).item())

        let sum, mean = Array.sum parts, Array.average parts

        let expected, other, name, others =
            match risk.Options.Reduction with
            | LossReduction.Mean -> mean, sum, "mean", "Sum"
            | LossReduction.Sum -> sum, mean, "sum", "Mean"

        let near a b = abs (a - b) <= tolerance * max 1.0 (abs a)

        if not (near expected whole) then
            let advice =
                if near other whole then
                    $"set Reduction = LossReduction.{others}"
                else
                    "give a loss that is the mean or the sum over the rows"

            fail $"the loss of {count} rows is {whole}, the {name} over the rows is {expected}; {advice}"
