module Hesse.Theory.Tests.Curvature.EigenpairsTests

open System
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private options count part = {
    Eigenpairs.defaults with
        Count = count
        Part = part
        Tolerance = 1e-10
        Key = Random.key 17
}

let private orthonormal (vectors: float[][]) =
    for i in 0 .. vectors.Length - 1 do
        for j in 0..i do
            Assert.Equal((if i = j then 1.0 else 0.0), dot vectors[i] vectors[j], 11)

/// The pairs are right, and every certificate holds against the dense spectrum.
let private certified part (operator: LinearOperator) (expected: float[]) (solution: EigenSolution) =
    Assert.True(solution.Converged)
    Assert.Equal(expected.Length, solution.Pairs.Length)
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 9)) expected solution.Values
    orthonormal solution.Vectors
    Assert.Empty(CrossCheck.eigenpairs part operator solution)

    for pair in solution.Pairs do
        let rest = Array.map2 (fun a y -> a - pair.Value * y) (operator.Apply pair.Vector) pair.Vector
        Assert.Equal(sqrt (dot rest rest), pair.Residual, 11)

let private mixed =
    Array.init 150 (fun i ->
        if i < 4 then 10.0 - float i
        elif i < 7 then -8.0 + 0.5 * float i
        else cos (float i))

[<Fact>]
let ``every end of the spectrum, with restarts in little memory`` () =
    let operator = conjugated 1 mixed
    let descending = Array.sortDescending mixed

    for part, expected in
        [
            SpectrumPart.Largest, Array.truncate 5 descending
            SpectrumPart.Smallest, Array.truncate 5 (Array.rev descending)
            SpectrumPart.BothEnds, Array.append (Array.truncate 3 descending) (Array.skip 148 descending)
            SpectrumPart.LargestMagnitude, mixed |> Array.sortByDescending abs |> Array.truncate 5
        ] do
        let solution = Eigenpairs.compute { options 5 part with BasisSize = 14 } operator
        certified part operator expected solution
        Assert.True(solution.Restarts > 0, $"{part} without a restart")

/// The operator with a symmetric error of about this size.
let private inexact (error: float) (operator: LinearOperator) =
    let n = operator.Size

    let wrong (v: float[]) = Array.init n (fun i -> error * (sin (float (i * i)) * v[i] + 0.1 * v[n - 1 - i]))

    LinearOperator.symmetric "inexact" n (fun v -> Array.map2 (+) (operator.Apply v) (wrong v))

[<Fact>]
let ``a search with a nearly equal operator is certified by one product for each pair`` () =
    let operator = conjugated 1 mixed
    let counted, counter = LinearOperator.counted operator

    for part, expected in
        [
            SpectrumPart.Largest, mixed |> Array.sortDescending |> Array.truncate 3
            SpectrumPart.Smallest, mixed |> Array.sort |> Array.truncate 3
        ] do
        let before = counter.Total
        let wanted = { options 3 part with Tolerance = 1e-6 }
        let solution = Eigenpairs.computeMixed wanted (inexact 1e-9 operator) counted
        Assert.Equal(3L, counter.Total - before)
        Assert.Equal(3, solution.Products)
        Assert.InRange(solution.SearchProducts, 10, 200)
        certified part operator expected solution
        Assert.All(solution.Pairs, fun p -> Assert.Equal(0.0, p.Gap))

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
let ``where the search was not exact enough, Lanczos goes on with the operator itself`` block =
    let operator = conjugated 1 mixed
    let counted, counter = LinearOperator.counted operator
    let wanted = { options 3 SpectrumPart.Largest with Block = block }
    let solution = Eigenpairs.computeMixed wanted (inexact 1e-5 operator) counted
    Assert.Equal(counter.Total, int64 solution.Products)
    Assert.InRange(solution.Products, 6, (Eigenpairs.compute wanted operator).Products)
    certified SpectrumPart.Largest operator (mixed |> Array.sortDescending |> Array.truncate 3) solution

[<Fact>]
let ``what the products do not suffice for is told, not hidden`` () =
    let operator = conjugated 1 mixed
    let wanted = { options 1 SpectrumPart.Largest with MaxProducts = 12 }
    let solution = Eigenpairs.computeMixed wanted (inexact 0.5 operator) operator
    Assert.False solution.Converged
    let pair = solution.Pairs[0]
    let rest = Array.map2 (fun a y -> a - pair.Value * y) (operator.Apply pair.Vector) pair.Vector
    Assert.Equal(sqrt (dot rest rest), pair.Residual, 11)

    let error =
        Assert.Throws<HesseException>(fun () ->
            Eigenpairs.computeMixed wanted (conjugated 1 [| 1.0; 2.0 |]) operator |> ignore)

    Assert.Contains("the search operator has size 2 and the operator 150", error.Message)

