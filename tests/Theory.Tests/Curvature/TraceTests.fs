module Hesse.Theory.Tests.Curvature.TraceTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

[<Fact>]
let ``the trace of a diagonal operator has no error`` () =
    let a = Array.init 25 (fun q -> if q % 6 = 0 then float (q / 6 + 1) else 0.0)
    let e = Trace.hutchinson (LinearOperator.ofMatrix 5 a) (Random.key 1) 3
    Assert.Equal(15.0, e.Mean, 12)
    Assert.Equal(0.0, e.StandardError, 12)

[<Fact>]
let ``the estimate scatters with variance 2 Σ of squares off the diagonal`` () =
    let n, probes = 20, 4000
    let r = (Random.normal (Random.key 2) [ n; n ]).toArray()
    let a = Array.init (n * n) (fun q -> r[q] + r[(q % n) * n + q / n])
    let trace = Seq.sum (seq { for i in 0 .. n - 1 -> a[i * n + i] })

    let off =
        Seq.sum (
            seq {
                for q in 0 .. n * n - 1 do
                    if q / n <> q % n then
                        a[q] * a[q]
            }
        )

    let e = Trace.hutchinson (LinearOperator.ofMatrix n a) (Random.key 3) probes
    let expected = sqrt (2.0 * off / float probes)
    Assert.InRange(e.StandardError / expected, 0.95, 1.05)
    Assert.True(abs (e.Mean - trace) < 4.0 * expected)

let private decaying = Array.init 120 (fun i -> exp (-0.15 * float i))

/// The root of the mean squared relative error over many keys.
let private error (exact: float) (estimate: Key -> Estimate) =
    [| for t in 0..39 -> (estimate (Random.fold t (Random.key 4))).Value / exact - 1.0 |]
    |> Array.averageBy (fun e -> e * e)
    |> sqrt

[<Fact>]
let ``at equal cost each method is better than the one before on a decaying spectrum`` () =
    let operator = conjugated 31 decaying
    let exact = Array.sum decaying
    let products = 60
    let hutchinson = error exact (fun key -> Trace.hutchinson operator key products)
    let hutchPlusPlus = error exact (fun key -> Trace.hutchPlusPlus operator key products)
    let xTrace = error exact (fun key -> Trace.xTrace operator key products)
    let xNysTrace = error exact (fun key -> Trace.xNysTrace operator key products)
    Assert.True(hutchPlusPlus < 0.2 * hutchinson, $"{hutchPlusPlus} against {hutchinson}")
    Assert.True(xTrace < 0.5 * hutchPlusPlus, $"{xTrace} against {hutchPlusPlus}")
    Assert.True(xNysTrace < 0.5 * xTrace, $"{xNysTrace} against {xTrace}")

[<Fact>]
let ``every method is unbiased, and its standard error is what it scatters by`` () =
    let values = Array.init 40 (fun i -> 1.0 / float (1 + i))
    let operator = conjugated 32 values
    let exact = Array.sum values
    let trials = 200

    for name, estimate in
        [
            "hutchinson", (fun key -> Trace.hutchinson operator key 12)
            "hutchPlusPlus", (fun key -> Trace.hutchPlusPlus operator key 12)
            "xTrace", (fun key -> Trace.xTrace operator key 12)
            "xNysTrace", (fun key -> Trace.xNysTrace operator key 12)
        ] do
        let all = Array.init trials (fun t -> estimate (Random.fold t (Random.key 33)))
        let e = all |> Array.map _.Value |> Estimate.ofSamples

        Assert.True(
            abs (e.Value - exact) < 4.0 * e.StandardError,
            $"{name}: {e.Value} ± {e.StandardError}, want {exact}"
        )

        let scatter = e.StandardError * sqrt (float trials)
        let said = all |> Array.averageBy (fun x -> x.StandardError * x.StandardError) |> sqrt
        Assert.InRange(said / scatter, 0.5, 1.6)
        Assert.All(all, fun x -> Assert.Equal(12, x.Products))
        let covered = all |> Array.averageBy (fun x -> if x.Contains exact then 1.0 else 0.0)
        // Few samples of skew laws, and exchangeable ones, cover less than 0.95.
        Assert.InRange(covered, 0.7, 1.0)

