module Hesse.Theory.Tests.Models.DeepLinearTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private norm (t: Tensor) = sqrt ((Tensor.dot t t).item())
let private relative (a: Tensor) (b: Tensor) = norm (a - b) / norm b
let private random seed shape = Random.normal (Random.key seed) shape

/// A problem with d inputs and k outputs from n random samples.
let private problem seed n d k = random seed [ n; d ], random (seed + 1) [ n; k ]

let private network seed (widths: int list) =
    List.pairwise widths
    |> List.mapi (fun i (inputs, outputs) -> random (100 * seed + i) [ outputs; inputs ] / sqrt (float inputs))
    |> Array.ofList

[<Fact>]
let ``the loss from second moments is the loss on the data`` () =
    let x, y = problem 1 20 5 3
    let weights = network 1 [ 5; 4; 3 ]
    let outputs = Tensor.matmul x (Tensor.transpose (DeepLinear.endToEnd weights))
    let direct = (Tensor.sum (Tensor.square (outputs - y))).item() / 40.0
    Assert.Equal(direct, (DeepLinear.loss (DeepLinear.correlations x y) weights).item(), 12)

[<Fact>]
let ``the end-to-end map applies the first layer first`` () =
    let weights = network 2 [ 4; 3; 5; 2 ]
    let x = random 3 [ 4 ]
    let layered = weights |> Array.fold (fun h w -> Tensor.matmul w h) x
    Assert.True(relative (Tensor.matmul (DeepLinear.endToEnd weights) x) layered < 1e-14)

/// u̇ = N u^(2 − 2/N) (s − u) by RK4 with many steps.
let private integrate depth s u0 t =
    let rate u = float depth * u ** (2.0 - 2.0 / float depth) * (s - u)
    let steps = 4000
    let h = t / float steps

    Seq.fold
        (fun u _ ->
            let k1 = rate u
            let k2 = rate (u + 0.5 * h * k1)
            let k3 = rate (u + 0.5 * h * k2)
            let k4 = rate (u + h * k3)
            u + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4))
        u0
        (seq { 1..steps })

[<Theory>]
[<InlineData(1, 2.0, 1e-3)>]
[<InlineData(2, 2.0, 1e-3)>]
[<InlineData(3, 2.0, 1e-3)>]
[<InlineData(4, 0.3, 1e-2)>]
[<InlineData(7, 0.9, 0.5)>]
let ``mode trajectories solve their differential equation`` (depth: int, s: float, u0: float) =
    for t in [ 0.0; 0.1; 1.0; 4.0; 20.0 ] do
        Assert.Equal(integrate depth s u0 t, DeepLinear.modeTrajectory depth s u0 t, 1e-10)

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(3)>]
[<InlineData(5)>]
let ``time and trajectory are inverse to each other`` depth =
    for u in [ 1e-3; 0.01; 0.4; 0.999 ] do
        let t = DeepLinear.modeTime depth 1.0 1e-3 u
        Assert.Equal(u, DeepLinear.modeTrajectory depth 1.0 1e-3 t, 1e-12)

[<Fact>]
let ``a mode ends at its singular value`` () =
    for depth in 1..4 do
        Assert.Equal(0.5, DeepLinear.modeTrajectory depth 0.5 0.1 1e4, 1e-12)

[<Theory>]
[<InlineData(2, 6, 4)>]
[<InlineData(3, 4, 6)>]
[<InlineData(4, 5, 5)>]
let ``a balanced factorisation multiplies to the map and conserves nothing but zero``
    (depth: int, outputs: int, inputs: int)
    =
    let map = random 11 [ outputs; inputs ]
    let weights = DeepLinear.balanced (Random.key 5) 7 depth map
    Assert.Equal(depth, weights.Length)
    Assert.True(relative (DeepLinear.endToEnd weights) map < 1e-13)
    Assert.All(DeepLinear.conserved weights, fun q -> Assert.True(norm q < 1e-12))

