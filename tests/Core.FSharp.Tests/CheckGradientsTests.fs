/// The gradient checker passes right derivatives and finds wrong ones.
module Hesse.Tests.CheckGradientsTests

open Hesse
open Xunit

let private message (f: unit -> 'a) =
    try
        f () |> ignore
        failwith "nothing failed"
    with :? HesseException as e ->
        e.Message

[<Fact>]
let ``right derivatives pass to order 3, on trees`` () =
    let f (a: Tensor, bs: Tensor list) =
        let total = bs |> List.reduce (+)
        [ Tensor.tanh (Tensor.matmul a total); Tensor.exp (Tensor.sin total); a / (1.0 + a * a) ]

    let x = varied 1 [ 3; 2 ], [ varied 2 [ 2 ]; varied 3 [ 2 ] ]
    let report = CheckGradients.check 3 f x
    Assert.Equal(3, report.Forward.Length)
    Assert.All(report.Forward, fun e -> Assert.InRange(e, 0.0, 1e-7))
    Assert.All(report.Reverse, fun e -> Assert.InRange(e, 0.0, 1e-12))
    // Finite differences are not exact: an error of zero would mean that nothing was compared.
    Assert.True(Array.max report.Forward > 0.0)

[<Fact>]
let ``right derivatives of random programs pass to order 2`` () =
    for seed in 1..40 do
        let p = ProgramGenerator.generate seed
        let options = { CheckGradients.defaults with Step = 1.0 / 256.0; Tolerance = 1e-4 }
        CheckGradients.checkWith options (RandomPrograms.runFrozen p) (RandomPrograms.inputs p) |> ignore

[<Fact>]
let ``a wrong derivative is found at its order, with its tensor`` () =
    let wrong (x: Tensor, y: Tensor) = Tensor.sin x + Tensor.stopGradient y * y
    let text = message (fun () -> CheckGradients.check 1 wrong (scalar 0.3, scalar 0.7))
    Assert.StartsWith("checkGradients: order 1, forward mode, tensor 1 of the argument: expected ", text)
    Assert.Contains("finite differences", text)
    Assert.Contains("above the tolerance 1E-06", text)

    // x·sg(x)… with the value and first derivative of x²: only the second derivative is wrong.
    let second (x: Tensor) =
        let s = Tensor.stopGradient x
        s * s + 2.0 * s * (x - s)

    CheckGradients.check 1 second (scalar 0.4) |> ignore
    let text = message (fun () -> CheckGradients.check 2 second (scalar 0.4))
    Assert.StartsWith("checkGradients: order 2, forward mode, tensor 0", text)

[<Fact>]
let ``a kink within the step is found, one outside is not`` () =
    let relu (x: Tensor) = Tensor.maximum x (scalar 0.0)
    Assert.StartsWith("checkGradients: order 1", message (fun () -> CheckGradients.check 1 relu (scalar 0.0)))
    CheckGradients.check 2 relu (scalar 0.1) |> ignore

[<Fact>]
let ``the same seed gives the same report, and options are checked`` () =
    let at seed = CheckGradients.checkWith { CheckGradients.defaults with Seed = seed } Tensor.exp (varied 1 [ 4 ])
    Assert.Equal(at 3, at 3)
    Assert.NotEqual(at 3, at 4)

    Check.fails
        "checkGradients: order 0, step 0.015625, tolerance 1E-06; want an order of at least 1, and step and tolerance above 0"
        (fun () -> CheckGradients.check 0 Tensor.exp (scalar 1.0))
