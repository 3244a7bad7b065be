namespace Hesse

open System
open Hesse.Kernels

/// The primitive of all loops: scan, while, and (with one step at most) branches and checkpoints.
///
/// Its result is one vector, see `Loop`; whoever wants a part of it takes a slice, which costs nothing in a plan.
module internal ScanPrimitive =
    let private fits (loop: Loop) (given: int[][]) =
        let expected = Loop.argumentShapes loop

        if given <> expected then
            Shape.fail $"scan: expected arguments of shapes {Shape.showAll expected}, got {Shape.showAll given}"

    let private resolve (loop: Loop) (args: Node[]) (derived: DerivedLoop) (find: Source -> Node option) : Node[] =
        let shapes = Loop.argumentShapes derived.Loop

        derived.Sources
        |> Array.mapi (fun i source ->
            match source with
            | Source.Argument a -> args[a]
            | Source.Zeros shape -> Graph.zeros shape
            | Source.Constant node -> node
            | Source.Largest a -> Elementwise.maxOver [| 0 |] args[a]
            | Source.Result(History c) when not (loop.Has(History c)) ->
                Shape.fail
                    $"scan: the derivative needs the carry before each of {loop.Body.Length} steps, and one array cannot hold shape {Shape.show shapes[i]} besides the results; use Diff.scanWith with Snapshots, or fewer steps"
            | _ -> find source |> Option.defaultWith (fun () -> Graph.zeros shapes[i]))

    /// A part of a derived loop's result; it is there whenever the original has it, unless it was too large.
    let private partOf (derived: DerivedLoop) result (which: LoopPart) =
        if derived.Loop.Has which then
            Loop.part derived.Loop result which
        else
            Shape.fail
                $"scan: the derivative's history of {derived.Loop.Body.Length} steps is larger than one array can be; use Diff.scanWith with Snapshots, or fewer steps"

    let private compiled (passes: Passes) (loop: Loop) =
        loop.Derive(
            "plan" + Passes.key passes,
            fun () ->
                let b = loop.Body

                let plan variables outputs =
                    let outputs = if passes.Trimming then Trim.apply outputs else outputs
                    let spec = Lower.spec passes variables outputs

                    match passes.Sharing with
                    | Sharing.WherePays -> SubPlan spec
                    | Sharing.Always threads -> SubPlan(spec, threads, true)
                    | Sharing.Off -> SubPlan(spec, 1, false)

                let body = plan (Array.concat [ b.Carries; b.Elements; b.Captured ]) (Array.append b.Next b.Outputs)

                let condition =
                    match b.Trips with
                    | Trips.While c -> plan (Array.append b.Carries b.Captured) [| c |]
                    | _ -> null

                struct (body, condition)
        )

    let private sizes (nodes: Node[]) = nodes |> Array.map (fun n -> Shape.size n.Shape)

    let private workspace passes attr =
        let loop = Loop.ofAttr attr
        let struct (body, condition) = compiled passes loop
        LoopStep.WorkspaceSize(body, condition, sizes loop.Body.Carries)

    let private steps passes attr _ _ (slots: int[]) out memory : Step list =
        let loop = Loop.ofAttr attr
        let b = loop.Body
        let struct (body, condition) = compiled passes loop

        let offset part =
            if loop.Has part then
                let struct (start, _) = loop.Place part
                start
            else
                -1L

        let slotsOf place (nodes: Node[]) = nodes |> Array.mapi (fun i _ -> slots[place loop i])

        let layout =
            LoopLayout(
                Length = (if Loop.isUnbounded loop then Int64.MaxValue else int64 b.Length),
                Reverse = b.Reverse,
                CountSlot = (if Loop.isCounted loop then slots[0] else -1),
                CountOffset = offset Steps,
                CarrySizes = sizes b.Carries,
                CarrySlots = slotsOf Loop.carryArgument b.Carries,
                FinalOffsets = (b.Carries |> Array.mapi (fun i _ -> offset (Final i))),
                HistoryOffsets = (b.Carries |> Array.mapi (fun i _ -> offset (History i))),
                ElementSizes = sizes b.Elements,
                ElementSlots = slotsOf Loop.elementArgument b.Elements,
                CapturedSlots = slotsOf Loop.capturedArgument b.Captured,
                OutputSizes = sizes b.Outputs,
                OutputOffsets = (b.Outputs |> Array.mapi (fun i _ -> offset (Stacked i)))
            )

        [ LoopStep(body, condition, layout, out, memory) ]

    /// A tangent as an expansion of order 1.
    let private first =
        let terms = Monomials.Line 1

        { Name = terms.Name; Count = terms.Count; Expand = Jet.expand terms }

    let rec scanP: Primitive = {
        Name = "scan"
        Doc = "Runs a body again and again on the carries that it makes: scan, while, cond, checkpoint."
        Shape =
            fun attr s ->
                let loop = Loop.ofAttr attr
                fits loop s
                [| int loop.Size |]
        Derivative =
            Derivative.Series(tangent, coefficients, (fun attr i -> (Loop.linearArguments (Loop.ofAttr attr))[i]))
        Transpose = Some(fun attr args ct i -> cotangent (Loop.ofAttr attr) args ct i)
        Batch = fun _ attr args flags size -> batch (Loop.ofAttr attr) args flags size
        Simplify = fun _ _ -> None
        Lower = Lowering.Working(workspace, steps)
    }

    and bind (loop: Loop) (args: Node[]) : Node = Graph.bind scanP (Body loop) args

    and private tangent attr (args: Node[]) (y: Node) (dargs: Node option[]) : Node option =
        let loop = Loop.ofAttr attr
        let active = dargs |> Array.map Option.isSome
        let linear = Loop.linearArguments loop

        if not (Array.contains true active) then
            None
        elif Loop.isUnbounded loop then
            (coefficients first attr args (dargs |> Array.map Array.singleton))[0]
        elif Array.forall2 (fun a l -> l || not a) active linear then
            // Linear in all that moves: the same loop on the tangents.
            args
            |> Array.mapi (fun i x ->
                if linear[i] then
                    dargs[i] |> Option.defaultWith (fun () -> Graph.zeros x.Shape)
                else
                    x)
            |> bind loop
            |> Some
        else
            alongPrimal loop args (Loop.part loop y) (TangentLoop.derive loop active) dargs

    /// The tangent along a primal loop of which these are the parts.
    and private alongPrimal loop args (primal: LoopPart -> Node) (t: TangentLoop) (dargs: Node option[]) : Node option =
        let find source =
            match source with
            | Source.Coefficient(a, _) -> dargs[a]
            | Source.Result part -> Some(primal part)
            | _ -> None

        let result = lazy bind t.Derived.Loop (resolve loop args t.Derived find)
        Loop.pack loop (TangentLoop.part t >> Option.map (fun part -> partOf t.Derived (result.Force()) part))

    and private coefficients expansion attr (args: Node[]) (series: Node option[][]) : Node option[] =
        let loop = Loop.ofAttr attr
        let order = expansion.Count - 1
        let active = series |> Array.map (Array.exists Option.isSome)

        if not (Array.contains true active) then
            Array.create order None
        else
            let s = SeriesLoop.derive loop expansion active

            let find source =
                match source with
                | Source.Coefficient(a, k) -> series[a][k - 1]
                | _ -> None

            let result = bind s.Derived.Loop (resolve loop args s.Derived find)

            Array.init order (fun k ->
                Loop.pack loop (SeriesLoop.part s (k + 1) >> Option.map (partOf s.Derived result)))

    /// The cotangent of one argument. A linear loop is transposed as a whole, so all its arguments share one loop.
    and private cotangent loop (args: Node[]) (ct: Node) (i: int) : Node =
        if Loop.isUnbounded loop then
            Shape.fail
                "grad: reverse mode cannot go through Diff.whileLoop, since nobody knows how many steps there are to store; use Diff.boundedWhile, or forward mode (jvp, jacfwd)"

        let zero () = Graph.zeros args[i].Shape

        if (Loop.linearArguments loop)[i] then
            let parts = Loop.partsOf loop ct
            let c = CotangentLoop.derive loop parts.ContainsKey

            match c.Cotangents[i] with
            | None -> zero ()
            | Some part ->
                let find source =
                    match source with
                    | Source.Cotangent part -> Some parts[part]
                    | _ -> None

                Loop.part c.Derived.Loop (bind c.Derived.Loop (resolve loop args c.Derived find)) part
        else
            partialCotangent loop args ct i |> Option.defaultWith zero

    /// The cotangent of one argument of a loop that is linear in it as the caller knows, though not in all its carries: the transpose of
    /// its tangent loop, along a primal loop that does not see what is linear.
    and private partialCotangent loop (args: Node[]) (ct: Node) (i: int) : Node option =
        let t =
            loop.Derive(
                $"partial {i}",
                fun () ->
                    let t = TangentLoop.derive loop (Array.init args.Length ((=) i))
                    { t with Derived = Trim.within t.Derived }
            )

        let read =
            t.Derived.Sources
            |> Array.choose (fun s ->
                match s with
                | Source.Result part -> Some part
                | _ -> None)

        let primal, place = Trim.only loop read

        if primal.Sources |> Array.contains (Source.Argument i) then
            Shape.fail
                $"scan: transpose: the loop is not linear in the tensor of shape {Shape.show args[i].Shape} that it is given; a rule must be linear in the tangent, and linearTranspose needs a linear function"

        let result = lazy bind primal.Loop (resolve loop args primal (fun _ -> None))
        let dx = Graph.variable args[i].Shape
        let dargs = Array.init args.Length (fun j -> if j = i then Some dx else None)

        alongPrimal loop args (fun part -> Loop.part primal.Loop (result.Force()) (place part)) t dargs
        |> Option.bind (fun dy -> (Transpose.apply [| dx |] [| Some dy |] [| ct |])[0])

    and private batch loop (args: Node[]) (flags: bool[]) size : Node =
        if size = 0 then
            Graph.zeros [| 0; int loop.Size |]
        else
            let b = BatchedLoop.derive loop size flags

            let given = args |> Array.mapi (fun i x -> BatchedLoop.argument b loop size i x flags[i])

            let result = bind b.Derived.Loop (resolve loop given b.Derived (fun _ -> None))

            match loop.Parts with
            | [||] -> Graph.zeros [| size; 0 |]
            | parts -> Movement.concat 1 (parts |> Array.map (BatchedLoop.part b size given result))

    /// The primitives of this file, in order.
    let primitives = [ scanP ]
