module Hesse.Theory.Tests.Curvature.EmpiricalRiskTests

open System
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

[<Fact>]
let ``value and gradient do not depend on the chunks`` () =
    everywhere (fun case risk scale ->
        let whole p = case.Loss (case.Model p case.Inputs) case.Targets
        close 1e-13 [| scale * (whole case.Point).item() |] [| EmpiricalRisk.value risk case.Point |]
        let expected = (fst (Tree.ravel (Diff.grad whole case.Point))).toArray()
        close 1e-13 (times scale expected) (EmpiricalRisk.gradient risk case.Point)
        EmpiricalRisk.checkRows 1e-12 risk case.Point)

[<Fact>]
let ``other options make the same loss of the same data`` () =
    let risk = risk regression (LossReduction.Mean, 3)
    let other = EmpiricalRisk.withOptions (fun o -> { o with Chunk = 2 }) risk
    Assert.Equal(2, other.Options.Chunk)
    Assert.Equal(EmpiricalRisk.value risk regression.Point, EmpiricalRisk.value other regression.Point, 1e-14)

[<Fact>]
let ``any scalar function is a risk without data`` () =
    let loss (x: Tensor) = Tensor.sum (Tensor.sin x * Tensor.square x)
    let x = Random.normal (Random.key 1) [ 4 ]
    let risk = EmpiricalRisk.ofFunction loss
    Assert.Equal((loss x).item(), EmpiricalRisk.value risk x, 1e-15)
    close 1e-14 ((Diff.grad loss x).toArray()) (EmpiricalRisk.gradient risk x)
    let hessian = (Diff.hessian loss x).toArray()
    isMatrix 1e-13 hessian (Curvature.hessian risk x)
    isMatrix 1e-13 hessian (Curvature.functional risk x)
    isMatrix 0.0 (Array.zeroCreate 16) (Curvature.gaussNewton risk x)

