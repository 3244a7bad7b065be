namespace Hesse.Tests

open System
open System.Collections.Generic
open Hesse
open Hesse.Kernels

/// Programs under construction, and what every way to make a step uses.
module internal ProgramBuilder =
    /// No comparison, maximum or rounding is closer to its kink than this, at the program's inputs.
    [<Literal>]
    let kinkDistance = 0.1

    /// Larger values are rejected, so that derivatives of order four keep their digits.
    [<Literal>]
    let largestValue = 6.0

    [<Literal>]
    let largestSize = 64L

    /// A step that cannot be made here; the generator tries another.
    exception Rejected

    /// A program under construction; every value is computed at once, so that its size and kinks are known.
    type Builder(random: Random, lengths: int[], dtype: DType) =
        let values = List<Node>()
        let steps = List<ProgramStep>()
        /// Keys: too large to be the argument of anything but a draw.
        let hidden = HashSet<int>()
        let mutable inputCount = 0

        member _.Random = random
        member _.Lengths = lengths
        member _.Count = values.Count
        member _.Steps = steps.ToArray()
        member _.Value(i: int) = values[i]
        member _.Shape(i: int) = values[i].Shape
        member _.Flip() = random.Next 2 = 0
        member _.Pick(items: 'a[]) = items[random.Next items.Length]
        member _.Length() = lengths[random.Next lengths.Length]

        /// ±(0.2 … 1.5).
        member b.Number() =
            let number = (0.2 + 1.3 * random.NextDouble()) * (if b.Flip() then 1.0 else -1.0)
            if dtype = DType.Float32 then float (float32 number) else number

        member b.RandomShape(maxRank: int) = Array.init (random.Next(maxRank + 1)) (fun _ -> b.Length())

        member b.Input(shape: int[]) =
            let data = Array.init (int (Shape.size shape)) (fun _ -> b.Number())
            values.Add(Graph.constantOf dtype shape data)
            inputCount <- inputCount + 1
            shape, data

        member private _.Add(step: ProgramStep, value: Node) =
            if Shape.size value.Shape > largestSize || value.Shape.Length > 4 then
                raise Rejected

            if value.Data |> Array.exists (fun x -> not (abs x <= largestValue)) then
                raise Rejected

            steps.Add step
            values.Add value
            values.Count - 1

        member b.Constant(shape: int[]) =
            let data = Array.init (int (Shape.size shape)) (fun _ -> b.Number())
            b.Add(Constant(shape, data), Graph.constantOf dtype shape data)

        member b.Data(shape: int[], data: float[]) = b.Add(Constant(shape, data), Graph.constantOf dtype shape data)
        member b.Full(shape: int[], value: float) = b.Add(Uniform(shape, value), Graph.full shape value)

        member b.Apply(primitive: Primitive, attr: Attr, [<ParamArray>] args: int[]) =
            let counting =
                args
                |> Array.indexed
                |> Array.filter (fun (i, a) -> Graph.countsForType primitive i && not values[a].IsWeak)
                |> Array.map (fun (_, a) -> values[a].DType)

            if (Array.distinct counting).Length > 1 then
                raise Rejected

            b.Add(
                Apply(primitive, attr, args),
                RandomPrograms.apply primitive attr (args |> Array.map (fun i -> values[i]))
            )

        /// A step whose value only the steps of its own maker read.
        member _.Hidden(primitive: Primitive, attr: Attr, [<ParamArray>] args: int[]) =
            steps.Add(Apply(primitive, attr, args))
            values.Add(RandomPrograms.apply primitive attr (args |> Array.map (fun i -> values[i])))
            hidden.Add(values.Count - 1) |> ignore
            values.Count - 1

        /// Forgets what was added since there were `count` values.
        member _.Undo(count: int) =
            hidden.RemoveWhere(fun i -> i >= count) |> ignore
            values.RemoveRange(count, values.Count - count)
            steps.RemoveRange(count - inputCount, steps.Count - (count - inputCount))

        /// Any value, the newest ones more often.
        member b.Any() : int =
            let n = values.Count
            let i = if random.Next 2 = 0 then random.Next n else n - 1 - random.Next(min n 4)
            if hidden.Contains i then b.Any() else i

        member b.AnyOfRank(least: int) =
            let found = [|
                for i in 0 .. values.Count - 1 do
                    if values[i].Shape.Length >= least && not (hidden.Contains i) then
                        i
            |]

            if found.Length > 0 && random.Next 8 > 0 then
                b.Pick found
            else
                b.Constant(Array.init (max least 1) (fun _ -> b.Length()))

        /// A value of exactly this shape: one that there is, a constant, or another one summed and repeated.
        member b.Like(shape: int[]) =
            let found = [|
                for i in 0 .. values.Count - 1 do
                    if values[i].Shape = shape && not (hidden.Contains i) then
                        i
            |]

            match random.Next 6 with
            | 0 -> b.Constant shape
            | 1 -> b.Full(shape, b.Pick [| 0.0; 1.0; -1.0; 2.0; 0.5 |])
            | 2 ->
                let x = b.Any()
                let total = b.Apply(Linear.sumP, Axes [| 0 .. (b.Shape x).Length - 1 |], x)
                b.Apply(Linear.broadcastP, Spread(shape, [||]), total)
            | _ when found.Length > 0 -> b.Pick found
            | _ -> b.Constant shape

        /// offset + x², at least `offset` whatever x is.
        member b.AtLeast(offset: float, x: int) =
            let square = b.Apply(Linear.mulP, NoAttr, x, x)
            b.Apply(Linear.addP, NoAttr, square, b.Full(b.Shape x, offset))

    /// The elements of the result as a list of axis positions, each kept with probability one half.
    let subset (b: Builder) (rank: int) = [| 0 .. rank - 1 |] |> Array.filter (fun _ -> b.Flip())

    let shuffle (b: Builder) (items: 'a[]) =
        items |> Array.map (fun x -> b.Random.Next(), x) |> Array.sortBy fst |> Array.map snd

    let require condition =
        if not condition then
            raise Rejected

    let differ (b: Builder) x y =
        require (Array.forall2 (fun p q -> abs (p - q) > kinkDistance) (b.Value x).Data (b.Value y).Data)
