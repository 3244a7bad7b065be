namespace Hesse

open System
open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// A linear map of vectors as a closed graph: its image in terms of a vector [members …; n] and of what the map reads besides.
[<Sealed; AllowNullLiteral>]
type internal LinearOperator(name: string, options: LinearSolveOptions, vector: Node, captured: Node[], image: Node) =
    inherit SubGraph()

    let transposed =
        lazy
            (let ct = Graph.variableLike vector
             let back = Transpose.apply [| vector |] [| Some image |] [| ct |]
             LinearOperator(name, options, ct, captured, (orZero [| vector |] back)[0]))

    /// Who asks for the solution, in messages.
    member _.Name = name
    member _.Options = options
    member _.Vector = vector
    member _.Captured = captured
    member _.Image = image
    member _.Variables = Array.append [| vector |] captured

    /// The transposed map, made once.
    member _.Transposed = transposed.Value

    /// The map on a batch; the flags tell which captured values have a leading axis too.
    member op.Batched(size: int, flags: bool[]) =
        let wide (v: Node) = Graph.variableOf v.DType (Array.append [| size |] v.Shape)
        let values = op.Variables |> Array.mapi (fun i v -> if i = 0 || flags[i - 1] then wide v else v)

        let moving, wider =
            Array.zip op.Variables values
            |> Array.filter (fun (v, w) -> not (obj.ReferenceEquals(v, w)))
            |> Array.unzip

        LinearOperator(name, options, values[0], values[1..], (Batch.apply size moving wider [| image |])[0])

    override _.ToString() = $"a linear map of {Shape.show vector.Shape}"

