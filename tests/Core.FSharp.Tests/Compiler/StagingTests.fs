/// What is kept between the two stages of a computation.
module Hesse.Tests.Compiler.StagingTests

open System
open System.Runtime.InteropServices
open Hesse
open Hesse.Tests
open Xunit

/// The stages of a function of two tensors.
let private stages (f: Tensor -> Tensor -> Tensor) (a: Tensor) (b: Tensor) =
    let t = Tracing.trace (fun (a, b) -> f a b) (a, b)
    StagedProgram([| t.Variables[0] |], [| t.Variables[1] |], t.Outputs)

let private names (program: StagedProgram) = program.Kept |> Array.map (fun n -> n.Prim.Name) |> Array.sort

let private a, private b = varied 1 [ 6; 5 ], varied 2 [ 6; 5 ]

[<Fact>]
let ``arithmetic is done again where that keeps fewer bytes`` () =
    let slope (a: Tensor) (b: Tensor) =
        let h = Tensor.tanh a
        b * (1.0 - h * h) + b * b * (-2.0 * h * (1.0 - h * h))

    Assert.Equal<string seq>([ "tanh" ], names (stages slope a b))

    // One sum instead of three values.
    let sum (a: Tensor) (b: Tensor) = b * (Tensor.tanh a + Tensor.sin a + Tensor.exp a)
    Assert.Equal<string seq>([ "add" ], names (stages sum a b))

    // A row that is repeated is kept as a row.
    let repeated (a: Tensor) (b: Tensor) = b * Tensor.broadcastTo [ 6; 5 ] (Tensor.exp (Tensor.sumAxis 0 a))
    Assert.Equal(8L * 5L, (stages repeated a b).KeptBytes)

[<Fact>]
let ``what a matrix product reads is kept, and no view of it besides`` () =
    let product (a: Tensor) (b: Tensor) =
        let h = Tensor.tanh a
        Tensor.matmul (Tensor.transpose h * 2.0) b + Tensor.matmul (Tensor.reshape [ 5; 6 ] h) b

    let program = stages product a b
    Assert.Equal<string seq>([ "mul"; "tanh" ], names program)
    Assert.Equal(2L * 8L * 30L, program.KeptBytes)

    let views (a: Tensor) (b: Tensor) =
        let h = Tensor.exp a
        Tensor.matmul (Tensor.transpose h) b + Tensor.matmul (Tensor.reshape [ 5; 6 ] h) b

    Assert.Equal(8L * 30L, (stages views a b).KeptBytes)

[<Fact>]
let ``variables and constants are not kept`` () =
    let c = varied 3 [ 6; 5 ]
    let program = stages (fun a b -> a * b + c * b) a b
    Assert.Empty program.Kept
    Assert.Empty program.First.Steps

[<Fact>]
let ``float32 values are kept as such, and narrowed variables too`` () =
    let a, b = Tensor.toFloat32 a, Tensor.toFloat32 b

    let f (a: Tensor) (b: Tensor) = Tensor.matmul (Tensor.transpose a) (b * Tensor.tanh a)

    let program = stages f a b
    Assert.Equal(2, program.Kept.Length)
    Assert.Equal(2L * 4L * 30L, program.KeptBytes)
    let memory = program.Take()
    program.Prepare([| a.Node |], memory)
    let result = program.Run([| a.Node |], memory, [| b.Node |])
    Check.tensors "staged" 1e-6 (Tensor.toFloat64 (f a b)) (Tensor.toFloat64 (Tensor result[0]))

[<Fact>]
let ``the stages share the work of a computation`` () =
    let f (a: Tensor) (b: Tensor) = Tensor.sum (Tensor.matmul (Tensor.transpose (Tensor.exp a)) (Tensor.sin b))
    let t = Tracing.trace (fun (a, b) -> f a b) (a, b)
    let whole = Program(t.Variables, t.Outputs).Plan
    let program = StagedProgram([| t.Variables[0] |], [| t.Variables[1] |], t.Outputs)
    Assert.Equal(whole.Flops, program.First.Flops + program.Second.Flops)

[<Fact>]
let ``the first stage makes the values that are kept, float32 ones as such`` () =
    for convert in [ id; Tensor.toFloat32 ] do
        let a = convert a

        let f (a: Tensor) (b: Tensor) =
            let h = Tensor.tanh (Tensor.matmul a (Tensor.transpose a))

            Tensor.matmul h (Tensor.matmul (a * Tensor.sumAxis 0 (Tensor.exp a)) (Tensor.transpose b))
            * Tensor.matmul h h

        let t = Tracing.trace (fun (a, b) -> f a b) (a, convert b)
        let program = StagedProgram([| t.Variables[0] |], [| t.Variables[1] |], t.Outputs)
        let memory = program.Take()
        program.Prepare([| a.Node |], memory)
        let expected = Substitute.apply [| t.Variables[0] |] [| a.Node |] program.Kept
        Assert.True(program.Kept.Length >= 3)

        for node, value, numbers in Array.zip3 program.Kept expected memory do
            let made =
                if node.IsFloat32 then
                    let singles = MemoryMarshal.Cast<float, float32>(Span<float> numbers).ToArray()
                    Array.init value.Data.Length (fun i -> float singles[i])
                else
                    numbers

            Check.arrays node.Prim.Name (if node.IsFloat32 then 1e-6 else 1e-14) value.Data made
