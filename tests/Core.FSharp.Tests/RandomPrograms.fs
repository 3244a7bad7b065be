namespace Hesse.Tests

open System
open System.Collections.Generic
open Hesse

/// One line of a random program. Values are numbered: inputs first, then one per step.
type internal ProgramStep =
    | Constant of shape: int[] * data: float[]
    | Uniform of shape: int[] * value: float
    | Apply of primitive: Primitive * attr: Attr * args: int[]

/// A random well-typed program as data, so that it can be printed and made smaller.
type internal RandomProgram = {
    Seed: int
    /// Precision of the inputs and constants.
    DType: DType
    Inputs: (int[] * float[])[]
    Steps: ProgramStep[]
    /// Numbers of the values that the program returns.
    Outputs: int[]
}

/// Random programs as functions and as text, and how to make them smaller.
module internal RandomPrograms =
    // ----- running -----

    /// One operation; contractions go through the rule that moves axes where needed.
    let apply (primitive: Primitive) attr (args: Node[]) =
        match attr with
        | Labels(a, b, out) -> Contraction.contract a b out args[0] args[1]
        | _ -> Graph.bind primitive attr args

    let private isConversion (primitive: Primitive) =
        Precision.primitives |> List.exists (fun p -> obj.ReferenceEquals(p, primitive))

    /// The same program in float64, conversions left out.
    let inFloat64 (program: RandomProgram) = { program with DType = DType.Float64 }

    let private isStop (primitive: Primitive) = obj.ReferenceEquals(primitive, Elementwise.stopGradientP)

    /// All values. With `frozen`, a stopGradient gives the value that it has there: what a derivative sees.
    let private allValues (frozen: Node[] option) (program: RandomProgram) (inputs: Node[]) : Node[] =
        let values = List<Node> inputs

        for step in program.Steps do
            values.Add(
                match step, frozen with
                | Constant(shape, data), _ -> Graph.constantOf program.DType shape data
                | Uniform(shape, value), _ -> Graph.full shape value
                | Apply(p, _, args), _ when isConversion p && program.DType = DType.Float64 -> values[args[0]]
                | Apply(p, _, _), Some at when isStop p -> at[values.Count]
                | Apply(p, attr, args), _ -> apply p attr (args |> Array.map (fun i -> values[i]))
            )

        values.ToArray()

    let inputs (program: RandomProgram) =
        program.Inputs |> Array.map (fun (shape, data) -> Tensor(Graph.constantOf program.DType shape data))

    /// The program as a function; on concrete tensors it runs node by node.
    let run (program: RandomProgram) (xs: Tensor[]) : Tensor[] =
        let values = allValues None program (xs |> Array.map (fun t -> t.Node))
        program.Outputs |> Array.map (fun i -> Tensor values[i])

    /// The program with every stopGradient held at its value at the program's inputs.
    let runFrozen (program: RandomProgram) : Tensor[] -> Tensor[] =
        let at = allValues None program (inputs program |> Array.map (fun t -> t.Node))

        fun xs ->
            let values = allValues (Some at) program (xs |> Array.map (fun t -> t.Node))
            program.Outputs |> Array.map (fun i -> Tensor values[i])

    /// A scalar function with second derivatives: Σ wᵢ yᵢ + ½ yᵢ² over all outputs, added in float64.
    let scalar (program: RandomProgram) (xs: Tensor[]) : Tensor =
        run program xs
        |> Array.mapi (fun k y -> Tensor.toFloat64 (Tensor.sum (y * variedLike k y + 0.5 * y * y)))
        |> Array.reduce (+)

    // ----- printing and making smaller -----

    let private printAttr attr =
        match attr with
        | NoAttr -> ""
        | other -> $" {{{other}}}".Replace("\n", " ")

    let print (program: RandomProgram) =
        let numbers (data: float[]) = String.Join("; ", data |> Array.map (fun x -> x.ToString "R"))

        let values = allValues None program (inputs program |> Array.map (fun t -> t.Node))

        String.Join(
            "\n",
            [
                $"program {program.Seed}"
                for i, (shape, data) in Array.indexed program.Inputs do
                    $"  v{i} = input {Shape.show shape} [{numbers data}]"
                for i, step in Array.indexed program.Steps do
                    let name = $"v{i + program.Inputs.Length}"

                    match step with
                    | Constant(shape, data) -> $"  {name} = constant {Shape.show shape} [{numbers data}]"
                    | Uniform(shape, value) -> $"  {name} = full {Shape.show shape} {value}"
                    | Apply(p, attr, args) ->
                        let arguments = String.Join(" ", args |> Array.map (fun a -> $"v{a}"))

                        $"  {name} = {p.Name}{printAttr attr} {arguments} : {Shape.show values[i + program.Inputs.Length].Shape}"
                let outputs = String.Join(", ", program.Outputs |> Array.map (fun i -> $"v{i}"))
                $"  return {outputs}"
            ]
        )

    /// Without the steps that no output needs.
    let withoutDeadSteps (program: RandomProgram) =
        let first = program.Inputs.Length
        let live = HashSet<int> program.Outputs

        for i in program.Steps.Length - 1 .. -1 .. 0 do
            match program.Steps[i] with
            | Apply(_, _, args) when live.Contains(first + i) -> live.UnionWith args
            | _ -> ()

        let kept = [|
            for i in 0 .. program.Steps.Length - 1 do
                if live.Contains(first + i) then
                    i
        |]

        let renumber v = if v < first then v else first + Array.IndexOf(kept, v - first)

        {
            program with
                Steps =
                    kept
                    |> Array.map (fun i ->
                        match program.Steps[i] with
                        | Apply(p, attr, args) -> Apply(p, attr, Array.map renumber args)
                        | other -> other)
                Outputs = Array.map renumber program.Outputs
        }

    /// Smaller programs to try, in order: one output only, an earlier output, a step as a constant.
    let private smaller (program: RandomProgram) = seq {
        if program.Outputs.Length > 1 then
            for o in program.Outputs do
                { program with Outputs = [| o |] }

        let first = program.Inputs.Length
        let values = allValues None program (inputs program |> Array.map (fun t -> t.Node))

        for o in program.Outputs do
            if o >= first then
                match program.Steps[o - first] with
                | Apply(_, _, args) ->
                    for a in args do
                        if a >= first then
                            {
                                program with
                                    Outputs = program.Outputs |> Array.map (fun p -> if p = o then a else p)
                            }
                | _ -> ()

        for i in 0 .. program.Steps.Length - 1 do
            match program.Steps[i] with
            | Apply _ when values[first + i].DType = program.DType ->
                let value = values[first + i]

                {
                    program with
                        Steps = Array.updateAt i (Constant(value.Shape, value.Data)) program.Steps
                }
            | _ -> ()
    }

    /// The smallest program found that still fails.
    let rec shrink (fails: RandomProgram -> bool) (program: RandomProgram) : RandomProgram =
        match smaller program |> Seq.map withoutDeadSteps |> Seq.tryFind fails with
        | Some less -> shrink fails less
        | None -> program
