module Hesse.Tests.StructuredTests

open Hesse
open Hesse.Tracing
open Xunit

/// The matrix of a function's derivative with its structure kept, and as a batch of unit directions; [elements of x; outputs].
let private bothWays (f: Tensor[] -> Tensor[]) (xs: Tensor[]) =
    let t = trace f xs
    let tangents = variablesLike t.Variables
    let linear = pushforward t.Variables tangents t.Outputs
    let count = xs |> Array.sumBy (fun x -> x.Size)
    let structured = Structured.overBasis tangents linear

    let batch = Batch.apply count tangents (Directions.basis tangents 0 count) linear

    let values nodes = Executor.evaluate t.Variables t.Values nodes |> Array.map Tensor
    values structured, values batch

let private bothHessians (f: Tensor[] -> Tensor) (xs: Tensor[]) =
    let t = trace f xs
    let tangents = variablesLike t.Variables
    let products = pushforward t.Variables tangents (gradient t.Variables t.Outputs[0])
    let count = xs |> Array.sumBy (fun x -> x.Size)

    let batch = Batch.apply count tangents (Directions.basis tangents 0 count) products

    let values nodes = Executor.evaluate t.Variables t.Values nodes |> Array.map Tensor
    values [| Structured.symmetric tangents products |], values [| Directions.flattenRows count batch |]

let private network (parameters: Tensor[]) (x: Tensor) =
    let depth = parameters.Length / 2

    let layer (h: Tensor) l =
        let z = Tensor.matmul h parameters[2 * l] + parameters[2 * l + 1]
        if l < depth - 1 then Tensor.tanh z else z

    Seq.fold layer x (seq { 0 .. depth - 1 })

let private parametersOf (widths: int list) =
    List.pairwise widths
    |> List.mapi (fun l (i, o) -> [| varied l [ i; o ]; varied (l + 9) [ o ] |])
    |> Array.concat

let private loss (widths: int list) n =
    let x, y = varied 3 [ n; List.head widths ], varied 4 [ n; List.last widths ]
    fun p -> Tensor.mean (Tensor.square (network p x - y))

[<Fact>]
let ``Jacobians of random programs are those of the batch`` () =
    for seed in 1..400 do
        let program = ProgramGenerator.generate seed
        let structured, batch = bothWays (RandomPrograms.run program) (RandomPrograms.inputs program)

        try
            Check.trees "structured" 1e-11 batch structured
        with e ->
            failwith $"{e.Message}\n{RandomPrograms.print program}"

[<Fact>]
let ``Hessians of random programs are those of the batch`` () =
    for seed in 1001..1300 do
        let program = ProgramGenerator.generate seed
        let structured, batch = bothHessians (RandomPrograms.scalar program) (RandomPrograms.inputs program)

        try
            Check.trees "structured" 1e-10 batch structured
        with e ->
            failwith $"{e.Message}\n{RandomPrograms.print program}"

[<Theory>]
[<InlineData(1)>]
[<InlineData(3)>]
let ``the Hessian of a network's loss is that of the batch`` outputs =
    let widths = [ 4; 5; 6; outputs ]
    let structured, batch = bothHessians (loss widths 7) (parametersOf widths)
    Check.trees "structured" 1e-13 batch structured

[<Fact>]
let ``the Hessian with respect to a ravelled vector is the same`` () =
    let widths = [ 3; 4; 2 ]
    let parameters = parametersOf widths
    let flat, unravel = Tree.ravel parameters
    let f (v: Tensor[]) = loss widths 5 (unravel v[0])
    let structured, batch = bothHessians f [| flat |]
    Check.trees "structured" 1e-13 batch structured
    let ofTree, _ = bothHessians (loss widths 5) parameters
    Check.trees "ravelled" 1e-13 ofTree structured

let private operations nodes =
    let struct (operations, _) = Structured.cost 1L nodes
    operations

[<Theory>]
[<InlineData(false)>]
[<InlineData(true)>]
let ``a Hessian costs a fraction of a product for every parameter`` ravelled =
    let widths = [ 10; 32; 32; 1 ]
    let parameters = parametersOf widths
    let flat, unravel = Tree.ravel parameters
    let whole = loss widths 100
    let f = if ravelled then (fun (v: Tensor[]) -> whole (unravel v[0])) else whole
    let t = trace f (if ravelled then [| flat |] else parameters)
    let tangents = variablesLike t.Variables
    let products = pushforward t.Variables tangents (gradient t.Variables t.Outputs[0])
    let batch = float flat.Size * Structured.costPerDirection tangents products
    let structured = operations [| Structured.symmetric tangents products |]
    Assert.InRange(structured, 0.0, batch / 5.0)

[<Fact>]
let ``per-sample structure is found in the Jacobian of a batch`` () =
    let widths, n = [ 10; 64; 64; 1 ], 128
    let x = varied 3 [ n; 10 ]
    let t = trace (fun p -> Tensor.flatten (network p x)) (parametersOf widths)
    let cotangents = variablesLike t.Outputs
    let rows = Structured.overBasis cotangents (pullback t.Variables t.Outputs cotangents)
    // The result has 128 · 4929 elements; a batch of 128 backward passes costs some hundred times as much.
    Assert.InRange(operations rows, 0.0, 40.0 * 128.0 * 4929.0)