[<Fact>]
let ``a Hessian searched in float32`` () =
    let random seed shape = Random.normal (Random.key seed) shape
    let point = Mlp.init (Random.key 2) 1.0 [ 6; 8; 3 ]
    let labels = Tensor.oneHot 3 (Tensor.ofArray (Array.init 30 (fun i -> float (i * i % 3))))

    let risk = EmpiricalRisk.create (Mlp.apply Tensor.tanh) Losses.crossEntropy (random 1 [ 30; 6 ]) labels

    let operator = Curvature.hessian risk point
    let search = Curvature.hessian (EmpiricalRisk.toFloat32 risk) (Tree.map Tensor.toFloat32 point)
    let wanted = { options 1 SpectrumPart.Largest with Tolerance = 1e-5 }
    let solution = Eigenpairs.computeMixed wanted search operator
    Assert.Equal(1, solution.Products)
    let expected = (Eigenpairs.compute (options 1 SpectrumPart.Largest) operator).Pairs[0].Value
    Assert.Equal(expected, solution.Pairs[0].Value, 9)
    Assert.True(solution.Converged)

[<Theory>]
[<InlineData(1)>]
[<InlineData(3)>]
let ``multiple eigenvalues come as often as they are there`` block =
    // 3 has multiplicity four, 2 two; the rest is spread.
    let values =
        Array.init 60 (fun i ->
            if i < 4 then 3.0
            elif i < 6 then 2.0
            else sin (float i))

    let operator = conjugated 2 values

    let solution =
        Eigenpairs.compute { options 6 SpectrumPart.Largest with Multiplicities = true; Block = block } operator

    certified SpectrumPart.Largest operator [| 3.0; 3.0; 3.0; 3.0; 2.0; 2.0 |] solution

[<Fact>]
let ``a spectrum of few values is an invariant space after as many steps, and goes on`` () =
    let values = Array.init 24 (fun i -> [| -1.0; 0.5; 2.0 |].[i % 3])
    let operator = conjugated 3 values
    let solution = Eigenpairs.compute { options 24 SpectrumPart.Largest with BasisSize = 24 + 4 } operator
    certified SpectrumPart.Largest operator (Array.sortDescending values) solution

[<Fact>]
let ``clustered eigenvalues are told apart`` () =
    let values = Array.init 80 (fun i -> if i < 3 then 1.0 + 1e-5 * float i else 0.9 * float i / 80.0)
    let operator = conjugated 4 values
    let solution = Eigenpairs.compute { options 3 SpectrumPart.Largest with Multiplicities = true } operator
    certified SpectrumPart.Largest operator [| 1.00002; 1.00001; 1.0 |] solution
    // The gap of neighbours is 1e-5, so that the bound of the vectors is coarser than that of the values.
    Assert.True(solution.Pairs[0].Gap < 1.0001e-5)
    Assert.True(solution.Pairs[0].AngleBound <= solution.Pairs[0].Residual / 0.9e-5)

[<Fact>]
let ``zero matrix, one by one, and a start vector that is an eigenvector`` () =
    let zero = LinearOperator.ofMatrix 5 (Array.zeroCreate 25)

    let none =
        Eigenpairs.compute { options 3 SpectrumPart.LargestMagnitude with Multiplicities = true } zero

    Assert.Equal<float[]>([| 0.0; 0.0; 0.0 |], none.Values)
    orthonormal none.Vectors
    Assert.True none.Converged
    let single = Eigenpairs.compute (options 1 SpectrumPart.Smallest) (LinearOperator.ofMatrix 1 [| -3.0 |])
    Assert.Equal<float[]>([| -3.0 |], single.Values)
    Assert.Equal(Double.PositiveInfinity, single.Pairs[0].Gap)
    let diagonal = LinearOperator.ofMatrix 3 [| 5.0; 0.0; 0.0; 0.0; 1.0; 0.0; 0.0; 0.0; 7.0 |]

    let solution =
        Eigenpairs.compute { options 3 SpectrumPart.Largest with Start = [| [| 0.0; 1.0; 0.0 |] |] } diagonal

    certified SpectrumPart.Largest diagonal [| 7.0; 5.0; 1.0 |] solution

