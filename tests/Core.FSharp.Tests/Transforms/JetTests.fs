module Hesse.Tests.Transforms.JetTests

open System
open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``a jet of a polynomial is exact and ends`` () =
    // p(x + t) for p = 1 + 2x + 3x² + 4x³ at x = 2: derivatives 49, 62, 54, 24, 0.
    let p (x: Tensor) = 1.0 + 2.0 * x + 3.0 * x * x + 4.0 * x * x * x
    let jet = Diff.jet 6 p (scalar 2.0) (scalar 1.0)
    Assert.Equal<float list>([ 49.0; 62.0; 54.0; 24.0; 0.0; 0.0; 0.0 ], [ for d in jet -> d.item () ])

[<Fact>]
let ``order 0 is the value`` () =
    let x = varied 1 [ 3 ]
    let jet = Diff.jet 0 Tensor.exp x (Tensor.ones [ 3 ])
    Assert.Equal(1, jet.Length)
    Check.tensors "value" 1e-15 (Tensor.exp x) jet[0]

[<Fact>]
let ``derivative k is homogeneous of degree k in the direction`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.sin x * Tensor.exp (Tensor.matmul (varied 1 [ 3; 3 ]) x))
    let x, v = varied 2 [ 3 ], varied 3 [ 3 ]
    let a, b = Diff.jet 5 f x v, Diff.jet 5 f x (-2.0 * v)

    for k in 0..5 do
        Check.tensors $"order {k}" 1e-11 (Math.Pow(-2.0, float k) * a[k]) b[k]

[<Fact>]
let ``second order is the quadratic form of the Hessian`` () =
    let f (x: Tensor) = Tensor.logSumExp 0 (Tensor.matmul (varied 1 [ 4; 3 ]) x) / (1.0 + Tensor.sum (x * x))
    let x, v = varied 2 [ 3 ], varied 3 [ 3 ]
    let expected = Tensor.dot v (Tensor.matmul (Diff.hessian f x) v)
    Check.tensors "vᵀHv" 1e-13 expected ((Diff.jet 2 f x v)[2])

[<Fact>]
let ``Taylor's theorem: the jet predicts the function nearby`` () =
    let f (x: Tensor) = Tensor.tanh (Tensor.matmul (varied 1 [ 2; 3 ]) (Tensor.sin x))
    let x, v = varied 2 [ 3 ], varied 3 [ 3 ]
    let order, t = 8, 0.05
    let jet = Diff.jet order f x v

    let predicted =
        Seq.foldBack (fun k total -> jet[k] + t / float (k + 1) * total) (seq { 0 .. order - 1 }) jet[order]

    // The remainder is about t⁹ ≈ 2·10⁻¹² times a derivative over 9!.
    Check.tensors "f(x + tv)" 1e-12 (f (x + t * v)) predicted

[<Fact>]
let ``cost grows as the square of the order, not exponentially`` () =
    let f (x: Tensor) = Tensor.tanh (Tensor.exp (Tensor.sin x) / (2.0 + Tensor.cos x))

    let size order =
        let x, v = Graph.variable [||], Graph.variable [||]
        let series = [| Array.init order (fun k -> if k = 0 then Some v else None) |]
        let coefficients = Jet.apply order [| x |] series [| (f (Tensor x)).Node |]
        (Graph.order 1L (Array.choose id coefficients[0])).Length

    // Doubling the order should multiply the size by about four.
    let ratio = float (size 24) / float (size 12)
    Assert.InRange(ratio, 2.0, 5.0)

[<Fact>]
let ``a curved path: higher coefficients of the input`` () =
    // exp(t + t²) has Taylor coefficients 1, 1, 3/2, 7/6, 25/24.
    let x = Graph.variable [||]
    let one, zero = Graph.full [||] 1.0, None
    let c = (Jet.apply 4 [| x |] [| [| Some one; Some one; zero; zero |] |] [| Elementwise.exp x |])[0]

    let value k = (Substitute.apply [| x |] [| Graph.full [||] 0.0 |] [| c[k].Value |]).[0].Data[0]

    for k, expected in [ 0, 1.0; 1, 1.0; 2, 1.5; 3, 7.0 / 6.0; 4, 25.0 / 24.0 ] do
        Check.number $"coefficient {k}" 1e-15 expected (value k)

[<Fact>]
let ``jets inside jets and under vmap`` () =
    // ∂²/∂x² ∂³/∂y³ of exp(xy) at (0.3, 0.7).
    let f (x: Tensor) (y: Tensor) = Tensor.exp (x * y)
    let nested y = Diff.derivative 3 (fun y -> Diff.derivative 2 (fun x -> f x y) (scalar 0.3)) y
    // ∂ₓ² = y² e^{xy}; ∂ᵧ³(y² e^{xy}) = e^{xy}(x³y² + 6x²y + 6x).
    let exact y = Math.Exp(0.3 * y) * (0.027 * y * y + 6.0 * 0.09 * y + 1.8)
    Check.number "nested" 1e-13 (exact 0.7) ((nested (scalar 0.7)).item())
    let ys = vector [ 0.7; -0.2; 1.4 ]
    Check.arrays "vmap" 1e-13 (Array.map exact (ys.toArray ())) ((Diff.vmap nested ys).toArray())
