module Hesse.Theory.Tests.Models.DiagonalLinearTests

open Xunit
open Hesse
open Hesse.Kernels
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape
let private weights seed d = { Inner = random seed [ d ]; Outer = random (seed + 1) [ d ] }

[<Fact>]
let ``outputs and loss agree with loops`` () =
    let x, y, w = random 1 [ 7; 4 ], random 2 [ 7 ], weights 3 4
    let a, b, xs, ys = w.Inner.toArray (), w.Outer.toArray (), x.toArray2D (), y.toArray ()
    let output i = Seq.sum (seq { for j in 0..3 -> a[j] * b[j] * xs[i, j] })
    let outputs = (DiagonalLinear.predict x w).toArray()

    for i in 0..6 do
        Assert.Equal(output i, outputs[i], 13)

    let expected = Seq.sum (seq { for i in 0..6 -> (output i - ys[i]) ** 2.0 }) / 14.0
    Assert.Equal(expected, (DiagonalLinear.loss x y w).item(), 13)

[<Theory>]
[<InlineData(10)>]
[<InlineData(20)>]
[<InlineData(30)>]
let ``the trace is that of the full Hessian at interpolation`` seed =
    let x, w = random seed [ 9; 5 ], weights (seed + 1) 5
    let flat, unravel = Tree.ravel w
    let hessian = Diff.hessian (unravel >> DiagonalLinear.loss x (DiagonalLinear.predict x w)) flat
    Assert.Equal((Tensor.trace hessian).item(), (DiagonalLinear.hessianTrace x w).item(), 1e-12)

[<Fact>]
let ``the trace bounds the weighted l1 norm, with equality for balanced parameters`` () =
    let x = random 41 [ 6; 5 ]

    for seed in 50..60 do
        let w = weights (2 * seed) 5
        Assert.True((DiagonalLinear.weightedL1 x w).item() < (DiagonalLinear.hessianTrace x w).item())
        let balanced = { w with Outer = Tensor.sign w.Outer * w.Inner }

        Assert.Equal(
            (DiagonalLinear.hessianTrace x balanced).item(),
            (DiagonalLinear.weightedL1 x balanced).item(),
            1e-12
        )

[<Fact>]
let ``on isotropic data the top eigenvalue is the largest squared parameter pair`` () =
    let d = 4
    let struct (q, _) = LinearAlgebra.Qr((random 71 [ d; d ]).toArray(), d, d)
    let x = Tensor.create [ d; d ] q * sqrt (float d)
    let w = weights 72 d
    let flat, unravel = Tree.ravel w
    let hessian = Diff.hessian (unravel >> DiagonalLinear.loss x (DiagonalLinear.predict x w)) flat
    let struct (values, _) = LinearAlgebra.SymmetricEigen(hessian.toArray (), 2 * d, false)
    let top = (DiagonalLinear.isotropicTopEigenvalue w).item()
    Assert.Equal(values[2 * d - 1], top, 1e-12)
    Assert.True(top >= 2.0 * (Tensor.max (Tensor.abs (DiagonalLinear.coefficients w))).item())