[<Fact>]
let ``sharper bounds hold where there is a gap`` () =
    let values = Array.init 200 (fun i -> if i = 0 then 2.0 else float i / 200.0)
    let operator = conjugated 5 values
    let rough = Eigenpairs.compute { options 1 SpectrumPart.Largest with Tolerance = 1e-3 } operator
    let pair = rough.Pairs[0]
    Assert.InRange(pair.Residual, 1e-6, 2e-3)
    Assert.True(pair.Gap > 0.9)
    Assert.True(abs (pair.Value - 2.0) <= pair.ErrorBound)
    Assert.True(pair.ErrorBound < 0.1 * pair.Residual)

    let exact =
        (Eigenpairs.compute { options 1 SpectrumPart.Largest with Tolerance = 1e-13 } operator).Pairs[0]

    let cosine = dot pair.Vector exact.Vector
    Assert.True(sqrt (max 0.0 (1.0 - cosine * cosine)) <= pair.AngleBound + 1e-8)

[<Fact>]
let ``interior pairs by shift-invert`` () =
    let operator = conjugated 6 mixed
    let shift = 0.123
    let expected = mixed |> Array.sortBy (fun x -> abs (x - shift)) |> Array.truncate 4
    let solve = Eigenpairs.denseSolve operator shift

    let solution =
        Eigenpairs.nearest { options 4 SpectrumPart.Largest with Tolerance = 1e-9 } shift solve operator

    Assert.True solution.Converged
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 9)) expected solution.Values
    orthonormal solution.Vectors
    let dense = CrossCheck.spectrum operator

    for pair in solution.Pairs do
        let sorted = dense |> Array.map (fun x -> abs (x - pair.Value)) |> Array.sort
        Assert.True(sorted[0] <= pair.ErrorBound + 1e-12)
        Assert.True(sorted[1] >= pair.Gap - 1e-12)

[<Fact>]
let ``interior pairs with MINRES as the inner solver`` () =
    let operator = conjugated 6 mixed
    let shift = 0.123
    let shifted = LinearOperator.shifted -shift operator
    let solve b = (Solve.minres { SolveOptions.Default with Tolerance = 1e-12 } shifted b).Vector

    let solution =
        Eigenpairs.nearest { options 2 SpectrumPart.Largest with Tolerance = 1e-9 } shift solve operator

    Assert.True solution.Converged
    let expected = mixed |> Array.sortBy (fun x -> abs (x - shift)) |> Array.truncate 2
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 9)) expected solution.Values

[<Theory>]
[<InlineData(true)>]
[<InlineData(false)>]
let ``LOBPCG finds either end`` largest =
    let operator = conjugated 7 mixed
    let part = if largest then SpectrumPart.Largest else SpectrumPart.Smallest
    let sorted = if largest then Array.sortDescending mixed else Array.sort mixed
    let solution = Eigenpairs.lobpcg { options 3 part with Block = 5; Tolerance = 1e-9 } None operator
    certified part operator (Array.truncate 3 sorted) solution

[<Fact>]
let ``a good preconditioner and a warm start save LOBPCG products`` () =
    let n = 300
    let values = Array.init n (fun i -> 1.0 + 1e3 * float (i * i) / float (n * n))
    let operator = LinearOperator.ofFunction n (fun v -> Tensor.ofArray values * v)

    let run start precondition =
        Eigenpairs.lobpcg { options 3 SpectrumPart.Smallest with Tolerance = 1e-8; Start = start } precondition operator

    let plain = run [||] None
    let aided = run [||] (Some(Array.mapi (fun i r -> r / (values[i] - 0.9))))
    let warm = run plain.Vectors None
    Assert.True(plain.Converged && aided.Converged && warm.Converged)
    Assert.True(3 * aided.Products < plain.Products, $"{aided.Products} against {plain.Products}")
    Assert.True(5 * warm.Products < plain.Products, $"{warm.Products} against {plain.Products}")
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 6)) (Array.truncate 3 values) aided.Values

[<Fact>]
let ``LOBPCG in a space that is smaller than its basis, and of multiple eigenvalues`` () =
    let small = LinearOperator.ofMatrix 2 [| 2.0; 1.0; 1.0; 2.0 |]
    let solution = Eigenpairs.lobpcg (options 2 SpectrumPart.Largest) None small
    certified SpectrumPart.Largest small [| 3.0; 1.0 |] solution
    let operator = conjugated 8 (Array.init 40 (fun i -> if i < 3 then 4.0 else cos (float i)))
    let triple = Eigenpairs.lobpcg { options 3 SpectrumPart.Largest with Tolerance = 1e-9 } None operator
    certified SpectrumPart.Largest operator [| 4.0; 4.0; 4.0 |] triple

[<Fact>]
let ``power iteration finds the largest magnitudes, for many more products`` () =
    let operator =
        conjugated
            9
            (Array.init 50 (fun i ->
                if i = 0 then -6.0
                elif i = 1 then 4.0
                else sin (float i)))

    let part = SpectrumPart.LargestMagnitude
    let slow = Eigenpairs.power { options 2 part with Tolerance = 1e-8 } operator
    certified part operator [| -6.0; 4.0 |] slow
    let fast = Eigenpairs.compute { options 2 part with Tolerance = 1e-8 } operator
    Assert.True(2 * fast.Products < slow.Products, $"{fast.Products} against {slow.Products}")

