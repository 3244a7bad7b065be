module Hesse.Theory.Tests.Models.TwoLayerReluTests

open Xunit
open Hesse
open Hesse.Kernels
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape
let private weights seed m d = TwoLayerRelu.init (Random.key seed) 1.0 m d

[<Fact>]
let ``outputs and loss agree with loops`` () =
    let x, y, w = random 1 [ 6; 3 ], random 2 [ 6 ], weights 3 4 3
    let xs, ys, hidden, readout = x.toArray2D (), y.toArray (), w.Hidden.toArray2D (), w.Readout.toArray ()
    let pre i j = Seq.sum (seq { for k in 0..2 -> hidden[j, k] * xs[i, k] })
    let output i = Seq.sum (seq { for j in 0..3 -> readout[j] * max 0.0 (pre i j) })
    let outputs = (TwoLayerRelu.predict x w).toArray()

    for i in 0..5 do
        Assert.Equal(output i, outputs[i], 13)

    let expected = Seq.sum (seq { for i in 0..5 -> (output i - ys[i]) ** 2.0 }) / 12.0
    Assert.Equal(expected, (TwoLayerRelu.loss x y w).item(), 13)

[<Fact>]
let ``initial weights have the stated variances`` () =
    // 20,000 and 400 samples: known to 1 % and 7 % (one standard error).
    let w = TwoLayerRelu.init (Random.key 9) 2.0 400 50
    Assert.InRange((Tensor.mean (Tensor.square w.Hidden)).item() * 50.0 / 4.0, 0.96, 1.04)
    Assert.InRange((Tensor.mean (Tensor.square w.Readout)).item() * 400.0 / 4.0, 0.72, 1.28)

[<Theory>]
[<InlineData(10)>]
[<InlineData(20)>]
[<InlineData(30)>]
let ``the trace is that of the full Hessian at interpolation`` seed =
    let x, w = random seed [ 9; 4 ], weights (seed + 1) 5 4
    let flat, unravel = Tree.ravel w
    let hessian = Diff.hessian (unravel >> TwoLayerRelu.loss x (TwoLayerRelu.predict x w)) flat
    Assert.Equal((Tensor.trace hessian).item(), (TwoLayerRelu.hessianTrace x w).item(), 1e-12)

[<Fact>]
let ``on isotropic symmetric inputs the trace is a norm of the weights`` () =
    // ±√d times the rows of an orthogonal matrix: E xxᵀ = I.
    let d = 5
    let struct (q, _) = LinearAlgebra.Qr((random 41 [ d; d ]).toArray(), d, d)
    let half = Tensor.create [ d; d ] q * sqrt (float d)
    let x = Tensor.concat 0 [ half; -half ]

    for seed in 50..55 do
        let w = weights seed 6 d
        Assert.Equal((TwoLayerRelu.hessianTrace x w).item(), (TwoLayerRelu.isotropicTrace w).item(), 1e-12)

[<Fact>]
let ``the isotropic trace bounds the path norm, with equality for balanced neurons`` () =
    let d = 5
    let path w = sqrt (float d) * (TwoLayerRelu.pathNorm w).item()

    for seed in 60..70 do
        let w = weights seed 6 d
        Assert.True(path w < (TwoLayerRelu.isotropicTrace w).item())
        let norms = Tensor.sqrt (Tensor.sumAxis 1 (w.Hidden * w.Hidden))
        let balanced = { w with Readout = Tensor.sign w.Readout * norms / sqrt (float d) }
        Assert.Equal((TwoLayerRelu.isotropicTrace balanced).item(), path balanced, 1e-12)

[<Fact>]
let ``the path norm is as invariant as the function`` () =
    let x, w = random 81 [ 8; 4 ], weights 82 5 4
    let scales = Tensor.exp (random 83 [ 5 ])

    let rescaled = { Hidden = w.Hidden * Tensor.expandDims 1 scales; Readout = w.Readout / scales }

    Assert.Equal((TwoLayerRelu.pathNorm w).item(), (TwoLayerRelu.pathNorm rescaled).item(), 1e-12)
    let difference = TwoLayerRelu.predict x w - TwoLayerRelu.predict x rescaled
    Assert.True((Tensor.max (Tensor.abs difference)).item() < 1e-13)
    Assert.NotEqual((TwoLayerRelu.hessianTrace x w).item(), (TwoLayerRelu.hessianTrace x rescaled).item(), 1e-3)
