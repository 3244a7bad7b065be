namespace Hesse

open Hesse.Linear
open Hesse.Movement

/// What the transformations of `Diff` share: from functions on trees to graphs, and back.
module internal Tracing =
    /// A function's graph: its variables, its outputs, and the way from nodes back to the output tree.
    type Trace<'Y> = { Variables: Node[]; Values: Node[]; Outputs: Node[]; Result: Node[] -> 'Y }

    let tensor (node: Node) = Tensor node
    let nodesOf (tree: 'T) = Tree.leaves tree |> Array.map (fun (t: Tensor) -> t.Node)

    /// Calls f on fresh variables in the shape of x, made as told.
    let traceOn (variable: Node -> Node) (f: 'X -> 'Y) (x: 'X) : Trace<'Y> =
        let leaves, _, rebuild = Tree.flatten x
        let variables = leaves |> Array.map (fun t -> variable t.Node)
        let y = f (rebuild (Array.map tensor variables))
        let outputs, _, rebuildResult = Tree.flatten y

        {
            Variables = variables
            Values = leaves |> Array.map (fun t -> t.Node)
            Outputs = outputs |> Array.map (fun t -> t.Node)
            Result = Array.map tensor >> rebuildResult
        }

    /// Calls f on fresh variables in the shape of x.
    let trace (f: 'X -> 'Y) (x: 'X) : Trace<'Y> = traceOn Graph.variableLike f x

    let variablesLike (nodes: Node[]) = nodes |> Array.map Graph.variableLike

    let orZero (like: Node[]) (nodes: Node option[]) =
        Array.map2 (fun (l: Node) n -> n |> Option.defaultWith (fun () -> Graph.zerosLike l)) like nodes

    /// The one output of a scalar function.
    let scalarOutput (name: string) (t: Trace<Tensor>) =
        let y = t.Outputs[0]

        if y.Shape.Length > 0 then
            Shape.fail
                $"{name}: expected a scalar output, got shape {Shape.show y.Shape}; use jacobian, or reduce it with Tensor.sum"

        y

    /// The cotangents of the variables for given cotangents of the outputs: linearise, then transpose.
    let pullback (variables: Node[]) (outputs: Node[]) (cotangents: Node[]) : Node[] =
        let tangents = variablesLike variables
        let linear = Jvp.apply variables tangents outputs
        Transpose.apply tangents linear cotangents |> orZero variables

    let gradient (variables: Node[]) (y: Node) = pullback variables [| y |] [| Graph.fullOf y.DType [||] 1.0 |]

    let pushforward (variables: Node[]) (tangents: Node[]) (outputs: Node[]) =
        Jvp.apply variables tangents outputs |> orZero outputs

    /// Checks that a tangent or cotangent has the structure of what it belongs to.
    let matching (name: string) (role: string) (expected: Node[]) (given: Node[]) =
        let shapes (nodes: Node[]) = Shape.showAll (nodes |> Array.map (fun n -> n.Shape))

        if
            expected.Length <> given.Length
            || not (Array.forall2 (fun (a: Node) (b: Node) -> a.Shape = b.Shape) expected given)
        then
            Shape.fail
                $"{name}: the {role} has shapes {shapes given}, expected {shapes expected}; give one tensor of the same shape for each"

        Array.iter2
            (fun (e: Node) (g: Node) ->
                if not g.IsWeak && e.DType <> g.DType then
                    let remedy = if e.IsFloat32 then "Tensor.toFloat32" else "Tensor.toFloat64"

                    Shape.fail
                        $"{name}: the {role} is {Graph.typeName g.DType} where {Graph.typeName e.DType} is expected; convert it with {remedy}")
            expected
            given

    /// Evaluates a graph that is linear in `tangents` for many values of them: all that does not depend on them is computed once.
    let linearMap (t: Trace<'Y>) (tangents: Node[]) (outputs: Node[]) : Node[] -> Node[] =
        let residual = Substitute.apply t.Variables t.Values outputs

        if Executor.isClosed tangents residual then
            let program = lazy (Program(tangents, residual))

            fun values ->
                if values |> Array.forall (fun v -> v.IsConcrete) then
                    program.Value.Run values
                else
                    Substitute.apply tangents values residual
        else
            fun values -> Substitute.apply tangents values residual