[<Fact>]
let ``what has not converged says so`` () =
    let operator = conjugated 10 (Array.init 200 (fun i -> float i))
    let solution = Eigenpairs.compute { options 2 SpectrumPart.Largest with MaxProducts = 12 } operator
    Assert.False solution.Converged
    Assert.Equal(14, solution.Products)
    Assert.True(solution.Pairs[0].Residual > 1e-3)
    let low, high = solution.Pairs[0].Interval
    Assert.Contains([| 0..199 |], fun i -> low <= float i && float i <= high)

[<Fact>]
let ``products in float32 leave an honest residual`` () =
    let n = 40
    let loss (w: Tensor) = Tensor.sum (Tensor.exp w) + 0.5 * Tensor.sum w * Tensor.sum w
    let point = Random.normal (Random.key 18) [ n ]
    let double = Eigenpairs.compute (options 2 SpectrumPart.Largest) (LinearOperator.hessian loss point)
    let operator = LinearOperator.hessian loss (Tensor.toFloat32 point)
    let single = Eigenpairs.compute { options 2 SpectrumPart.Largest with Tolerance = 1e-5 } operator
    Assert.True single.Converged

    for a, b in Array.zip double.Pairs single.Pairs do
        Assert.InRange(b.Residual / a.Value, 1e-9, 1e-5)
        Assert.Equal(1.0, b.Value / a.Value, 5)

    // What float32 cannot reach is not claimed, and the run ends all the same.
    let strict =
        Eigenpairs.compute { options 1 SpectrumPart.Largest with Tolerance = 1e-12; MaxProducts = 200 } operator

    Assert.False strict.Converged
    Assert.InRange(strict.Pairs[0].Residual / strict.Pairs[0].Value, 1e-9, 1e-5)

[<Fact>]
let ``progress is told, and a run can be cancelled`` () =
    let operator = conjugated 11 mixed
    let seen = ResizeArray<EigenProgress>()
    let solution = Eigenpairs.compute { options 2 SpectrumPart.Largest with Progress = seen.Add } operator
    Assert.Equal(solution.Products - 2, seen[seen.Count - 1].Products)
    Assert.Equal(2, seen[seen.Count - 1].Converged)
    use source = new CancellationTokenSource()

    let stopping = {
        options 2 SpectrumPart.Largest with
            Cancellation = source.Token
            Progress =
                fun p ->
                    if p.Products >= 5 then
                        source.Cancel()
    }

    Assert.Throws<OperationCanceledException>(fun () -> Eigenpairs.compute stopping operator |> ignore)
    |> ignore

[<Fact>]
let ``the same key gives the same pairs`` () =
    let operator = conjugated 12 mixed
    let run () = Eigenpairs.compute (options 2 SpectrumPart.Largest) operator
    let a, b = run (), run ()
    Assert.Equal(a.Products, b.Products)
    Array.iter2 (fun (x: float) (y: float) -> Assert.Equal(x, y, 12)) a.Pairs[1].Vector b.Pairs[1].Vector

let private message (f: unit -> 'a) = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

[<Fact>]
let ``mistakes are told with a remedy`` () =
    let operator = conjugated 13 [| 1.0; 2.0; 3.0 |]
    Assert.Contains("ask for 1 to 3", message (fun () -> Eigenpairs.compute (options 4 SpectrumPart.Largest) operator))

    Assert.Contains(
        "wanted length 3",
        message (fun () -> Eigenpairs.compute { options 1 SpectrumPart.Largest with Start = [| [| 1.0 |] |] } operator)
    )

    Assert.Contains(
        "wanted at least",
        message (fun () ->
            Eigenpairs.compute { options 5 SpectrumPart.Largest with BasisSize = 6 } (conjugated 14 mixed))
    )

    Assert.Contains(
        "use Largest or Smallest",
        message (fun () -> Eigenpairs.lobpcg (options 1 SpectrumPart.BothEnds) None operator)
    )

    Assert.Contains(
        "finds LargestMagnitude",
        message (fun () -> Eigenpairs.power (options 1 SpectrumPart.Largest) operator)
    )

    let rotation = LinearOperator.ofMatrix 2 [| 0.0; -1.0; 1.0; 0.0 |]
    Assert.Contains("not symmetric", message (fun () -> Eigenpairs.compute (options 1 SpectrumPart.Largest) rotation))
    let broken = LinearOperator.ofFunction 3 (fun v -> v / Tensor.scalar 0.0)
    Assert.Contains("finite", message (fun () -> Eigenpairs.compute (options 1 SpectrumPart.Largest) broken))
