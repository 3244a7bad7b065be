namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Functions with derivatives that the user gives.
module internal CustomRules =
    /// One vector of all elements of nodes, and the parts of such a vector.
    let pack (nodes: Node[]) =
        let flat = nodes |> Array.map (fun n -> reshape [| Shape.length "customDerivative" n.Shape |] n)
        if flat.Length = 1 then flat[0] else concat 0 flat

    let unpack (like: Node[]) (vector: Node) =
        let starts = like |> Array.scan (fun at n -> at + Shape.length "customDerivative" n.Shape) 0

        like
        |> Array.mapi (fun i n -> reshape n.Shape (slice [| starts[i] |] [| starts[i + 1] |] [| 1 |] vector))

    /// A function with a derivative of its own, from a way to make the packed tangent graph out of x, y and dx.
    let private custom (f: 'X -> 'Y) (tangentOf: Trace<'Y> -> 'X -> 'Y -> Node[] -> Node[]) (x: 'X) : 'Y =
        let leaves, _, rebuild = Tree.flatten x

        if leaves |> Array.forall (fun t -> t.IsConcrete) then
            f x
        else
            let t = trace f x
            let outside = Custom.captured (Substitute.oldest t.Variables) t.Outputs
            let primal = pack (Substitute.apply t.Variables t.Values t.Outputs)
            let arguments, tangents = variablesLike t.Variables, variablesLike t.Variables
            let result = Graph.variableLike primal
            let y = t.Result(unpack t.Outputs result)
            let dy = tangentOf t (rebuild (Array.map tensor arguments)) y tangents
            matching "customDerivative" "tangent of the rule" t.Outputs dy
            let node = Custom.bind t.Values primal arguments result tangents (pack dy) outside
            t.Result(unpack t.Outputs node)

    let customDerivative (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'X -> 'Y) (x: 'X) : 'Y =
        let _, _, rebuild = Tree.flatten x
        custom f (fun _ x y tangents -> nodesOf (rule x y (rebuild (Array.map tensor tangents)))) x

    let customPullback (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'Y -> 'X) (x: 'X) : 'Y =
        let tangentOf (t: Trace<'Y>) x y tangents =
            let cotangents = variablesLike t.Outputs
            let back = nodesOf (rule x y (t.Result cotangents))
            matching "customPullback" "result of the rule" tangents back
            Transpose.apply cotangents (Array.map Some back) tangents |> orZero t.Outputs

        custom f tangentOf x
