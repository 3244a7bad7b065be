module Hesse.Tests.PlannerTests

open System
open Hesse
open Xunit

let private w = varied 1 [ 6; 6 ]

// Each begins with a nonlinear operation: a matrix times a basis of directions is data when the basis is, and is multiplied beforehand.
let private functions: (string * (Tensor -> Tensor)) list = [
    "network", fun x -> Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.tanh (Tensor.matmul w (Tensor.sin x)))))
    "quotient", fun x -> Tensor.sum (Tensor.exp x) / (1.0 + Tensor.sum (x * x))
    "chain", fun x -> Tensor.sum (Tensor.sin (x[0..4] * x[1..5]))
    "solve", fun x -> Tensor.sum (Linalg.solve (4.0 * Tensor.eye 6 + Tensor.outer x x) (Tensor.cos x))
    "vector", fun x -> Tensor.exp (Tensor.matmul w (Tensor.sin x)) * x
    "power", fun x -> Tensor.pow (Tensor.softplus x) (Tensor.sigmoid x) |> Tensor.logSumExp 0
]

let private x = 0.6 * varied 2 [ 6 ]
let private u, private v = varied 3 [ 6 ], varied 4 [ 6 ]

/// Work of the plan that runs a function of tensors, by the executor's counters.
let private counted (f: Tensor[] -> Tensor) (arguments: Tensor[]) =
    let t = Tracing.trace f arguments
    let plan = Program(t.Variables, t.Outputs).Plan
    plan.Flops, plan.Bytes, plan.ArenaBytes

let private near what (tolerance: float) (expected: int64) (predicted: int64) =
    // Buffers begin on 64-byte lines: a few lines more or less are no error.
    let slack = 512.0

    Assert.True(
        abs (float (predicted - expected)) <= tolerance * float expected + slack,
        $"{what}: predicted {predicted}, counted {expected}"
    )

[<Fact>]
let ``predictions for directional derivatives are what the executor counts`` () =
    for name, f in functions do
        for what, pick in
            [
                "u", (fun (u: Tensor) (_: Tensor) -> [ u ])
                "u u", (fun u _ -> [ u; u ])
                "u v", (fun u v -> [ u; v ])
                "u u v", (fun u v -> [ u; u; v ])
                "u v u v", (fun u v -> [ u; v; u; v ])
            ] do
            for route in (Planner.directional f x (pick u v)).Routes do
                let run (a: Tensor[]) = Planner.directional f a[0] (pick a[1] a[2]) |> Planner.runBy route.Name

                let flops, bytes, arena = counted run [| x; u; v |]
                let label = $"{name}, {what}, {route.Name}"
                Assert.Equal((label, flops), (label, route.Flops))
                near $"{label}: bytes" 0.05 bytes route.Bytes
                // The order of operations, and with it the buffers in use at once, differs between the two graphs.
                near $"{label}: arena" 0.5 arena route.Arena

[<Fact>]
let ``predictions for matrices and sums of derivatives are what the executor counts`` () =
    /// With several bases in one product, what is made beforehand can be most of the work: then the prediction is an upper bound.
    let check several label (plan: (Tensor -> Tensor) -> Tensor -> DerivativePlan<Tensor>) (f: Tensor -> Tensor) =
        for route in (plan f x).Routes do
            // By colours there are host loops around the plan; that is tested by the number of directions below.
            if route.Name <> "by colours" then
                let run (a: Tensor[]) = plan f a[0] |> Planner.runBy route.Name
                let flops, bytes, _ = counted run [| x |]
                let what = $"{label}, {route.Name}"
                // Directions are data in one graph and constants in the other, where products and parts of them are made beforehand.
                // Data also stays apart from what it could share a loop with: up to a quarter of the bytes. With several bases, products of their
                // slices are data that is read, where the other graph reads the slices in place: up to twice the bytes.
                let atMost (counted: int64) (predicted: int64) =
                    counted <= predicted + (if several then predicted else predicted / 4L) + 512L

                Assert.True(
                    flops <= route.Flops + route.Flops / 5L,
                    $"{what}: predicted {route.Flops} FLOPs, counted {flops}"
                )

                Assert.True(atMost bytes route.Bytes, $"{what}: predicted {route.Bytes} bytes, counted {bytes}")

                if not several && route.Name <> "forward over forward" then
                    near $"{what}: FLOPs" 0.2 flops route.Flops

    for name, f in functions do
        check false $"{name}, Jacobian" Planner.jacobian f
        check false $"{name}, Laplacian" Planner.laplacian f

        if name <> "vector" then
            check false $"{name}, Hessian" Planner.hessian f
            check true $"{name}, third derivatives" (Planner.derivativeTensor 3) f

[<Fact>]
let ``every route of every plan gives the same`` () =
    let same label (plan: DerivativePlan<Tensor>) (expected: Tensor) =
        for route in plan.Routes do
            Check.tensors $"{label}, {route.Name}" 1e-9 expected (Planner.runBy route.Name plan)

        Check.tensors label 1e-9 expected (Planner.run plan)

    for name, f in functions do
        same $"{name}: Jacobian" (Planner.jacobian f x) (Diff.jacfwd f x)
        same $"{name}: Laplacian" (Planner.laplacian f x) (Diff.laplacian f x)
        same $"{name}: u v u" (Planner.directional f x [ u; v; u ]) (Diff.directional f x [ u; v; u ])
        let second = Diff.jacfwd (Diff.jacfwd f) x
        same $"{name}: second derivatives" (Planner.derivativeTensor 2 f x) second
        same $"{name}: third derivatives" (Planner.derivativeTensor 3 f x) (Diff.jacfwd (Diff.jacfwd (Diff.jacfwd f)) x)

        if name <> "vector" then
            same $"{name}: Hessian" (Planner.hessian f x) second