[<Fact>]
let ``bad data is refused with advice`` () =
    let model (p: Tensor) (x: Tensor) = Tensor.matmul x p

    let create n m =
        EmpiricalRisk.create model Losses.meanSquaredError (Tensor.zeros [ n; 2 ]) (Tensor.zeros [ m; 1 ])
        |> ignore

    fails [ "no data"; "[0; 2]"; "at least one row" ] (fun () -> create 0 0)
    fails [ "inputs [3; 2] and targets [2; 1]"; "one target for each input" ] (fun () -> create 3 2)

    fails [ "chunks of 0 rows; want at least 1" ] (fun () -> risk regression (LossReduction.Mean, 0) |> ignore)

    let w = Tensor.ones [ 2; 1 ]
    let of' x loss = EmpiricalRisk.create model loss (Tensor.full [ 2; 2 ] x) (Tensor.zeros [ 2; 1 ])

    fails [ "the loss of predictions and targets has shape [2; 1], want a scalar" ] (fun () ->
        EmpiricalRisk.value (of' 1.0 (fun f t -> f - t)) w |> ignore)

    fails [ "the loss is NaN"; "Diff.checkFinite" ] (fun () ->
        EmpiricalRisk.value (of' nan Losses.meanSquaredError) w |> ignore)

    fails [ "the gradient is not finite" ] (fun () ->
        EmpiricalRisk.gradient (of' nan Losses.meanSquaredError) w |> ignore)

    fails [ "operator 'Hessian' has the entry NaN" ] (fun () ->
        (Curvature.hessian (of' nan Losses.meanSquaredError) w).Apply [| 1.0; 1.0 |] |> ignore)

[<Fact>]
let ``a wrong reduction and rows that influence each other are found`` () =
    let create reduction model loss =
        EmpiricalRisk.createWith
            { RiskOptions.Default with Reduction = reduction }
            model
            loss
            (Tensor.ofArray [| 1.0; 2.0; 4.0 |] |> Tensor.reshape [ 3; 1 ])
            (Tensor.ones [ 3; 1 ])

    let line (p: Tensor) (x: Tensor) = p * x
    let normalised (p: Tensor) (x: Tensor) = p * (x - Tensor.mean x)
    let p = Tensor.scalar 2.0
    let check risk = EmpiricalRisk.checkRows 1e-9 risk p
    check (create LossReduction.Mean line Losses.meanSquaredError)

    fails [ "the sum over the rows is"; "set Reduction = LossReduction.Mean" ] (fun () ->
        check (create LossReduction.Sum line Losses.meanSquaredError))

    fails [ "set Reduction = LossReduction.Sum" ] (fun () ->
        check (create LossReduction.Mean line (fun f t -> Tensor.sum (f * t))))

    fails [ "give a loss that is the mean or the sum over the rows" ] (fun () ->
        check (create LossReduction.Mean line (fun f t -> Tensor.sum f * Tensor.sum t)))

    fails [ "3 rows together differ from those of the rows alone"; "batch normalisation in evaluation mode" ] (fun () ->
        check (create LossReduction.Mean normalised Losses.meanSquaredError))

[<Fact>]
let ``progress is told after each chunk and a cancelled product ends between two`` () =
    let steps = ResizeArray()
    use source = new CancellationTokenSource()

    let risk =
        risk regression (LossReduction.Mean, 3)
        |> EmpiricalRisk.withOptions (fun o -> {
            o with
                Cancellation = source.Token
                Progress =
                    fun rows all ->
                        steps.Add(rows, all)

                        if steps.Count = 5 then
                            source.Cancel()
        })

    let operator = Curvature.gaussNewton risk regression.Point
    let v = normal 1 [ operator.Size ]
    operator.Apply v |> ignore
    Assert.Equal<(int * int) seq>([ 3, 7; 6, 7; 7, 7 ], steps)
    Assert.Throws<OperationCanceledException>(fun () -> operator.Apply v |> ignore) |> ignore
    Assert.Equal(5, steps.Count)

[<Fact>]
let ``products are the same bits whatever is kept`` () =
    let keeping bytes =
        risk classification (LossReduction.Mean, 3)
        |> EmpiricalRisk.withOptions (fun o -> { o with Kept = bytes })

    let point = classification.Point
    let size = Tree.leaves point |> Array.sumBy _.Size
    let one, many = normal 1 [ size ], normal 2 [ 2; size ]

    for make in [ Curvature.hessian; Curvature.gaussNewton; Curvature.functional ] do
        let products bytes =
            let operator: LinearOperator = make (keeping bytes) point

            [
                for _ in 1..2 do
                    operator.Apply one
                    operator.ApplyRows many 2
            ]

        let expected = products 0L

        for bytes in [ 1L; 700L; 1500L; 1L <<< 20 ] do
            List.iter2 (fun (e: float[]) (a: float[]) -> Assert.Equal<float seq>(e, a)) expected (products bytes)

[<Fact>]
let ``an operator keeps no more bytes than it may`` () =
    let risk = risk classification (LossReduction.Mean, 3)
    let point = classification.Point
    let size = Tree.leaves point |> Array.sumBy _.Size

    let plan =
        risk.Plan "kept" (fun p v chunk _ ->
            Curvature.raveled (Diff.hvp (risk.LossOf chunk) p (Curvature.directions p v)))

    let whole = PointPlan(plan, point, EmpiricalRisk.nothing, risk.Chunks, Int64.MaxValue)

    let run (plan: PointPlan<_>) count =
        let v = Tensor.create [ count; size ] (normal 1 [ count * size ])

        for chunk in risk.Chunks do
            plan.Many v chunk (Array.zeroCreate (count * size))

    run whole 1
    let each = whole.KeptBytes
    Assert.True(each > 0L)
    run whole 2
    Assert.True(whole.KeptBytes > each)

    // Room for all but a little: the last chunk is not kept; other numbers of vectors take the place of what is.
    let tight = PointPlan(plan, point, EmpiricalRisk.nothing, risk.Chunks, each - 1L)

    for count in [ 1; 1; 2; 1 ] do
        run tight count
        Assert.InRange(tight.KeptBytes, 1L, each - 1L)

    let none = PointPlan(plan, point, EmpiricalRisk.nothing, risk.Chunks, 0L)
    run none 1
    Assert.Equal(0L, none.KeptBytes)

    fails [ "-1 bytes to be kept; want at least 0" ] (fun () ->
        EmpiricalRisk.withOptions (fun o -> { o with Kept = -1L }) risk |> ignore)

[<Fact>]
let ``in float32 the operators are near those in float64`` () =
    let risk = risk classification (LossReduction.Mean, 3)
    let point = classification.Point
    let single = Tree.map Tensor.toFloat32 point
    let v = normal 1 [ Tree.leaves point |> Array.sumBy _.Size ]
    let near (e: float[]) (a: float[]) = Assert.True(Vectors.norm (Array.map2 (-) e a) < 1e-5 * Vectors.norm e)

    for make in [ Curvature.hessian; Curvature.gaussNewton ] do
        near ((make risk point).Apply v) ((make (EmpiricalRisk.toFloat32 risk) single).Apply v)

[<Fact>]
let ``the model is traced once for each size of chunk, whatever the number of products and points`` () =
    let mutable traces = 0

    let model (p: Tensor) (x: Tensor) =
        traces <- traces + 1
        Tensor.tanh (Tensor.matmul x p)

    let risk =
        EmpiricalRisk.createWith
            { RiskOptions.Default with Chunk = 3 }
            model
            Losses.meanSquaredError
            (Tensor.ones [ 8; 2 ])
            (Tensor.zeros [ 8; 1 ])

    let product seed = (Curvature.hessian risk (Random.normal (Random.key seed) [ 2; 1 ])).Apply [| 1.0; 2.0 |]
    let first = product 1
    Assert.Equal(2, traces)
    Assert.NotEqual<float seq>(first, product 2)
    Assert.Equal<float seq>(first, product 1)
    Assert.Equal(2, traces)

[<Fact>]
let ``memory: a product allocates as much for 16 chunks as for 2, up to a few kilobytes of bookkeeping`` () =
    let width, chunk = 256, 64
    let p = [ Random.normal (Random.key 1) [ width; 40 ]; Random.normal (Random.key 2) [ 40; 1 ] ]
    let model (p: Tensor list) x = Tensor.matmul (Tensor.tanh (Tensor.matmul x p[0])) p[1]

    let bytes chunks =
        let inputs = Random.normal (Random.key 3) [ chunks * chunk; width ]

        let risk =
            EmpiricalRisk.createWith
                { RiskOptions.Default with Chunk = chunk }
                model
                Losses.meanSquaredError
                inputs
                (Tensor.zeros [ chunks * chunk; 1 ])

        let operator = Curvature.hessian risk p
        let v = normal 4 [ operator.Size ]
        operator.Apply v |> ignore
        operator.Apply v |> ignore
        let before = GC.GetAllocatedBytesForCurrentThread()
        operator.Apply v |> ignore
        GC.GetAllocatedBytesForCurrentThread() - before

    let few, many = bytes 2, bytes 16
    // One chunk of hidden units alone has 20 KiB, one vector 80 KiB.
    Assert.InRange(many - few, 0L, 14L * 4096L)
    Assert.InRange(few, 0L, 5L * 8L * int64 (width * 40 + 40))
