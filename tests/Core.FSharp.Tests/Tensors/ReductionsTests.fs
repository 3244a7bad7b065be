module Hesse.Tests.Tensors.ReductionsTests

open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``minimum, with shared derivatives at ties`` () =
    let t = Tensor.create [ 2; 3 ] [| 2.0; -1.0; 4.0; 0.0; 5.0; 0.0 |]
    Check.tensors "axis" 0.0 (vector [ -1.0; 0.0 ]) (Tensor.minAxis 1 t)
    Check.tensors "all" 0.0 (scalar -1.0) (Tensor.min t)
    let expected = Tensor.create [ 2; 3 ] [| 0.0; 1.0; 0.0; 0.5; 0.0; 0.5 |]
    Check.tensors "gradient" 0.0 expected (Diff.grad (Tensor.sum << Tensor.minAxis 1) t)

[<Fact>]
let ``argmax and argmin: the first of equal ones, NaN first of all, derivative zero`` () =
    let t = Tensor.create [ 2; 4 ] [| 1.0; 3.0; 3.0; 0.0; nan; 5.0; nan; -1.0 |]
    Check.tensors "argmax" 0.0 (vector [ 1.0; 0.0 ]) (Tensor.argmax 1 t)
    Check.tensors "argmin" 0.0 (vector [ 3.0; 0.0 ]) (Tensor.argmin -1 t)
    Check.tensors "other axis" 0.0 (vector [ 1.0; 1.0; 1.0; 0.0 ]) (Tensor.argmax 0 t)
    let x = varied 3 [ 5; 7 ]

    Check.tensors
        "by sorting"
        0.0
        (Tensor.squeeze 1 (Tensor.slice 1 0 1 1 (Tensor.argsortDescending 1 x)))
        (Tensor.argmax 1 x)

    let infinite = vector [ -infinity; -infinity ]
    Check.tensors "all infinite" 0.0 (scalar 0.0) (Tensor.argmax 0 infinite)
    Check.tensors "gradient" 0.0 (Tensor.zeros [ 5; 7 ]) (Diff.grad (Tensor.sum << Tensor.argmax 1) x)
    Check.tensors "vmap" 0.0 (Tensor.argmax 1 x) (Diff.vmap (Tensor.argmax 0) x)
