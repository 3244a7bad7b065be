namespace Hesse

open System
open Hesse.Kernels

/// A compiled graph: values of its variables in, values of its outputs out. Float32 values that are packed stand in the caller's arrays
/// as they stand in a plan, two in the place of one float64; others are widened there.
[<Sealed>]
type internal Program
    (passes: Passes, variables: Node[], outputs: Node[], packedVariables: bool[], packedOutputs: bool[]) =
    let plan =
        let outputs = if passes.Trimming then Trim.apply outputs else outputs
        let spec = Lower.specOf passes variables packedVariables outputs packedOutputs

        match passes.Sharing with
        | Sharing.WherePays -> Plan spec
        | Sharing.Always threads -> Plan(spec, threads, true)
        | Sharing.Off -> Plan(spec, 1, false)

    let shapes = outputs |> Array.map (fun o -> o.Shape)
    let lengths = Array.map2 Program.Room packedOutputs outputs

    new(passes, variables: Node[], outputs: Node[]) =
        Program(passes, variables, outputs, Array.zeroCreate variables.Length, Array.zeroCreate outputs.Length)

    new(variables, outputs) = Program(Passes.standard, variables, outputs)

    /// Length of the array of a node's value.
    static member Room (isPacked: bool) (node: Node) : int =
        int (Lower.room isPacked (int64 (Shape.length "compile" node.Shape)))

    member _.Plan = plan

    /// Runs the plan on arrays.
    member _.RunOn(inputs: double[][]) : Node[] =
        let results = lengths |> Array.map ResultMemory.Take
        plan.Run(inputs, results)
        Array.map3 (fun (o: Node) shape data -> Graph.constantOf o.DType shape data) outputs shapes results

    /// Runs the plan of one output on arrays and writes its value into an array of the right length.
    member _.RunOnInto(operation: string, inputs: double[][], target: double[]) : unit =
        if target.Length <> lengths[0] then
            Shape.fail
                $"{operation}: the result of shape {Shape.show shapes[0]} has {lengths[0]} elements, the array {target.Length}; give an array of that length"

        plan.Run(inputs, [| target |])

    /// Runs the plan on concrete nodes.
    member p.Run(values: Node[]) : Node[] = p.RunOn(values |> Array.map (fun v -> v.Data))

    /// Runs the plan of one output on concrete nodes and writes its value into an array of the right length.
    member p.RunInto(values: Node[], target: double[]) : unit =
        p.RunOnInto("compileInto", values |> Array.map (fun v -> v.Data), target)

/// Evaluation of graphs at given values of their variables.
module internal Executor =
    /// True when the outputs depend on no variable besides these.
    let isClosed (variables: Node[]) (outputs: Node[]) =
        Graph.order 1L outputs
        |> Array.forall (fun n ->
            not (Graph.isVariable n) || Array.exists (fun v -> obj.ReferenceEquals(n, v)) variables)

    /// The outputs at the given values: compiled and run when everything is concrete, else a graph again.
    let evaluate (variables: Node[]) (values: Node[]) (outputs: Node[]) : Node[] =
        if values |> Array.forall (fun v -> v.IsConcrete) && isClosed variables outputs then
            Program(variables, outputs).Run values
        else
            Substitute.apply variables values outputs