[<Fact>]
let ``the conserved matrices do not move along the gradient of any loss of the map`` () =
    let weights = network 4 [ 5; 6; 4; 3 ]
    let loss w = Tensor.sum (Tensor.exp (0.3 * DeepLinear.endToEnd w))
    let _, rate = Diff.jvp DeepLinear.conserved weights (Diff.grad loss weights)
    Assert.All(rate, fun r -> Assert.True(norm r < 1e-13))

[<Theory>]
[<InlineData(1, 3, 5)>]
[<InlineData(2, 3, 5)>]
[<InlineData(3, 5, 3)>]
[<InlineData(4, 4, 4)>]
let ``the preconditioned gradient is the velocity of the end-to-end map`` (depth: int, outputs: int, inputs: int) =
    let x, y = problem 21 30 inputs outputs
    let data = DeepLinear.correlations x y
    let map = random 22 [ outputs; inputs ]
    let weights = DeepLinear.balanced (Random.key 23) 6 depth map
    let velocity = DeepLinear.pushforward weights (GradientFlow.velocity (DeepLinear.loss data) weights)
    let predicted = DeepLinear.preconditioned depth map (Diff.grad (DeepLinear.mapLoss data) map)
    Assert.True(relative velocity predicted < 1e-12)

[<Fact>]
let ``null directions of the map do not disturb the preconditioner`` () =
    // Rank 1 of 4: powers of WᵀW itself would turn rounding of 1e-16 into 1e-5.
    let map = Tensor.matmul (random 31 [ 4; 1 ]) (random 32 [ 1; 6 ])
    let gradient = random 33 [ 4; 6 ]
    let weights = DeepLinear.balanced (Random.key 34) 5 3 map
    let loss w = Tensor.sum (gradient * DeepLinear.endToEnd w)
    let velocity = DeepLinear.pushforward weights (GradientFlow.velocity loss weights)
    Assert.True(relative velocity (DeepLinear.preconditioned 3 map gradient) < 1e-9)

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(3)>]
[<InlineData(6)>]
let ``the single-output field is the preconditioner of a row`` depth =
    let w, gradient = random 41 [ 5 ], random 42 [ 5 ]
    let row t = Tensor.reshape [ 1; 5 ] t
    let expected = Tensor.reshape [ 5 ] (DeepLinear.preconditioned depth (row w) (row gradient))
    Assert.True(relative (DeepLinear.singleOutputField depth w gradient) expected < 1e-13)

/// ∮ F·dw around Γ(r, R) by the midpoint rule in the plane of e and f.
let private loop depth (gradient: Tensor -> Tensor) (e: Tensor) (f: Tensor) inner outer =
    let n = 2000

    let piece a b (path: float -> Tensor) (velocity: float -> Tensor) =
        let h = (b - a) / float n

        Seq.init n (fun k ->
            let t = a + h * (float k + 0.5)
            let w = path t
            h * (Tensor.dot (DeepLinear.singleOutputField depth w (gradient w)) (velocity t)).item())
        |> Seq.sum

    let line a b = piece a b (fun t -> t * e) (fun _ -> e)

    let arc radius a b =
        piece a b (fun t -> radius * (cos t * e + sin t * f)) (fun t -> radius * (cos t * f - sin t * e))

    line -outer -inner + arc inner Math.PI 0.0 + line inner outer + arc outer 0.0 Math.PI

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(3)>]
[<InlineData(5)>]
let ``the loop integral is exact for quadratic losses`` depth =
    let slope = Tensor.ofArray [| 0.6; 0.0; 0.8 |]
    let e, f = slope, Tensor.ofArray [| 0.0; 1.0; 0.0 |]
    let root = random 51 [ 3; 3 ]
    let symmetric = Tensor.matmul root (Tensor.transpose root)
    let measured = loop depth (fun w -> slope + Tensor.matmul symmetric w) e f 0.3 1.2
    // The midpoint rule with 2000 nodes: error about h²/24 of second derivatives of order 10.
    Assert.Equal(DeepLinear.loopIntegral depth 1.0 0.3 1.2, measured, 1e-5)