/// Linear systems whose matrix is a function: a primitive that only transformations see. y = A⁻¹ b has dy = A⁻¹ (db − dA y); its transpose is
/// the solution with Aᵀ; coefficient k of a power series is A₀⁻¹ (b_k − Σ A_i y_{k−i} over i ≥ 1). A plan runs the solver's loop in its place.
module internal LinearSolves =
    let defaults = { Solver = LinearSolver.Gmres 30; Tolerance = 1e-10; MaxSteps = 1000 }

    let check name options =
        let restart =
            match options.Solver with
            | LinearSolver.Gmres restart -> restart
            | _ -> 1

        if options.MaxSteps < 1 || not (options.Tolerance > 0.0) || restart < 1 then
            Shape.fail
                $"{name}: options {options.Solver}, {options.Tolerance}, {options.MaxSteps}; want a restart after a step at least, a tolerance above 0, and a step at least"

    let private operatorOf attr =
        match attr with
        | Body(:? LinearOperator as op) -> op
        | _ -> invalidOp "linearSolve has an operator"

    /// The image of a vector, at these captured values.
    let private imageOf (op: LinearOperator) (vector: Node) (captured: Node[]) =
        (Substitute.apply op.Variables (Array.append [| vector |] captured) [| op.Image |])[0]

    // ----- the value -----

    let private dense (op: LinearOperator) (b: Node) (captured: Node[]) =
        let rank = b.Shape.Length
        let n = b.Shape[rank - 1]

        let unit =
            Graph.constantOf b.DType [| n; n |] (Array.init (n * n) (fun i -> if i / n = i % n then 1.0 else 0.0))

        let units = broadcast (Array.append [| n |] b.Shape) [| 0; rank |] unit
        let image = (Substitute.apply op.Captured captured [| op.Image |])[0]
        let columns = (Batch.apply n [| op.Vector |] [| units |] [| image |])[0]
        let transposed = transpose (Array.concat [ [| 1 .. rank - 1 |]; [| 0; rank |] ]) columns
        let operation = $"{op.Name}: the matrix of the system is inverted"

        LinearAlgebra.solveFor operation true transposed (reshape (Array.append b.Shape [| 1 |]) b)
        |> reshape b.Shape

    let private iterated (op: LinearOperator) (b: Node) (captured: Node[]) =
        let shape = b.Shape
        let rows = [| int (Shape.size shape) / shape[shape.Length - 1]; shape[shape.Length - 1] |]

        let apply (v: Tensor) =
            let v = reshape shape v.Node |> Precision.toType b.DType
            tensor (reshape rows (imageOf op v captured) |> Precision.toFloat64)

        let options =
            if b.IsFloat32 then
                { op.Options with Tolerance = max 1e-6 op.Options.Tolerance }
            else
                op.Options

        let y = Krylov.solve op.Name options apply (tensor (reshape rows (Precision.toFloat64 b)))
        reshape shape y.Node |> Precision.toType b.DType

    let private solution attr (args: Node[]) =
        let op = operatorOf attr

        if Shape.size args[0].Shape = 0L then args[0]
        elif op.Options.Solver = LinearSolver.Dense then dense op args[0] args[1..]
        else iterated op args[0] args[1..]

    // ----- rules -----

    let private minus (a: Node option) (b: Node option) =
        match a, b with
        | Some a, Some b -> Some(sub a b)
        | None, Some b -> Some(neg b)
        | a, None -> a

    /// dA y.
    let private movedImage (op: LinearOperator) (args: Node[]) (y: Node) (moves: Node option[]) : Node option =
        let active = Array.zip op.Captured moves |> Array.filter (fun (_, d) -> d.IsSome)
        let tangents = active |> Array.map (fst >> Graph.variableLike)

        (Jvp.apply (Array.map fst active) tangents [| op.Image |])[0]
        |> Option.map (fun moved ->
            let variables = Array.append op.Variables tangents
            let values = Array.concat [ [| y |]; args[1..]; active |> Array.map (fun (_, d) -> d.Value) ]
            (Substitute.apply variables values [| moved |])[0])

    let rec linearSolveP: Primitive = {
        Name = "linearSolve"
        Doc = "The solution y of A y = a, where A is a graph that is linear in y and reads the other arguments."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Series(tangent, coefficients, (fun _ i -> i = 0))
        Transpose = Some(fun attr args ct _ -> solve (Body (operatorOf attr).Transposed) (Array.updateAt 0 ct args))
        Batch =
            fun _ attr args flags size ->
                let b = if flags[0] then args[0] else batchAxis size args[0]
                solve (Body((operatorOf attr).Batched(size, flags[1..]))) (Array.updateAt 0 b args)
        Simplify = fun _ _ -> None
        Lower = Lowering.Expand solution
    }

    and private solve attr (args: Node[]) = Graph.bind linearSolveP attr args

    and private tangent attr args y dargs =
        minus dargs[0] (movedImage (operatorOf attr) args y dargs[1..])
        |> Option.map (fun right -> solve attr (Array.updateAt 0 right args))

    and private coefficients expansion attr args series =
        let op = operatorOf attr
        let order = expansion.Count - 1
        let solved right = solve attr (Array.updateAt 0 right args)

        if series[1..] |> Array.forall (Array.forall Option.isNone) then
            series[0] |> Array.map (Option.map solved)
        else
            let y = solve attr args
            let ofVector = Array.init order (fun _ -> Graph.variableLike op.Vector)

            let ofCaptured =
                Array.map2
                    (fun c -> Array.map (Option.map (fun (_: Node) -> Graph.variableLike c)))
                    op.Captured
                    series[1..]

            let images =
                (expansion.Expand op.Variables (Array.append [| Array.map Some ofVector |] ofCaptured) [| op.Image |])[0]

            let present (items: Node option[][]) = items |> Array.collect (Array.choose id)
            let variables = Array.concat [ op.Variables; present ofCaptured; ofVector ]
            let given = Array.concat [ [| y |]; args[1..]; present series[1..] ]
            let found = Array.create<Node option> order None

            for k in 1..order do
                // Coefficient k of A y with 0 for y_k, which is not known yet.
                let values = found |> Array.map (Option.defaultWith (fun () -> Graph.zerosLike y))

                let moved =
                    images[k]
                    |> Option.map (fun image -> (Substitute.apply variables (Array.append given values) [| image |])[0])

                found[k - 1] <- minus (series[0].[k - 1]) moved |> Option.map solved

            found

    // ----- making systems -----

    /// y with A y = right, where `image` is A's graph in terms of `vector`, the newest variable; all else that it reads comes from outside.
    let system name options (vector: Node) (image: Node) (right: Node) : Node =
        match Linearity.violation [| vector |] [| image |] with
        | Some why ->
            Shape.fail
                $"{name}: the system is not linear in its unknown: {why}; give a linear map, without an added constant"
        | None -> ()

        let taken = Custom.captured vector.Id [| image |]
        let stand = variablesLike taken
        let closed = (Custom.close vector.Id taken stand [| image |])[0]
        solve (Body(LinearOperator(name, options, vector, stand, closed))) (Array.append [| right |] taken)

    let linearSolve (options: LinearSolveOptions) (apply: 'X -> 'X) (b: 'X) : 'X =
        check "linearSolve" options
        let t = trace apply b
        matching "linearSolve" "result of apply" t.Variables t.Outputs

        if t.Values |> Array.forall (fun v -> Shape.size v.Shape = 0L) then
            b
        else
            let right = CustomRules.pack t.Values
            let vector = Graph.variableLike right
            let image = Substitute.apply t.Variables (CustomRules.unpack t.Variables vector) t.Outputs
            t.Result(system "linearSolve" options vector (CustomRules.pack image) right |> CustomRules.unpack t.Values)
