module Hesse.Theory.Tests.Dynamics.EigenTrackerTests

open System.Threading
open Xunit
open Hesse
open Hesse.Theory

let private identities (s: TrackedSpectrum) = s.Pairs |> Array.map _.Identity
let private values (s: TrackedSpectrum) = s.Pairs |> Array.map _.Pair.Value

/// Observations of diagonal matrices of these entries, one after the other.
let private follow (options: TrackingOptions) (matrices: float[] list) =
    matrices
    |> List.scan
        (fun before entries -> Some(EigenTracker.observe options before (LinearOperator.diagonal entries)))
        None
    |> List.choose id

let private tail = Array.init 26 (fun i -> 0.05 * float i)

[<Fact>]
let ``eigenvalues keep their identities through a crossing, which is told`` () =
    let at t = Array.append [| 5.0 - t; 3.0; 2.0 + t; 1.5 |] tail
    let run = follow (TrackingOptions.Largest 3) (List.map at [ 0.0; 0.6; 1.2; 1.8; 2.4 ])
    // 5 − t meets 2 + t at t = 1.5; 2 + t meets 3 at 1; 5 − t meets 3 at 2.
    for t, s in List.zip [ 0.0; 0.6; 1.2; 1.8; 2.4 ] run do
        let close expected identity = Assert.Equal(expected, (s.ValueOf identity).Value, 1e-9)
        close (5.0 - t) 0
        close 3.0 1
        close (2.0 + t) 2
        Assert.True s.Converged

    Assert.Equal<int[]>([| 2; 1; 0 |], identities run[4])
    Assert.Equal<EigenvalueCrossing[]>([||], run[1].Crossings)
    Assert.Equal<EigenvalueCrossing[]>([| { From = 1; To = 2 } |], run[2].Crossings)
    Assert.Equal<EigenvalueCrossing[]>([| { From = 0; To = 2 } |], run[3].Crossings)
    Assert.Equal<EigenvalueCrossing[]>([| { From = 0; To = 1 } |], run[4].Crossings)
    Assert.Equal(4.4, run[4].Sharpness, 1e-9)

[<Fact>]
let ``an eigenvalue that rises from below, along a direction never seen, is found and gets a new identity`` () =
    let at rising = Array.append (Array.append [| 5.0; 3.0 |] tail) [| rising |]
    let run = follow (TrackingOptions.Largest 2) (List.map at [ 0.0; 2.0; 6.0; 4.0 ])
    Assert.Equal<int[]>([| 0; 1 |], identities run[1])
    Assert.Equal<int[]>([| 2; 0 |], identities run[2])
    Assert.Equal<int[]>([| 2 |], run[2].Appeared)
    Assert.Equal<int[]>([| 1 |], run[2].Vanished)
    Assert.Equal<int[]>([| 0; 2 |], identities run[3])
    Assert.Equal<EigenvalueCrossing[]>([| { From = 2; To = 0 } |], run[3].Crossings)
    Assert.Equal<float[]>([| 5.0; 4.0 |], values run[3] |> Array.map (fun v -> System.Math.Round(v, 9)))
    // From two exact eigenvectors alone there is no way to the third: the probe finds it.
    let blind = follow { TrackingOptions.Largest 2 with ProbeSteps = 0 } (List.map at [ 0.0; 2.0; 6.0 ])
    Assert.Equal<int[]>([| 0; 1 |], identities blind[2])

[<Fact>]
let ``the overlap is the cosine of the turn, and signs go on`` () =
    let at (angle: float) =
        let q = Tensor.eye 12
        let c, s = cos angle, sin angle
        let rotation = (q.toArray2D ())
        rotation[0, 0] <- c
        rotation[0, 5] <- -s
        rotation[5, 0] <- s
        rotation[5, 5] <- c
        let r = Tensor.ofArray2D rotation
        let d = Tensor.diag (Tensor.ofArray [| for i in 0..11 -> 12.0 - float i |])
        LinearOperator.ofMatrix 12 ((Tensor.matmul (Tensor.matmul r d) (Tensor.transpose r)).toArray())

    let options = { TrackingOptions.Largest 2 with Tolerance = 1e-9 }
    let first = EigenTracker.observe options None (at 0.0)
    let second = EigenTracker.observe options (Some first) (at 0.4)
    Assert.Equal<int[]>([| 0; 1 |], identities second)
    Assert.Equal(cos 0.4, second.Pairs[0].Overlap, 1e-8)
    Assert.Equal(1.0, second.Pairs[1].Overlap, 1e-8)

    let dot =
        Array.fold2 (fun sum a b -> sum + a * b) 0.0 first.Pairs[0].Pair.Vector second.Pairs[0].Pair.Vector

    Assert.Equal(cos 0.4, dot, 1e-8)

[<Fact>]
let ``a warm start takes fewer products than a cold one`` () =
    let size = 400
    let entries = Array.init size (fun i -> 10.0 / float (i + 1))
    let noise seed = (Random.normal (Random.key seed) [ size ]).toArray()
    let at t = LinearOperator.diagonal (Array.map2 (fun d n -> d + 1e-4 * t * n) entries (noise 1))
    let options = TrackingOptions.Largest 3
    let first = EigenTracker.observe options None (at 0.0)
    let warm = EigenTracker.observe options (Some first) (at 1.0)
    let cold = EigenTracker.observe options None (at 1.0)
    Assert.True(warm.Products < cold.Products, $"{warm.Products} against {cold.Products}")
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-8)) (values cold) (values warm)

[<Fact>]
let ``on a run the tracked values are those of the dense Hessian`` () =
    let x, y = Random.normal (Random.key 1) [ 10; 3 ], Random.normal (Random.key 2) [ 10; 2 ]
    let loss (x, y) w = Losses.meanSquaredError (Mlp.apply Tensor.tanh w x) y
    let risk = EmpiricalRisk.create (fun w x -> Mlp.apply Tensor.tanh w x) Losses.meanSquaredError x y
    let options = TrainingOptions.GradientDescent 0.3
    let mutable spectrum = None
    let mutable observations = 0

    let observe (step: TrainingStep<AffineLayer list>) =
        let w = step.State.Parameters
        spectrum <- Some(EigenTracker.observe (TrackingOptions.Largest 3) spectrum (Curvature.hessian risk w))
        let dense = Diff.hessian (fun v -> loss (x, y) (snd (Tree.ravel w) v)) (fst (Tree.ravel w))
        let exact = Spectrum.eigenvalues dense.Shape[0] (dense.toArray ())
        Array.iter2 (fun (e: float) v -> Assert.Equal(e, v, 1e-8)) (Array.truncate 3 exact) (values spectrum.Value)
        observations <- observations + 1

    Training.run
        options
        loss
        (x, y)
        40
        (Training.every 8 observe)
        CancellationToken.None
        (Training.start options (Mlp.init (Random.key 3) 1.0 [ 3; 4; 2 ]))
    |> ignore

    Assert.Equal(5, observations)
    Assert.Equal(4, spectrum.Value.Observation)

[<Fact>]
let ``an operator of another size is refused`` () =
    let options = TrackingOptions.Largest 1
    let first = EigenTracker.observe options None (LinearOperator.diagonal [| 1.0; 2.0 |])

    let e =
        Assert.Throws<HesseException>(fun () ->
            EigenTracker.observe options (Some first) (LinearOperator.diagonal [| 1.0 |]) |> ignore)

    Assert.Contains("size 1 after one of size 2", e.Message)
