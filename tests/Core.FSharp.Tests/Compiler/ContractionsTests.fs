module Hesse.Tests.ContractionsTests

open Hesse
open Hesse.Tracing
open Xunit

let private parametersOf (widths: int list) =
    List.pairwise widths
    |> List.mapi (fun l (i, o) -> [| varied l [ i; o ]; varied (l + 9) [ o ] |])
    |> Array.concat

let private network (parameters: Tensor[]) (x: Tensor) =
    let depth = parameters.Length / 2

    let layer (h: Tensor) l =
        let z = Tensor.matmul h parameters[2 * l] + parameters[2 * l + 1]
        if l < depth - 1 then Tensor.tanh z else z

    Seq.fold layer x (seq { 0 .. depth - 1 })

let private n = 64
let private widths = [ 5; 32; 32; 1 ]

let private kernelOfJacobian (x: Tensor, p: Tensor[]) =
    let jacobian = Diff.jacobian (fun p -> Tensor.flatten (network p x)) p
    Tensor.matmul jacobian (Tensor.transpose jacobian)

let private perSample (x: Tensor, p: Tensor[]) =
    Diff.vmap (fun xi -> Diff.grad (fun p -> Tensor.sum (network p xi)) p) x
    |> Array.map (fun g -> Tensor.reshape [ n; -1 ] g)

let private kernelOfGradients xp =
    perSample xp |> Array.map (fun g -> Tensor.matmul g (Tensor.transpose g)) |> Array.reduce (+)

/// Estimated operations of the graph after contraction planning, and as it was written.
let private operations (f: 'X -> Tensor) (x: 'X) =
    let t = trace f x
    let planned = Contractions.apply t.Outputs
    Structured.cost 1L planned, Structured.cost 1L t.Outputs

let private arguments = varied 1 [ n; 5 ], parametersOf widths

[<Fact>]
let ``a kernel from per-sample gradients is a product of Gram matrices`` () =
    let struct (planned, _), struct (written, _) = operations kernelOfGradients arguments
    Assert.InRange(planned, 0.0, written / 4.0)

[<Fact>]
let ``a kernel from the Jacobian is a product of Gram matrices`` () =
    let struct (planned, _), struct (written, _) = operations kernelOfJacobian arguments
    Assert.InRange(planned, 0.0, written / 4.0)

[<Fact>]
let ``both kernels are that of the definition`` () =
    let x, p = arguments

    let expected =
        let rows = perSample arguments
        let gram (g: Tensor) = Tensor.matmul g (Tensor.transpose g)
        rows |> Array.map gram |> Array.reduce (+)

    Check.tensors "from gradients" 1e-12 expected (Diff.compile kernelOfGradients (x, p))
    Check.tensors "from the Jacobian" 1e-12 expected (Diff.compile kernelOfJacobian (x, p))

[<Fact>]
let ``norms of per-sample gradients need no per-sample gradients`` () =
    let norms xp = perSample xp |> Array.map (fun g -> Tensor.sumAxes [ 1 ] (g * g)) |> Array.reduce (+)
    let t = trace norms arguments
    let largest nodes = Graph.order 1L nodes |> Array.map (fun y -> Shape.size y.Shape) |> Array.max
    // Largest gradient: 64 × 32 × 32.
    Assert.Equal(65536L, largest t.Outputs)
    Assert.InRange(largest (Contractions.apply t.Outputs), 0L, 2048L)
    Check.tensors "norms" 1e-12 (norms arguments) (Diff.compile norms arguments)

[<Fact>]
let ``a matrix product with a vector at the end goes from the vector`` () =
    let f (a: Tensor, b: Tensor, v: Tensor) = Tensor.matmul (Tensor.matmul a b) v
    let x = varied 1 [ 30; 30 ], varied 2 [ 30; 30 ], varied 3 [ 30 ]
    let plan = Diff.explain f x
    Assert.Contains($"{2 * 2 * 900} FLOPs", plan)
    Check.tensors "chain" 1e-13 (f x) (Diff.compile f x)

[<Fact>]
let ``what others read is computed once, as written`` () =
    let f (a: Tensor, b: Tensor, v: Tensor) =
        let product = Tensor.matmul a b
        Tensor.matmul product v, product

    let x = varied 1 [ 8; 8 ], varied 2 [ 8; 8 ], varied 3 [ 8 ]
    let t = trace f x
    let planned = Contractions.apply t.Outputs
    Assert.Equal<Node[]>(t.Outputs, planned)
