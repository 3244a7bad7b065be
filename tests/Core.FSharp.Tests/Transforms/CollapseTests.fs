module Hesse.Tests.Transforms.CollapseTests

open Hesse
open Hesse.Tests
open Xunit

let private cases: (string * (Tensor -> Tensor)) list = [
    "linear", fun x -> Tensor.matmul (varied 1 [ 3; 4 ]) x
    "product", fun x -> x * Tensor.sin x * Tensor.sum x
    "contraction of two moving operands", fun x -> Tensor.matmul (Tensor.outer x (Tensor.exp x)) (x * x)
    "quotient", fun x -> Tensor.exp x / (2.0 + x * x)
    "rules", fun x -> Tensor.tanh x + Tensor.erf (x * x) + Tensor.sqrt (2.0 + x) + (2.0 + x) ** scalar 2.5
    "power with a moving exponent", fun x -> Tensor.exp (x * Tensor.log (2.0 + x))
    "normalised", fun x -> Tensor.softmax 0 (x * x)
    "linear algebra", fun x -> Linalg.solve (3.0 * Tensor.eye 4 + Tensor.outer x x) (Tensor.cos x)
    "log-determinant", fun x -> Linalg.logdet (3.0 * Tensor.eye 4 + Tensor.outer x x)
    "own rule", Diff.customDerivative Tensor.sin (fun x _ dx -> Tensor.cos x * dx)
    "jet inside", fun x -> (Diff.jet 2 Tensor.sin x x)[2]
    "gradient inside", Diff.grad (fun x -> Tensor.sum (Tensor.exp x * Tensor.prod x))
    "loop", fun x -> Diff.iterate 3 (fun h -> Tensor.sin (h * x)) x
    "constant", fun _ -> Tensor.ones [ 2 ]
]

let private x = 0.5 * varied 3 [ 4 ]

[<Fact>]
let ``the collapsed sum is the sum of second-order jets, the first derivatives are jvps`` () =
    let directions = varied 4 [ 5; 4 ]
    let weights = vector [ 1.0; -0.5; 2.0; 0.0; 3.0 ]

    for what, f in cases do
        let jets = [ for k in 0..4 -> Diff.jet 2 f x directions[k] ]
        let expected = jets |> List.mapi (fun k jet -> weights[k] * jet[2]) |> List.reduce (+)
        Check.tensors what 1e-11 expected (Diff.laplacianAlong weights directions f x)
        let y, j, laplacian = Diff.valueGradLaplacian f x
        Check.tensors $"{what}: value" 1e-14 (f x) y
        Check.tensors $"{what}: Jacobian" 1e-13 (Diff.jacfwd f x) j
        let trace = [ for k in 0..3 -> (Diff.jet 2 f x (Tensor.eye(4).[k])).[2] ] |> List.reduce (+)
        Check.tensors $"{what}: Laplacian" 1e-11 trace laplacian
        Check.tensors $"{what}: same" 1e-13 laplacian (Diff.laplacian f x)
        Check.tensors $"{what}: terms" 1e-11 laplacian (Tensor.sumAxis -1 (Diff.laplacianTerms f x))

[<Fact>]
let ``one direction more costs about one jvp more`` () =
    let w = varied 1 [ 30; 30 ]

    let f (x: Tensor) =
        Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.tanh (Tensor.matmul w (Tensor.tanh (Tensor.matmul w x))))))

    let variable = Graph.variable [| 30 |]
    let y = (f (Tensor variable)).Node
    let tangent = Graph.variable [| 30 |]
    let value = Cost.ofGraph [| y |]
    let jvp = Cost.ofGraph (Array.append [| y |] (Tracing.pushforward [| variable |] [| tangent |] [| y |]))
    let perDirection = float (jvp.Flops - value.Flops)

    let flops m =
        let seeds = Graph.variable [| m; 30 |]
        let carried = Collapse.apply m (Graph.full [| m |] 1.0) [| variable |] [| seeds |] [| y |]
        let struct (_, second) = carried[0]
        float (Cost.ofGraph [| second.Value |]).Flops

    let slope = (flops 40 - flops 20) / 20.0
    Assert.InRange(slope / perDirection, 0.9, 1.2)
    // What does not grow with the number of directions: the value and one second derivative.
    Assert.InRange((flops 40 - 40.0 * slope) / float value.Flops, 1.5, 2.5)