/// XTrace by its definition: for each probe, a basis of the images of the others.
[<Fact>]
let ``XTrace is its naive definition`` () =
    let n, products = 30, 10
    let operator = conjugated 34 (Array.init n (fun i -> cos (float i) + exp (-0.3 * float i)))
    let key = Random.key 35
    let k = products / 2
    let probes = Probes.spherical key n k
    let images = Probes.apply operator probes k

    let single i =
        let others = [|
            for j in 0 .. k - 1 do
                if j <> i then
                    yield! Array.sub images (j * n) n
        |]

        let rank = Vectors.orthonormalise n [||] 0 others (k - 1)
        let inside = Array.sum (Probes.dots n others (Probes.apply operator others rank) rank)
        let probe = Array.sub probes (i * n) n
        Vectors.subtract n others 0 rank (Vectors.gram n others 0 rank probe 0 1) probe 0 1
        let scale = float (n - k + 1) / dot probe probe
        inside + scale * dot probe (operator.Apply probe)

    let naive = Estimate.ofSamples (Array.init k single)
    let fast = Trace.xTrace operator key products
    Assert.Equal(naive.Value, fast.Value, 11)
    Assert.Equal(naive.StandardError, fast.StandardError, 11)

[<Fact>]
let ``XNysTrace is its naive definition`` () =
    let n, k = 30, 6
    let a = withSpectrum 36 (Array.init n (fun i -> exp (-0.3 * float i)))
    let operator = LinearOperator.ofMatrix n a
    let key = Random.key 37
    let probes = Probes.spherical key n k

    let single i =
        let m = k - 1

        let others = [|
            for j in 0 .. k - 1 do
                if j <> i then
                    yield! Array.sub probes (j * n) n
        |]

        let images = Probes.apply operator others m
        let h = Vectors.gram n others 0 m images 0 m
        // Columns of H⁻¹Y.
        let y = Hesse.Kernels.LinearAlgebra.Solve(h, m, images, n)
        let nystroem = Seq.sum (seq { for q in 0 .. m * n - 1 -> y[q] * images[q] })
        let probe = Array.sub probes (i * n) n
        let along = Vectors.gram n images 0 m probe 0 1
        let solved = Hesse.Kernels.LinearAlgebra.Solve(h, m, along, 1)
        let rest = dot probe (operator.Apply probe) - dot along solved
        let outside = Array.copy probe
        let basis = Array.copy others
        Vectors.orthonormalise n [||] 0 basis m |> ignore
        Vectors.subtract n basis 0 m (Vectors.gram n basis 0 m outside 0 1) outside 0 1
        nystroem + float (n - k + 1) / dot outside outside * rest

    let naive = Estimate.ofSamples (Array.init k single)
    let fast = Trace.xNysTrace operator key k
    Assert.Equal(naive.Value, fast.Value, 9)
    Assert.Equal(naive.StandardError, fast.StandardError, 9)

[<Fact>]
let ``low rank is exact, and so are zero and tiny operators`` () =
    let operator = conjugated 38 (Array.init 50 (fun i -> if i < 4 then float (i + 1) else 0.0))

    for estimate in [ Trace.hutchPlusPlus operator; Trace.xTrace operator; Trace.xNysTrace operator ] do
        let e = estimate (Random.key 39) 18
        Assert.Equal(10.0, e.Value, 9)
        Assert.True(e.StandardError < 1e-9)

    let zero = LinearOperator.ofMatrix 4 (Array.zeroCreate 16)
    let one = LinearOperator.ofMatrix 1 [| 7.0 |]

    for method in [ Trace.hutchinson; Trace.hutchPlusPlus; Trace.xTrace; Trace.xNysTrace ] do
        Assert.Equal(0.0, (method zero (Random.key 1) 9).Value, 12)
        Assert.Equal(7.0, (method one (Random.key 1) 9).Value, 12)

[<Fact>]
let ``mistakes are told with a remedy`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let operator = conjugated 40 [| 1.0; -2.0; 3.0; 0.5; 4.0 |]
    Assert.Contains("at least 6", message (fun () -> Trace.hutchPlusPlus operator (Random.key 1) 5))
    Assert.Contains("at least 4", message (fun () -> Trace.xTrace operator (Random.key 1) 3))
    Assert.Contains("use Trace.xTrace", message (fun () -> Trace.xNysTrace operator (Random.key 1) 5))
