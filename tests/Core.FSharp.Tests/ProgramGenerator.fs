namespace Hesse.Tests

open System
open System.Collections.Generic
open Hesse
open Hesse.Kernels
open Hesse.Tests.ProgramBuilder
open Hesse.Tests.MatrixMakers

/// Random well-typed programs over all primitives.
///
/// Values stay of order one. Arguments of functions with a restricted domain (log, sqrt, pow, div, log1p) pass through a
/// guard that is inside the domain for every input; kinks (max, abs, sign, floor, comparisons) are kept at a distance from the
/// program's own inputs, so that finite differences are valid there.
module internal ProgramGenerator =
    let private unary primitive (b: Builder) = b.Apply(primitive, NoAttr, b.Any())

    let private guarded primitive offset (b: Builder) = b.Apply(primitive, NoAttr, b.AtLeast(offset, b.Any()))

    let private binary primitive (b: Builder) =
        let x = b.Any()
        let y = b.Like(b.Shape x)

        if b.Flip() then
            b.Apply(primitive, NoAttr, x, y)
        else
            b.Apply(primitive, NoAttr, y, x)

    /// Two arguments that are nowhere close.
    let private separated primitive (b: Builder) =
        let x = b.Any()
        let y = b.Like(b.Shape x)
        differ b x y
        b.Apply(primitive, NoAttr, x, y)

    /// One argument with no element close to a multiple of `period`; a period of infinity stands for zero only.
    let private awayFrom (period: float) primitive (b: Builder) =
        let x = b.Any()

        require (
            (b.Value x).Data
            |> Array.forall (fun v ->
                let nearest = if Double.IsInfinity period then 0.0 else period * Math.Round(v / period)
                abs (v - nearest) > kinkDistance)
        )

        b.Apply(primitive, NoAttr, x)

    let private select (b: Builder) =
        let x = b.Any()
        let shape = b.Shape x
        let p, q = b.Like shape, b.Like shape
        differ b p q
        let mask = b.Apply(Elementwise.greaterP, NoAttr, p, q)
        b.Apply(Elementwise.selectP, NoAttr, mask, x, b.Like shape)

    let private broadcast (b: Builder) =
        let x = b.Any()
        let inner = b.Shape x
        let added = b.Random.Next 3
        let rank = inner.Length + added
        let axes = shuffle b [| 0 .. rank - 1 |] |> Array.truncate inner.Length |> Array.sort

        let shape =
            Array.init rank (fun d ->
                match Array.IndexOf(axes, d) with
                | -1 -> b.Length()
                | i -> inner[i])

        b.Apply(Linear.broadcastP, Spread(shape, axes), x)

    let private reshape (b: Builder) =
        let x = b.Any()
        let size = int (Shape.size (b.Shape x))

        let rec split n parts =
            if n = 0 then
                [| 0 |]
            elif parts = 1 then
                [| n |]
            else
                let d =
                    b.Pick [|
                        for d in 1..n do
                            if n % d = 0 then
                                d
                    |]

                Array.append [| d |] (split (n / d) (parts - 1))

        let shape = if size = 1 && b.Flip() then [||] else split size (1 + b.Random.Next 3)
        b.Apply(Linear.reshapeP, ToShape shape, x)

    let private slice (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x
        let start = shape |> Array.map (fun d -> b.Random.Next(max d 1))
        let stop = Array.map2 (fun s d -> if d = 0 then 0 else s + 1 + b.Random.Next(d - s)) start shape
        let step = shape |> Array.map (fun _ -> 1 + b.Random.Next 2)
        b.Apply(Movement.sliceP, Window(start, stop, step), x)

    let private pad (b: Builder) =
        let x = b.AnyOfRank 1
        let some () = b.Shape x |> Array.map (fun _ -> b.Random.Next 2)
        b.Apply(Movement.padP, Padding(some (), some (), some ()), x)

    let private concat (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x
        let axis = b.Random.Next shape.Length

        let others = Array.init (b.Random.Next 3) (fun _ -> b.Like(Array.updateAt axis (b.Length()) shape))

        b.Apply(Movement.concatP, Axes [| axis |], Array.append [| x |] others)

    /// Indices below `size`, shape [count], computed from a value as ⌊size · sigmoid⌋.
    let private computedIndices (b: Builder) count size =
        let s = b.Apply(Elementwise.sigmoidP, NoAttr, b.Like [| count |])
        // Below size, also where the sigmoid is 1.
        let scaled = b.Apply(Linear.mulP, NoAttr, s, b.Full([| count |], 0.999999 * float size))
        require ((b.Value scaled).Data |> Array.forall (fun v -> abs (v - Math.Round v) > kinkDistance))
        b.Apply(Elementwise.floorP, NoAttr, scaled)

    /// Indices below `size`, shape [count]: given, or computed.
    let private indices (b: Builder) count size =
        require (size > 0 || count = 0)

        if b.Flip() then
            computedIndices b count size
        else
            b.Data([| count |], Array.init count (fun _ -> float (b.Random.Next size)))

    let private gather (b: Builder) =
        let x = b.AnyOfRank 1
        let axis = b.Random.Next (b.Shape x).Length
        let size = (b.Shape x)[axis]
        b.Apply(Movement.gatherP, Axes [| axis |], x, indices b (if size = 0 then 0 else b.Length()) size)

    let private scatterAdd (b: Builder) =
        let x = b.AnyOfRank 1
        let axis = b.Random.Next (b.Shape x).Length
        let count = (b.Shape x)[axis]
        let size = max 1 (b.Length())
        b.Apply(Movement.scatterAddP, Along(axis, size), x, indices b count size)

    /// Windows of the last axis or two.
    let private windowsOf (b: Builder) (lengths: int[]) =
        require (lengths |> Array.forall (fun d -> d > 0))
        let size = lengths |> Array.map (fun d -> 1 + b.Random.Next(min d 3))

        {
            Size = size
            Stride = lengths |> Array.map (fun _ -> 1 + b.Random.Next 2)
            Dilation = Array.map2 (fun d s -> if 2 * (s - 1) < d then 1 + b.Random.Next 2 else 1) lengths size
            Lengths = lengths
        }

    let private windows (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x
        let k = 1 + b.Random.Next(min 2 shape.Length)
        b.Apply(Windows.windowsP, Cut(windowsOf b shape[shape.Length - k ..]), x)

    /// Windows of an axis that suits a value's last axes, put back; or windows cut and put back.
    let private overlapAdd (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x

        if shape.Length >= 2 && b.Flip() then
            let size, count = shape[shape.Length - 2], shape[shape.Length - 1]
            require (size > 0 && count > 0)
            let stride, dilation = 1 + b.Random.Next 2, 1 + b.Random.Next 2
            let spare = b.Random.Next stride
            let length = (count - 1) * stride + Windows.span size dilation + spare

            let window = {
                Size = [| size |]
                Stride = [| stride |]
                Dilation = [| dilation |]
                Lengths = [| length |]
            }

            b.Apply(Windows.overlapAddP, Cut window, x)
        else
            let window = windowsOf b shape[shape.Length - 1 ..]
            let cut = b.Apply(Windows.windowsP, Cut window, x)

            b.Apply(Windows.overlapAddP, Cut window, cut)

    /// Transforms of pairs of rows, made from one row or taken as they are.
    let private fourier (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x
        let attr = Inverse(b.Flip())
        // Half of the values keeps those of the result small.
        let half = b.Apply(Linear.mulP, NoAttr, x, b.Full(shape, 0.5))

        if shape.Length >= 2 && shape[shape.Length - 2] = 2 then
            b.Apply(Fourier.fourierP, attr, half)
        else
            let n = shape[shape.Length - 1]
            let row = b.Apply(Linear.reshapeP, ToShape(Array.insertAt (shape.Length - 1) 1 shape), half)
            let pair = b.Apply(Movement.concatP, Axes [| shape.Length - 1 |], row, row)
            require (n > 0)
            b.Apply(Fourier.fourierP, attr, pair)

    let private contract (b: Builder) =
        let x = b.Any()
        let y = if b.Flip() then b.Any() else b.Constant(shuffle b (b.Shape x))
        let sx, sy = b.Shape x, b.Shape y
        let la = [| 0 .. sx.Length - 1 |]
        let free = HashSet<int> la

        let lb =
            sy
            |> Array.mapi (fun j d ->
                let matching = la |> Array.filter (fun l -> free.Contains l && sx[l] = d)

                if matching.Length > 0 && b.Random.Next 4 > 0 then
                    let l = b.Pick matching
                    free.Remove l |> ignore
                    l
                else
                    100 + j)

        let all = Array.distinct (Array.append la lb)
        let kept = all |> Array.filter (fun _ -> b.Flip())
        b.Apply(Contraction.contractP, Labels(la, lb, shuffle b kept), x, y)

    let private maxOver (b: Builder) =
        let x = b.AnyOfRank 1
        let shape = b.Shape x
        let axes = subset b shape.Length
        require (axes |> Array.forall (fun a -> shape[a] > 0))
        let y = b.Apply(Elementwise.maxOverP, Axes axes, x)

        // Exactly one element of each group is within reach of its maximum.
        let limit = Elementwise.spread shape axes (Linear.sub (b.Value y) (Graph.full (b.Shape y) kinkDistance))
        let near = Linear.sum axes (Elementwise.greater (b.Value x) limit)
        require (near.Data |> Array.forall ((=) 1.0))
        y

    let private divide (b: Builder) =
        let x = b.Any()
        let below = b.AtLeast(0.5, b.Like(b.Shape x))
        let below = if b.Flip() then b.Apply(Linear.negP, NoAttr, below) else below
        b.Apply(Elementwise.divP, NoAttr, x, below)

    let private power (b: Builder) =
        let x = b.Any()
        let shape = b.Shape x

        let exponent =
            if b.Flip() then
                b.Full(shape, b.Pick [| 0.0; 1.0; 2.0; 3.0; 5.0; 0.5; -1.0; -2.0; 1.7; -0.3 |])
            else
                b.Like shape

        b.Apply(Elementwise.powP, NoAttr, b.AtLeast(0.5, x), exponent)

    /// One argument inside (−0.8, 0.8), for inverse functions.
    let private insideUnit primitive (b: Builder) =
        let t = b.Apply(Elementwise.tanhP, NoAttr, b.Any())
        let inside = b.Apply(Linear.mulP, NoAttr, t, b.Full(b.Shape t, 0.8))
        b.Apply(primitive, NoAttr, inside)

    let private atan2 (b: Builder) =
        let x = b.AtLeast(0.5, b.Any())
        let x = if b.Flip() then b.Apply(Linear.negP, NoAttr, x) else x
        let y = b.Like(b.Shape x)

        // The angle jumps across the negative real axis.
        require (Array.forall2 (fun x y -> x > 0.0 || abs y > kinkDistance) (b.Value x).Data (b.Value y).Data)

        b.Apply(Special.atan2P, NoAttr, y, x)

    let private polygamma (b: Builder) =
        let x = b.AtLeast(1.5, b.Any())
        b.Apply(Special.polygammaP, NoAttr, b.Full(b.Shape x, float (b.Random.Next 3)), x)

    let private alongAxis (b: Builder) =
        let x = b.AnyOfRank 1
        x, b.Random.Next (b.Shape x).Length

    let private cumulativeSum (b: Builder) =
        let x, axis = alongAxis b
        b.Apply(Ordered.cumulativeSumP, Directed(axis, b.Flip()), x)

    let private recurrence (b: Builder) =
        let x, axis = alongAxis b
        b.Apply(Ordered.recurrenceP, Directed(axis, b.Flip()), x, b.Like(b.Shape x))

    let private argsort (b: Builder) =
        let x = b.AnyOfRank 1
        let y = b.Apply(Ordered.argsortP, Directed((b.Shape x).Length - 1, b.Flip()), x)

        // No two neighbours in the order may change places nearby.
        let ordered = (Ordered.sort ((b.Shape x).Length - 1) false (b.Value x)).Data
        let count = Array.last (b.Shape x)

        if count > 0 then
            for row in Array.chunkBySize count ordered do
                require (row |> Array.pairwise |> Array.forall (fun (p, q) -> q - p > kinkDistance))

        y

    /// No element is close to the largest one before it.
    let private runningArgMax (b: Builder) =
        let x = b.AnyOfRank 1
        let count = Array.last (b.Shape x)

        if count > 0 then
            for row in Array.chunkBySize count (b.Value x).Data do
                let before = Array.scan max -infinity row
                require (Array.forall2 (fun p q -> abs (p - q) > kinkDistance) before[.. count - 1] row)

        b.Apply(Ordered.runningArgMaxP, NoAttr, x)

    let private equal (b: Builder) =
        if b.Flip() then
            let x = b.Any()
            b.Apply(Elementwise.equalP, NoAttr, x, x)
        else
            separated Elementwise.equalP b

    /// Whole numbers of this shape: given ones plus a computed one.
    let private wholeNumbers (b: Builder) (shape: int[]) =
        let given = b.Data(shape, Array.init (int (Shape.size shape)) (fun _ -> float (b.Random.Next 4)))
        let computed = b.Apply(Linear.reshapeP, ToShape [||], computedIndices b 1 3)
        b.Apply(Linear.addP, NoAttr, given, b.Apply(Linear.broadcastP, Spread(shape, [||]), computed))

    /// A key, or two.
    let private keys (b: Builder) = wholeNumbers b (if b.Flip() then [| 4 |] else [| 2; 4 |])

    let private draw (b: Builder) (key: int) =
        let family =
            b.Pick [| RandomFamily.Uniform; RandomFamily.Normal; RandomFamily.Integers; RandomFamily.Sphere |]

        let upper =
            if family = RandomFamily.Uniform || family = RandomFamily.Normal then
                0.0
            else
                2.0

        b.Apply(Randomness.randomP, Drawn(RandomLaw(family, 0.0, upper), [| b.Length(); 2 |]), key)

    let private foldKey (b: Builder) =
        let key = keys b
        let shape = b.Shape key
        let child = b.Hidden(Randomness.foldKeyP, NoAttr, key, wholeNumbers b shape[.. shape.Length - 2])
        draw b child

    /// A number of steps between 0 and 3 that depends on a value.
    let private stepCount (b: Builder) =
        let x = b.Any()
        let total = b.Apply(Linear.sumP, Axes [| 0 .. (b.Shape x).Length - 1 |], x)
        let bounded = b.Apply(Elementwise.tanhP, NoAttr, total)
        let scaled = b.Apply(Linear.mulP, NoAttr, bounded, b.Full([||], 1.45))
        let number = b.Apply(Linear.addP, NoAttr, scaled, b.Full([||], 1.5))
        require ((b.Value number).Data |> Array.forall (fun v -> abs (v - Math.Round v) > kinkDistance))
        number

    /// A loop with a random body; sometimes a part of its result instead of all of it.
    let private scan (b: Builder) =
        let kind =
            b.Pick [| LoopGenerator.Scan; LoopGenerator.Scan; LoopGenerator.Counted; LoopGenerator.While |]

        let small () =
            let x = b.Any()
            require (Shape.size (b.Shape x) <= 6L)
            x

        let many least most make = Array.init (least + b.Random.Next(most - least + 1)) (fun _ -> make ())
        let length = b.Random.Next 4
        let carries = many 1 2 small
        let captured = many 0 2 small

        let elements =
            if kind = LoopGenerator.While then
                [||]
            else
                many 0 1 (fun () -> b.Like(Array.append [| length |] (b.Shape(small ()))))

        let shapes (items: int[]) = items |> Array.map b.Shape
        let parts = shapes elements |> Array.map (fun s -> s[1..])
        let loop = LoopGenerator.make b.Random 1 kind length (shapes carries) parts (shapes captured)

        let args =
            match kind with
            | LoopGenerator.Scan -> Array.concat [ carries; elements; captured ]
            | LoopGenerator.Counted ->
                let count = b.Apply(Elementwise.floorP, NoAttr, stepCount b)
                Array.concat [ [| count |]; carries; elements; captured ]
            | LoopGenerator.While ->
                let limit = stepCount b
                Array.concat [ carries; [| b.Full([||], 0.0) |]; elements; captured; [| limit |] ]

        let result = b.Apply(ScanPrimitive.scanP, Body loop, args)

        if b.Flip() then
            result
        else
            let struct (start, shape) = loop.Place(b.Pick loop.Parts)
            let stop = int (start + Shape.size shape)
            b.Apply(Movement.sliceP, Window([| int start |], [| stop |], [| 1 |]), result)

    /// Through float64 and back, with a product between; only where there is float32.
    let private precision primitive (b: Builder) =
        let x = b.Any()
        require (b.Value x).IsFloat32
        let wide = b.Apply(Precision.toFloat64P, NoAttr, x)

        if obj.ReferenceEquals(primitive, Precision.toFloat64P) then
            wide
        else
            b.Apply(primitive, NoAttr, b.Apply(Linear.mulP, NoAttr, wide, wide))

    /// How to make a step with each primitive; a test demands an entry for every primitive of the table.
    let private makers: IDictionary<string, Builder -> int> =
        let permuted (b: Builder) =
            let x = b.Any()
            b.Apply(Movement.transposeP, Axes(shuffle b [| 0 .. (b.Shape x).Length - 1 |]), x)

        let summed (b: Builder) =
            let x = b.Any()
            b.Apply(Linear.sumP, Axes(subset b (b.Shape x).Length), x)

        dict [
            "add", binary Linear.addP
            "sub", binary Linear.subP
            "neg", unary Linear.negP
            "mul", binary Linear.mulP
            "broadcast", broadcast
            "sum", summed
            "reshape", reshape
            "transpose", permuted
            "slice", slice
            "pad", pad
            "concat", concat
            "gather", gather
            "scatterAdd", scatterAdd
            "windows", windows
            "overlapAdd", overlapAdd
            "fourier", fourier
            "contract", contract
            "toFloat32", precision Precision.toFloat32P
            "toFloat64", precision Precision.toFloat64P
            "greater", separated Elementwise.greaterP
            "greaterEqual", separated Elementwise.greaterEqualP
            "equal", equal
            "sign", awayFrom infinity Elementwise.signP
            "floor", awayFrom 1.0 Elementwise.floorP
            "select", select
            "stopGradient", unary Elementwise.stopGradientP
            "div", divide
            "exp", unary Elementwise.expP
            "expm1", unary Elementwise.expm1P
            "log", guarded Elementwise.logP 0.5
            "log1p", guarded Elementwise.log1pP -0.5
            "sqrt", guarded Elementwise.sqrtP 0.5
            "pow", power
            "sin", unary Elementwise.sinP
            "cos", unary Elementwise.cosP
            "tanh", unary Elementwise.tanhP
            "sigmoid", unary Elementwise.sigmoidP
            "erf", unary Elementwise.erfP
            "abs", awayFrom infinity Elementwise.absP
            "max", separated Elementwise.maxP
            "min", separated Elementwise.minP
            "maxOver", maxOver
            "triangularSolve", system LinearAlgebra.triangularSolveP (fun b -> Triangle(b.Flip(), b.Flip()))
            "solve", system LinearAlgebra.solveP (fun b -> Transposed(b.Flip(), "solve"))
            "signDet", ofDominant LinearAlgebra.signDetP
            "logAbsDet", ofDominant LinearAlgebra.logAbsDetP
            "det", ofDominant LinearAlgebra.detP
            "cholesky", ofDefinite Factorisations.choleskyP
            "eigenvalues", eigen Factorisations.eigenvaluesP
            "eigen", eigen Factorisations.eigenP
            "singularValues", singular Factorisations.singularValuesP
            "svd", singular Factorisations.svdP
            "pseudoInverse", pseudoInverse
            "orthonormal", orthonormal
            "expm", directional LinearAlgebra.expmP
            "cofactor", directional LinearAlgebra.cofactorP
            "cumulativeSum", cumulativeSum
            "recurrence", recurrence
            "argsort", argsort
            "runningArgMax", runningArgMax
            "sinh", unary Special.sinhP
            "cosh", unary Special.coshP
            "asin", insideUnit Special.asinP
            "acos", insideUnit Special.acosP
            "atan", unary Special.atanP
            "asinh", unary Special.asinhP
            "acosh", guarded Special.acoshP 1.5
            "atanh", insideUnit Special.atanhP
            "cbrt", guarded Special.cbrtP 0.5
            "atan2", atan2
            "erfc", unary Special.erfcP
            "erfcx", guarded Special.erfcxP -0.5
            "logNormalCdf", unary Special.logNormalCdfP
            "softplus", unary Special.softplusP
            "polygamma", polygamma
            "scan", scan
            "lgamma", guarded Special.logGammaP 1.5
            "random", (fun b -> draw b (keys b))
            "foldKey", foldKey
        ]

    /// Primitives of the table that the generator does not know.
    let unknown () =
        Primitives.all
        |> List.filter (fun p -> not (makers.ContainsKey p.Name))
        |> List.map (fun p -> p.Name)

    let private table =
        lazy (Primitives.all |> List.filter (fun p -> makers.ContainsKey p.Name) |> Array.ofList)

    /// A program from a seed, with inputs and constants of a precision, axis lengths out of `lengths`, and steps that are made for
    /// primitives out of `table`.
    let private generateOf (dtype: DType) (table: Primitive[]) (lengths: int[]) (seed: int) : RandomProgram =
        let b = Builder(Random seed, lengths, dtype)

        let inputs =
            Array.init (1 + b.Random.Next 3) (fun _ ->
                let shape = b.RandomShape 3
                b.Input(if Shape.size shape > 12L then shape[..1] else shape))

        let target = 3 + b.Random.Next 6
        let mutable made = 0
        let mutable tries = 0

        while made < target && tries < 200 do
            tries <- tries + 1
            let before = b.Count

            try
                makers[(b.Pick table).Name] b |> ignore
                made <- made + 1
            with Rejected ->
                b.Undo before

        let used = HashSet<int>()

        for step in b.Steps do
            match step with
            | Apply(_, _, args) -> used.UnionWith args
            | _ -> ()

        let sinks = [|
            for i in inputs.Length .. b.Count - 1 do
                if not (used.Contains i) then
                    i
        |]

        let outputs = if sinks.Length = 0 then [| b.Count - 1 |] else sinks

        RandomPrograms.withoutDeadSteps {
            Seed = seed
            DType = dtype
            Inputs = inputs
            Steps = b.Steps
            Outputs = outputs
        }

    /// A float64 program from a seed, with axis lengths out of `lengths`, and steps that are made for primitives out of `table`.
    let generateAmong (table: Primitive[]) (lengths: int[]) (seed: int) = generateOf DType.Float64 table lengths seed

    /// A float64 program from a seed, with axis lengths out of `lengths`.
    let generateWith (lengths: int[]) (seed: int) = generateAmong table.Value lengths seed

    /// Keys are float64, and loops are bound to float64 values; the functions above them convert.
    let onlyFloat64 = ScanPrimitive.scanP :: Randomness.primitives

    /// A float32 program with axes of length 1 to 4; parts of it may be float64.
    let generateFloat32 (seed: int) =
        let isOnlyFloat64 (p: Primitive) = onlyFloat64 |> List.exists (fun q -> obj.ReferenceEquals(p, q))
        generateOf DType.Float32 (table.Value |> Array.filter (isOnlyFloat64 >> not)) [| 1; 2; 3; 4 |] seed

    /// A program with axes of length 1 to 4.
    let generate (seed: int) = generateWith [| 1; 2; 3; 4 |] seed