[<Fact>]
let ``the loop integral vanishes for depth one and two only`` () =
    Assert.Equal(0.0, DeepLinear.loopIntegral 1 1.0 0.5 1.0, 1e-15)
    Assert.Equal(0.0, DeepLinear.loopIntegral 2 1.0 0.5 1.0, 1e-15)
    Assert.True(abs (DeepLinear.loopIntegral 3 1.0 0.5 1.0) > 0.1)

[<Fact>]
let ``the small start is the growing part of the weights`` () =
    let u, vt = Tensor.eye 3, Tensor.eye 3
    let weights = [| 1e-6 * random 61 [ 8; 3 ]; 1e-6 * random 62 [ 3; 8 ] |]
    let starts = DeepLinear.smallStart u vt weights
    let data = { Inputs = Tensor.eye 3; Cross = Tensor.eye 3; TargetNorm = 3.0 }
    // By t = 5 the decaying part is e⁻¹⁰ of the growing one, and the weights are still of order 1e-4.
    let final = GradientFlow.run (DeepLinear.loss data) 0.01 500 (fun _ _ -> ()) weights
    let strengths = (DeepLinear.modeStrengths u vt (DeepLinear.endToEnd final)).toArray()

    for a in 0..2 do
        Assert.Equal(1.0, strengths[a] / (starts[a] * exp 10.0), 1e-3)

[<Fact>]
let ``errors say what was wanted`` () =
    let throws (part: string) (action: unit -> obj) =
        let e = Assert.Throws<HesseException>(action >> ignore)
        Assert.Contains(part, e.Message)

    throws "wanted 0 < u0 < s" (fun () -> box (DeepLinear.modeTrajectory 2 1.0 0.0 1.0))
    throws "wanted 0 or more" (fun () -> box (DeepLinear.modeTrajectory 2 1.0 0.1 -1.0))
    throws "below s = 1" (fun () -> box (DeepLinear.modeTime 2 1.0 0.1 1.0))
    throws "depth 0" (fun () -> box (DeepLinear.loopIntegral 0 1.0 0.1 1.0))
    throws "wanted at least 3" (fun () -> box (DeepLinear.balanced (Random.key 1) 2 3 (Tensor.eye 3)))
    throws "no weight matrix" (fun () -> box (DeepLinear.endToEnd [||]))
    throws "wanted 2" (fun () -> box (DeepLinear.smallStart (Tensor.eye 2) (Tensor.eye 2) [| Tensor.eye 2 |]))

[<Theory>]
[<InlineData("5,3,4", 18)>]
[<InlineData("6,4,4,5", 28)>]
[<InlineData("6,2,5,3", 14)>]
[<InlineData("3,7,4", 12)>]
[<InlineData("4,2", 8)>]
let ``the Gauss-Newton matrix has the rank of the bottleneck law`` (widths: string) expected =
    let widths = widths.Split ',' |> Array.map int |> List.ofArray
    Assert.Equal(expected, DeepLinear.gaussNewtonRank widths)
    let x = Random.normal (Random.key 90) [ 20; widths.Head ]

    let weights =
        widths
        |> List.pairwise
        |> List.mapi (fun i (n, m) -> Random.normal (Random.key (91 + i)) [ m; n ])
        |> Array.ofList

    let model w = Tensor.matmul x (Tensor.transpose (DeepLinear.endToEnd w))
    Assert.Equal(expected, (FunctionalDimension.onBatch 1e-9 model weights).Rank)

[<Fact>]
let ``the bottleneck law refuses a list without layers by name`` () =
    let error = Assert.Throws<HesseException>(fun () -> DeepLinear.gaussNewtonRank [ 3 ] |> ignore)
    Assert.Contains("DeepLinear.gaussNewtonRank: widths [3]", error.Message)
