module Hesse.Theory.Tests.Landscape.EffectiveDimensionTests

open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``well-determined directions count one, undetermined ones nothing`` () =
    Assert.Equal(0.5 + 0.75, EffectiveDimension.ofEigenvalues 1.0 [| 1.0; 3.0; 0.0; -2.0 |], 1e-15)
    Assert.Equal(2.0, EffectiveDimension.ofEigenvalues 1e-9 [| 1.0; 3.0; 0.0 |], 1e-8)

[<Fact>]
let ``it is the trace of the Bayesian hat matrix of linear regression`` () =
    // y = Xw + noise, prior precision α: the hat matrix X (XᵀX + α)⁻¹ Xᵀ has trace Σ λ/(λ + α).
    let x = Random.normal (Random.key 1) [ 8; 4 ]
    let gram = Tensor.matmul (Tensor.transpose x) x
    let hat = Tensor.matmul x (Linalg.solve (gram + 0.7 * Tensor.eye 4) (Tensor.transpose x))
    let expected = (Tensor.trace hat).item()
    let operator = LinearOperator.ofMatrix 4 (gram.toArray ())
    Assert.Equal(expected, EffectiveDimension.ofOperator 0.7 operator, 1e-12)

[<Fact>]
let ``a prior needs a positive precision`` () =
    let e =
        Assert.Throws<HesseException>(fun () -> EffectiveDimension.ofEigenvalues 0.0 [| 1.0 |] |> ignore)

    Assert.Contains("a prior precision of 0", e.Message)
