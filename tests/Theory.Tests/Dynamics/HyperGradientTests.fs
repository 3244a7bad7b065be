module Hesse.Theory.Tests.Dynamics.HyperGradientTests

open Xunit
open Hesse
open Hesse.Theory

let private x = Random.normal (Random.key 1) [ 20; 4 ]
let private y = Random.normal (Random.key 2) [ 20 ]
let private x', private y' = Random.normal (Random.key 3) [ 15; 4 ], Random.normal (Random.key 4) [ 15 ]

/// Ridge regression with one weight decay for all, and a validation loss that also depends on λ directly.
let private problem: BilevelProblem<Tensor, Tensor> = {
    Training =
        fun l w -> 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y)) + 0.5 * Tensor.exp l * Tensor.dot w w
    Validation = fun l w -> 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x' w - y')) + 0.1 * l * l
}

let private solve (l: Tensor) =
    let gram = Tensor.matmul (Tensor.transpose x) x / 20.0 + Tensor.eye 4 * Tensor.exp l
    Linalg.solve gram (Tensor.matmul (Tensor.transpose x) y / 20.0)

let private lambda = Tensor.scalar -1.3

[<Fact>]
let ``the exact hyper-gradient is the derivative through the solution`` () =
    let expected = Diff.grad (fun l -> problem.Validation l (solve l)) lambda
    Assert.Equal(expected.item (), (HyperGradient.exact 1e-13 problem lambda (solve lambda)).item(), 11)

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(7)>]
let ``K terms of the series are K unrolled steps from the optimum`` terms =
    let w = solve lambda

    Assert.Equal(
        (HyperGradient.unrolled 0.2 terms problem lambda w).item(),
        (HyperGradient.neumann 0.2 terms problem lambda w).item(),
        12
    )

[<Fact>]
let ``the series converges to the exact hyper-gradient`` () =
    let w = solve lambda

    Assert.Equal(
        (HyperGradient.exact 1e-13 problem lambda w).item(),
        (HyperGradient.neumann 0.3 400 problem lambda w).item(),
        11
    )

[<Fact>]
let ``weights and hyper-parameters may be trees`` () =
    // Two decays for two halves of the weights.
    let model (a: Tensor, b: Tensor) = Tensor.matmul x[*, ..1] a + Tensor.matmul x[*, 2..] b

    let halves: BilevelProblem<Tensor * Tensor, Tensor * Tensor> = {
        Training =
            fun (la, lb) (a, b) ->
                0.5 * Tensor.mean (Tensor.square (model (a, b) - y))
                + 0.5 * (Tensor.exp la * Tensor.dot a a + Tensor.exp lb * Tensor.dot b b)
        Validation =
            fun _ (a, b) ->
                let output = Tensor.matmul x'[*, ..1] a + Tensor.matmul x'[*, 2..] b
                0.5 * Tensor.mean (Tensor.square (output - y'))
    }

    let w = solve lambda
    let la, lb = HyperGradient.exact 1e-13 halves (lambda, lambda) (w[..1], w[2..])
    // With both decays equal their derivatives add up to that of the common one.
    let common = (HyperGradient.exact 1e-13 problem lambda w).item() - 0.2 * lambda.item ()
    Assert.Equal(common, la.item () + lb.item (), 11)

[<Fact>]
let ``misuse is refused by name`` () =
    let message f = Assert.Throws<HesseException>(fun () -> f () |> ignore).Message

    Assert.Contains(
        "HyperGradient.neumann: 0 terms",
        message (fun () -> HyperGradient.neumann 0.1 0 problem lambda (solve lambda))
    )

    Assert.Contains("α = -1", message (fun () -> HyperGradient.neumann -1.0 3 problem lambda (solve lambda)))
