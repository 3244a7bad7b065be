namespace Hesse

open System
open System.Collections.Generic
open System.Diagnostics
open System.Globalization
open System.IO
open System.Reflection
open Hesse.Tracing

/// Running a function operation by operation, up to the first value that is not finite.
module internal Checked =
    let private show (value: float) = value.ToString("G9", CultureInfo.InvariantCulture)

    /// The position of element i, row-major.
    let private position (shape: int[]) (i: int) =
        let strides = Shape.strides shape
        Shape.show (Array.map2 (fun (d: int) (s: int64) -> int (int64 i / s) % d) shape strides)

    let private firstNotFinite (node: Node) : int option =
        match node.Uniform with
        | ValueSome u when Double.IsFinite u || Shape.size node.Shape = 0L -> None
        | ValueSome _ -> Some 0
        | ValueNone ->
            match Array.FindIndex(node.Data, (fun v -> not (Double.IsFinite v))) with
            | -1 -> None
            | i -> Some i

    let private element (node: Node) (i: int) =
        match node.Uniform with
        | ValueSome u -> u
        | ValueNone -> node.Data[i]

    /// What the arguments of an operation are where its result is not finite: their elements there, or else the range of each.
    let private argumentsAt (operation: Node) (args: Node[]) (i: int) =
        let texts =
            match operation.Prim.Lower with
            | Lowering.Tile _ -> args |> Array.map (fun a -> show (element a i))
            | _ ->
                args
                |> Array.map (fun a ->
                    match a.Data with
                    | [||] -> "empty"
                    | [| one |] -> show one
                    | data when data.Length <= 4 -> "[" + String.Join("; ", data |> Array.map show) + "]"
                    | data -> $"{show (Array.min data)} .. {show (Array.max data)}")

        let where =
            match operation.Prim.Lower with
            | Lowering.Tile _ -> "there are"
            | _ -> "are"

        let list = String.Join(", ", texts)
        $"its arguments {where} {list}"

    // ----- who made an operation -----

    let private own = Assembly.GetExecutingAssembly()

    let private isOurs (frame: StackFrame) =
        let m = frame.GetMethod()

        isNull m
        || isNull m.DeclaringType
        || obj.ReferenceEquals(m.DeclaringType.Assembly, own)
        || m.DeclaringType.Assembly.GetName().Name = "FSharp.Core"

    /// The innermost function of the user on the stack above the call of f.
    let private caller (stack: StackTrace) : string option =
        stack.GetFrames()
        |> Seq.takeWhile (fun frame ->
            let m = frame.GetMethod()
            isNull m || isNull m.DeclaringType || m.DeclaringType.Name <> "Checked" || m.Name <> "locate")
        |> Seq.tryFind (isOurs >> not)
        |> Option.map (fun frame ->
            let m = frame.GetMethod()
            let name = $"{m.DeclaringType.FullName.Replace('+', '.')}.{m.Name}"

            match frame.GetFileName() with
            | null -> $", made in {name}"
            | file -> $", made in {name} ({Path.GetFileName file}, line {frame.GetFileLineNumber()})")

    /// Calls f once more, watching who makes operation number `index` of its graph. Empty when that cannot be told.
    let internal locate (f: 'X -> 'Y) (x: 'X) (index: int) (expected: Node) : string =
        let makers = Dictionary<Node, StackTrace>(HashIdentity.Reference)
        let t = traceOn (Graph.watchedVariable (fun node -> makers[node] <- StackTrace(1, true))) f x
        let order = Graph.order 1L t.Outputs

        if
            index < order.Length
            && obj.ReferenceEquals(order[index].Prim, expected.Prim)
            && makers.ContainsKey order[index]
        then
            caller makers[order[index]] |> Option.defaultValue ""
        else
            ""

    // ----- running -----

    let private checkArgument (values: Node[]) =
        values
        |> Array.iteri (fun k value ->
            match firstNotFinite value with
            | Some i ->
                Shape.fail
                    $"checkFinite: the argument itself is not finite: tensor {k} of shape {Shape.show value.Shape} holds {show (element value i)} at {position value.Shape i}; look where it comes from"
            | None -> ())

    let checkFinite (f: 'X -> 'Y) (x: 'X) : 'Y =
        let t = trace f x

        if
            t.Values |> Array.exists (fun v -> not v.IsConcrete)
            || not (Executor.isClosed t.Variables t.Outputs)
        then
            f x
        else
            checkArgument t.Values
            let image = Dictionary<Node, Node>(HashIdentity.Reference)
            Array.iter2 (fun v value -> image[v] <- value) t.Variables t.Values
            let known = HashSet<Node>(t.Values, HashIdentity.Reference)

            let find (node: Node) =
                match image.TryGetValue node with
                | true, there -> there
                | _ -> node

            let checkConstant (operation: Node) k (a: Node) =
                if a.IsConcrete && known.Add a then
                    match firstNotFinite a with
                    | Some i ->
                        Shape.fail
                            $"checkFinite: argument {k} of {operation.Prim.Name}, a constant of shape {Shape.show a.Shape} in the function, holds {show (element a i)} at {position a.Shape i}; use finite constants"
                    | None -> ()

            Graph.order 1L t.Outputs
            |> Array.iteri (fun index node ->
                if node.Args.Length > 0 then
                    node.Args |> Array.iteri (checkConstant node)
                    let args = node.Args |> Array.map find
                    let result = Graph.bind node.Prim node.Attr args
                    image[node] <- result

                    match firstNotFinite result with
                    | None -> ()
                    | Some i ->
                        let shapes = Shape.showAll (args |> Array.map (fun a -> a.Shape))

                        Shape.fail
                            $"checkFinite: {node.Prim.Name} of shapes {shapes} gives {show (element result i)} at {position result.Shape i} of its result of shape {Shape.show result.Shape}; {argumentsAt node args i}{locate f x index node}. Keep the arguments inside the domain, with Tensor.where in front of the operation if need be")

            t.Result(t.Outputs |> Array.map find)
