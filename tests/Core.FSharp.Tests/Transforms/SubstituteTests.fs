module Hesse.Tests.Transforms.SubstituteTests

open Hesse
open Hesse.Tests
open Xunit

let private concrete (t: Tensor) = t.Node

[<Fact>]
let ``values in place of all variables give a value`` () =
    let x, y = Graph.variable [| 2 |], Graph.variable [| 2 |]
    let f = Linear.mul (Elementwise.exp x) y
    let values = [| concrete (vector [ 0.0; 1.0 ]); concrete (vector [ 3.0; 4.0 ]) |]
    let result = (Substitute.apply [| x; y |] values [| f |])[0]
    Assert.True result.IsConcrete
    Check.tensors "value" 1e-15 (vector [ 3.0; 4.0 * System.Math.E ]) (Tensor result)

[<Fact>]
let ``a node in place of a variable gives the graph that would have been built with it`` () =
    let x = Graph.variable [| 2 |]
    let y = Graph.variable [| 2 |]
    let f z = Linear.add (Elementwise.sin z) (Linear.mul z z)
    let replaced = (Substitute.apply [| x |] [| y |] [| f x |])[0]
    Assert.Same(f y, replaced)

[<Fact>]
let ``what does not depend on the variables stays as it is`` () =
    let outer = Graph.variable [| 2 |]
    let kept = Elementwise.exp outer
    let x = Graph.variable [| 2 |]

    let results =
        Substitute.apply [| x |] [| concrete (vector [ 1.0; 1.0 ]) |] [| kept; Linear.mul kept x |]

    Assert.Same(kept, results[0])
    // Multiplication by one is simplified once the value is known.
    Check.tensors
        "outer"
        1e-15
        (vector [ 1.0; System.Math.E ])
        (Tensor((Substitute.apply [| outer |] [| concrete (vector [ 0.0; 1.0 ]) |] [| results[1] |])[0]))

[<Fact>]
let ``a variable itself and a repeated output are replaced`` () =
    let x = Graph.variable [||]
    let one = concrete (Tensor.create [] [| 1.0 |])
    let results = Substitute.apply [| x |] [| one |] [| x; x |]
    Assert.Same(one, results[0])
    Assert.Same(one, results[1])
