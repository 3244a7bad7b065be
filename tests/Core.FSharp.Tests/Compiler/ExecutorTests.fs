module Hesse.Tests.Compiler.ExecutorTests

open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``closed means no variable but the given ones`` () =
    let x, y = Graph.variable [| 2 |], Graph.variable [| 2 |]
    let f = Linear.mul x (Elementwise.exp y)
    Assert.True(Executor.isClosed [| x; y |] [| f |])
    Assert.False(Executor.isClosed [| x |] [| f |])
    Assert.True(Executor.isClosed [||] [| Graph.full [||] 1.0 |])

[<Fact>]
let ``evaluation with concrete values gives values, with symbolic ones a graph`` () =
    let x = Graph.variable [| 2 |]
    let f = Elementwise.exp x
    Assert.True((Executor.evaluate [| x |] [| (vector [ 0.0; 1.0 ]).Node |] [| f |]).[0].IsConcrete)
    let y = Graph.variable [| 2 |]
    Assert.Same(Elementwise.exp y, (Executor.evaluate [| x |] [| y |] [| f |])[0])

[<Fact>]
let ``a graph that depends on an outer variable stays a graph`` () =
    let outer = Graph.variable [| 2 |]
    let x = Graph.variable [| 2 |]
    let result = (Executor.evaluate [| x |] [| (vector [ 2.0; 3.0 ]).Node |] [| Linear.mul x outer |])[0]
    Assert.False result.IsConcrete
    let value = (Executor.evaluate [| outer |] [| (vector [ 5.0; 7.0 ]).Node |] [| result |])[0]
    Check.tensors "value" 0.0 (vector [ 10.0; 21.0 ]) (Tensor value)

[<Fact>]
let ``a program runs again and again on new values`` () =
    let x, y = Graph.variable [| 3 |], Graph.variable [| 3; 3 |]
    let program = Program([| x; y |], [| Contraction.matmul y (Elementwise.tanh x); Linear.sum [| 0 |] x |])

    for seed in 1..5 do
        let a, b = varied seed [ 3 ], varied (seed + 10) [ 3; 3 ]
        let results = program.Run [| a.Node; b.Node |]
        Check.tensors "product" 1e-14 (Tensor.matmul b (Tensor.tanh a)) (Tensor results[0])
        Check.tensors "sum" 1e-14 (Tensor.sum a) (Tensor results[1])

[<Fact>]
let ``steps cut into shares give what whole steps give`` () =
    for seed in 120001..120300 do
        let program = ProgramGenerator.generate seed

        let gradients (xs: Tensor[]) =
            let loss xs = RandomPrograms.run program xs |> Array.map (Tensor.sin >> Tensor.sum) |> Array.reduce (+)
            Diff.valueAndGrad loss xs

        let t = Tracing.trace gradients (RandomPrograms.inputs program)

        if Executor.isClosed t.Variables t.Outputs then
            let spec = Lower.spec Passes.standard t.Variables (Trim.apply t.Outputs)
            let inputs = t.Values |> Array.map (fun v -> v.Data)

            let run (plan: Hesse.Kernels.Plan) =
                let results = t.Outputs |> Array.map (fun o -> Array.zeroCreate<float>(int (Shape.size o.Shape)))
                plan.Run(inputs, results)
                results |> Array.map (List.ofArray >> vector)

            let whole = run (Hesse.Kernels.Plan(spec, 1, false))

            for threads in [ 2; 3 ] do
                Check.trees $"seed {seed}, {threads} shares" 1e-11 whole (run (Hesse.Kernels.Plan(spec, threads, true)))
