namespace Hesse

open System
open Hesse.Kernels

/// A compiled graph: values of its variables in, values of its outputs out.
[<Sealed>]
type internal Program(passes: Passes, variables: Node[], outputs: Node[]) =
    let plan =
        let outputs = if passes.Trimming then Trim.apply outputs else outputs
        let spec = Lower.spec passes variables outputs

        match passes.Sharing with
        | Sharing.WherePays -> Plan spec
        | Sharing.Always threads -> Plan(spec, threads, true)
        | Sharing.Off -> Plan(spec, 1, false)

    let shapes = outputs |> Array.map (fun o -> o.Shape)
    let lengths = shapes |> Array.map (Shape.length "compile")

    new(variables, outputs) = Program(Passes.standard, variables, outputs)

    member _.Plan = plan

    /// Runs the plan on concrete nodes.
    member _.Run(values: Node[]) : Node[] =
        let results = lengths |> Array.map ResultMemory.Take
        plan.Run(values |> Array.map (fun v -> v.Data), results)
        Array.map3 (fun (o: Node) shape data -> Graph.constantOf o.DType shape data) outputs shapes results

    /// Runs the plan of one output on concrete nodes and writes its value into an array of the right length.
    member _.RunInto(values: Node[], target: double[]) : unit =
        if target.Length <> lengths[0] then
            Shape.fail
                $"compileInto: the result of shape {Shape.show shapes[0]} has {lengths[0]} elements, the array {target.Length}; give an array of that length"

        plan.Run(values |> Array.map (fun v -> v.Data), [| target |])

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