[<Fact>]
let ``derivative tensors of a tree, of a matrix and of order 0 and 1`` () =
    let f (a: Tensor, b: Tensor) = Tensor.sin (Tensor.matmul a b)
    let tree = varied 1 [ 2; 2 ], varied 2 [ 2 ]
    let flat, unravel = Tree.ravel tree
    let expected = Diff.jacfwd (Diff.jacfwd (unravel >> f)) flat
    Check.shapes "tree" [| 2; 6; 6 |] expected.Shape
    Check.tensors "tree" 1e-12 expected (Diff.derivativeTensor 2 f tree)
    let g (m: Tensor) = Tensor.sum (Tensor.exp m * Tensor.transpose m)
    let m = varied 3 [ 2; 2 ]
    Check.tensors "matrix" 1e-12 (Diff.hessian g m) (Diff.derivativeTensor 2 g m)
    Check.tensors "order 0" 1e-14 (g m) (Diff.derivativeTensor 0 g m)
    Check.tensors "order 1" 1e-13 (Diff.grad g m) (Diff.derivativeTensor 1 g m)

    Check.tensors
        "inside grad"
        1e-10
        (Diff.grad (fun m -> Tensor.sum (Diff.hessian g m)) m)
        (Diff.grad (fun m -> Tensor.sum (Diff.derivativeTensor 2 g m)) m)

    Check.fails "derivativeTensor: order is -1; want at least 0" (fun () -> Diff.derivativeTensor -1 g m)

let private chosen (plan: DerivativePlan<'R>) = (plan.Routes |> Array.find (fun r -> r.Chosen)).Name

[<Fact>]
let ``the route of least work is taken, and what does not fit is not`` () =
    let network = snd functions[0]

    for plan in
        [
            Planner.directional network x [ u; v; u ]
            Planner.jacobian network x
            Planner.hessian network x
            Planner.laplacian network x
            Planner.derivativeTensor 2 network x
        ] do
        let routes = plan.Routes
        let work (r: RouteCost) = r.Flops + r.Bytes
        Assert.Equal(routes |> Array.map work |> Array.min, routes |> Array.find (fun r -> r.Chosen) |> work)
        Assert.All(routes, (fun r -> Assert.True r.Fits))
        // Under a limit of nothing the smallest is taken all the same, and marked.
        let tight = Planner.withMemory 0L plan
        Assert.All(tight.Routes, (fun r -> Assert.False r.Fits))
        let smallest = routes |> Array.map (fun r -> r.Arena) |> Array.min
        Assert.Equal(smallest, (tight.Routes |> Array.find (fun r -> r.Chosen)).Arena)

[<Fact>]
let ``what is known to be best is chosen`` () =
    let deep (x: Tensor) = Seq.fold (fun h _ -> Tensor.tanh (Tensor.matmul w h)) x [ 1..6 ] |> Tensor.sum
    Assert.Equal("multivariate jet", chosen (Planner.directional deep x (List.replicate 10 u)))
    Assert.Equal("reverse", chosen (Planner.jacobian deep x))
    let tall (s: Tensor) = Tensor.tanh (Tensor.matmul (varied 5 [ 50; 2 ]) s)
    Assert.Equal("forward", chosen (Planner.jacobian tall (varied 6 [ 2 ])))
    Assert.Equal("forward Laplacian", chosen (Planner.laplacian deep x))
    let n = 200
    let banded (x: Tensor) = Tensor.sum (Tensor.sin (x[0 .. n - 2] * x[1 .. n - 1]))
    let plan = Planner.hessian banded (varied 7 [ n ])
    Assert.Equal("by colours", chosen plan)
    // Three colours instead of 200 directions.
    let colours = plan.Routes |> Array.find (fun r -> r.Name = "by colours")
    let all = plan.Routes |> Array.find (fun r -> r.Name = "forward over reverse")
    Assert.True(20L * colours.Flops < all.Flops)

[<Fact>]
let ``a plan as text`` () =
    let plan = Planner.directional (fun (x: Tensor) -> x * x) (varied 1 [ 3 ]) [ varied 2 [ 3 ] ]
    let route = plan.Routes[0]
    Assert.Equal("derivative of order 1 along given directions, at [3]", plan.Request)

    Assert.Equal(
        $"derivative of order 1 along given directions, at [3]\n→ multivariate jet: {route.Flops} FLOPs, {route.Bytes} bytes moved, arena of {route.Arena} bytes",
        plan.ToString()
    )

    let lines = (Planner.withMemory 0L (Planner.hessian (snd functions[0]) x)).ToString().Split '\n'
    Assert.Equal("Hessian at [6]", lines[0])
    Assert.All(lines[1..], (fun line -> Assert.EndsWith("bytes, does not fit", line)))

[<Fact>]
let ``a route that is not there`` () =
    Check.fails
        "Planner.runBy: there is no route 'magic' to the sum of second derivatives at [6]; use one of: forward Laplacian, second-order jets, Hessian-vector products"
        (fun () -> Planner.laplacian (snd functions[0]) x |> Planner.runBy "magic")
