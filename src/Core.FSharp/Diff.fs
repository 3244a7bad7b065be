namespace Hesse

open System
open System.Collections.Generic
open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Differentiation, vectorisation and compilation of functions on trees of tensors.
///
/// Every transformation calls its function once on fresh variables, transforms the graph that comes back, and puts the
/// arguments in place of the variables. Results are concrete when the arguments are; inside another transformation they are a
/// graph again, so that transformations nest in any order.
[<RequireQualifiedAccess>]
module Diff =
    // ----- first derivatives -----

    /// <summary>The value and the gradient of a scalar function.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; a tree.</param>
    /// <returns>f(x) and a tree of the structure of x. Tensors that f does not use have gradient zero.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    /// <remarks>Cost: at most about 3 evaluations of f (Griewank and Walther 2008, section 3.3).</remarks>
    let valueAndGrad (f: 'X -> Tensor) (x: 'X) : Tensor * 'X =
        let t = trace f x
        let y = scalarOutput "grad" t
        let _, _, rebuild = Tree.flatten x
        let results = Executor.evaluate t.Variables t.Values (Array.append [| y |] (gradient t.Variables y))
        tensor results[0], rebuild (Array.map tensor results[1..])

    /// <summary>The gradient of a scalar function.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; a tree.</param>
    /// <returns>A tree of the structure of x. Tensors that f does not use have gradient zero.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    /// <example><code>Diff.grad (fun x -> Tensor.sum (x * x)) (Tensor.ofArray [| 1.0; 2.0 |])  // [2; 4]</code></example>
    let grad (f: 'X -> Tensor) (x: 'X) : 'X =
        let t = trace f x
        let y = scalarOutput "grad" t
        let _, _, rebuild = Tree.flatten x
        Executor.evaluate t.Variables t.Values (gradient t.Variables y) |> Array.map tensor |> rebuild

    /// <summary>Value and directional derivative: forward mode.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="dx">The direction; a tree of the structure of x.</param>
    /// <returns>f(x) and Df(x)[dx], both of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">dx and x differ in structure or shape.</exception>
    let jvp (f: 'X -> 'Y) (x: 'X) (dx: 'X) : 'Y * 'Y =
        let t = trace f x
        let directions = nodesOf dx
        matching "jvp" "direction" t.Variables directions
        let tangents = variablesLike t.Variables
        let dy = pushforward t.Variables tangents t.Outputs

        let results =
            Executor.evaluate
                (Array.append t.Variables tangents)
                (Array.append t.Values directions)
                (Array.append t.Outputs dy)

        let n = t.Outputs.Length
        t.Result results[.. n - 1], t.Result results[n..]

    /// <summary>The value, and the derivative at x as a function of the direction; the value is computed once.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and dx ↦ Df(x)[dx].</returns>
    let linearize (f: 'X -> 'Y) (x: 'X) : 'Y * ('X -> 'Y) =
        let t = trace f x
        let tangents = variablesLike t.Variables
        let map = linearMap t tangents (pushforward t.Variables tangents t.Outputs)
        let y = Executor.evaluate t.Variables t.Values t.Outputs

        t.Result y,
        fun dx ->
            let directions = nodesOf dx
            matching "linearize" "direction" t.Variables directions
            t.Result(map directions)

    /// <summary>The value, and the transposed derivative at x as a function of the cotangent: reverse mode.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and ct ↦ Df(x)ᵀ[ct], with ct of the structure of f's result; the value is computed once.</returns>
    let vjp (f: 'X -> 'Y) (x: 'X) : 'Y * ('Y -> 'X) =
        let t = trace f x
        let _, _, rebuild = Tree.flatten x
        let cotangents = variablesLike t.Outputs
        let map = linearMap t cotangents (pullback t.Variables t.Outputs cotangents)
        let y = Executor.evaluate t.Variables t.Values t.Outputs

        t.Result y,
        fun ct ->
            let given = nodesOf ct
            matching "vjp" "cotangent" t.Outputs given
            map given |> Array.map tensor |> rebuild

    // ----- second derivatives -----

    /// <summary>Hessian-vector product of a scalar function: forward over reverse.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <param name="v">The vector; a tree of the structure of x.</param>
    /// <returns>∇²f(x)·v, of the structure of x.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar, or v and x differ.</exception>
    /// <remarks>The exact product (Pearlmutter 1994), about two gradients' cost, without the Hessian.</remarks>
    let hvp (f: 'X -> Tensor) (x: 'X) (v: 'X) : 'X =
        let t = trace f x
        let y = scalarOutput "hvp" t
        let directions = nodesOf v
        matching "hvp" "vector" t.Variables directions
        let tangents = variablesLike t.Variables
        let product = pushforward t.Variables tangents (gradient t.Variables y)
        let _, _, rebuild = Tree.flatten x

        Executor.evaluate (Array.append t.Variables tangents) (Array.append t.Values directions) product
        |> Array.map tensor
        |> rebuild

    let private forwardJacobian (x: 'X) (t: Trace<Tensor>) =
        let y = t.Outputs[0]
        let tangents = variablesLike t.Variables
        let columns = overBasis t.Variables t.Values tangents (pushforward t.Variables tangents t.Outputs)
        let matrix = transpose (Array.append [| 1 .. y.Shape.Length |] [| 0 |]) columns[0]
        tensor (reshape (Array.append y.Shape (inputShape x t.Variables)) matrix)

    let private reverseJacobian (x: 'X) (t: Trace<Tensor>) =
        let y = t.Outputs[0]
        let cotangents = variablesLike t.Outputs
        let rows = overBasis t.Variables t.Values cotangents (pullback t.Variables t.Outputs cotangents)
        let matrix = flattenRows (Shape.length "jacobian" y.Shape) rows
        tensor (reshape (Array.append y.Shape (inputShape x t.Variables)) matrix)

    /// <summary>The Jacobian by forward mode: one batch of directions, one per input element.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacfwd (f: 'X -> Tensor) (x: 'X) : Tensor = forwardJacobian x (trace f x)

    /// <summary>The Jacobian by reverse mode: one batch of cotangents, one per output element.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacrev (f: 'X -> Tensor) (x: 'X) : Tensor = reverseJacobian x (trace f x)

    /// <summary>The Jacobian, by whichever mode needs fewer passes.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacobian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let inputs = t.Variables |> Array.sumBy (fun v -> Shape.size v.Shape)

        if inputs <= Shape.size t.Outputs[0].Shape then
            forwardJacobian x t
        else
            reverseJacobian x t

    /// <summary>The Hessian of a scalar function, as a batch of Hessian-vector products.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of x twice; [P; P] if x is a tree, in the order of Tree.ravel.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    let hessian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let y = scalarOutput "hessian" t
        let tangents = variablesLike t.Variables

        let products =
            overBasis t.Variables t.Values tangents (pushforward t.Variables tangents (gradient t.Variables y))

        let count = t.Variables |> Array.sumBy (fun v -> Shape.length "hessian" v.Shape)
        let shape = inputShape x t.Variables
        tensor (reshape (Array.append shape shape) (flattenRows count products))

    // ----- higher derivatives -----

    /// <summary>Derivatives of every order along a line, by Taylor mode.</summary>
    /// <param name="order">Highest order K, at least 0.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="direction">v, a tree of the structure of x.</param>
    /// <returns>K + 1 results; number k is dᵏ/dtᵏ f(x + t v) at t = 0, that is Dᵏf(x)[v, …, v].</returns>
    /// <remarks>Cost O(K²) evaluations of f, not 2ᴷ (Griewank and Walther 2008, chapter 13).</remarks>
    let jet (order: int) (f: 'X -> 'Y) (x: 'X) (direction: 'X) : 'Y[] =
        if order < 0 then
            Shape.fail $"jet: order is {order}; want at least 0"

        let t = trace f x
        let directions = nodesOf direction
        matching "jet" "direction" t.Variables directions
        let tangents = variablesLike t.Variables
        let series = tangents |> Array.map (fun v -> Array.init order (fun k -> if k = 0 then Some v else None))
        let coefficients = Jet.apply order t.Variables series t.Outputs
        let factorial = Array.scan (fun product k -> product * float k) 1.0 [| 1..order |]

        let outputs = [|
            for k in 0..order do
                for i in 0 .. t.Outputs.Length - 1 do
                    match coefficients[i][k] with
                    | Some c -> scale factorial[k] c
                    | None -> Graph.zeros t.Outputs[i].Shape
        |]

        let results =
            Executor.evaluate (Array.append t.Variables tangents) (Array.append t.Values directions) outputs

        results |> Array.chunkBySize (max 1 t.Outputs.Length) |> Array.map t.Result

    /// <summary>The n-th derivative of a function of one number.</summary>
    /// <param name="n">The order, at least 0.</param>
    /// <param name="f">From a scalar to a tensor of any shape.</param>
    /// <param name="x">Where; shape [].</param>
    /// <returns>dⁿf/dxⁿ, of the shape of f(x).</returns>
    let derivative (n: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if x.Rank <> 0 then
            Shape.fail
                $"derivative: expected a scalar argument, got shape {Shape.show x.Shape}; use jet with a direction, or vmap"

        (jet n f x (Tensor.scalar 1.0))[n]

    // ----- rules that the user gives -----

    /// One vector of all elements of nodes, and the parts of such a vector.
    let private pack (nodes: Node[]) =
        let flat = nodes |> Array.map (fun n -> reshape [| Shape.length "customDerivative" n.Shape |] n)
        if flat.Length = 1 then flat[0] else concat 0 flat

    let private unpack (like: Node[]) (vector: Node) =
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
            let result = Graph.variable primal.Shape
            let y = t.Result(unpack t.Outputs result)
            let dy = tangentOf t (rebuild (Array.map tensor arguments)) y tangents
            matching "customDerivative" "tangent of the rule" t.Outputs dy
            let node = Custom.bind t.Values primal arguments result tangents (pack dy) outside
            t.Result(unpack t.Outputs node)

    /// <summary>A function with a derivative that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="rule">From x, y = f(x) and a tangent dx (like x) to the tangent dy (like y). It must be linear in dx; it is differentiated in turn for higher orders.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x); every transformation (forward, reverse, jets, vmap, compile) uses the rule.</returns>
    /// <exception cref="T:Hesse.HesseException">The rule's result has other shapes than f's; or, on differentiation, f uses a value from outside that is being differentiated too.</exception>
    let customDerivative (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'X -> 'Y) (x: 'X) : 'Y =
        let _, _, rebuild = Tree.flatten x
        custom f (fun _ x y tangents -> nodesOf (rule x y (rebuild (Array.map tensor tangents)))) x

    /// <summary>A function with a pullback that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="rule">From x, y = f(x) and a cotangent ct (like y) to the cotangent of x (like x). It must be linear in ct.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x); forward mode and jets use the transpose of the rule.</returns>
    /// <exception cref="T:Hesse.HesseException">The rule's result has other shapes than x.</exception>
    let customPullback (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'Y -> 'X) (x: 'X) : 'Y =
        let tangentOf (t: Trace<'Y>) x y tangents =
            let cotangents = variablesLike t.Outputs
            let back = nodesOf (rule x y (t.Result cotangents))
            matching "customPullback" "result of the rule" tangents back
            Transpose.apply cotangents (Array.map Some back) tangents |> orZero t.Outputs

        custom f tangentOf x

    // ----- vmap, compile -----

    let private moveAxis (from: int) (target: int) (t: Tensor) =
        if from = target then
            t
        else
            let others = [| 0 .. t.Rank - 1 |] |> Array.filter ((<>) from)
            Tensor.permute (Array.insertAt target from others) t

    /// <summary>Applies a function to every part of its arguments along an axis, as one batch.</summary>
    /// <param name="inAxis">The axis of every input tensor that is mapped over.</param>
    /// <param name="outAxis">The place of that axis in every output tensor.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same length along the axis.</param>
    /// <returns>The results of f, stacked along outAxis.</returns>
    /// <exception cref="T:Hesse.HesseException">A tensor lacks the axis, or lengths differ.</exception>
    let vmapAxes (inAxis: int) (outAxis: int) (f: 'X -> 'Y) (xs: 'X) : 'Y =
        let leaves, _, rebuild = Tree.flatten xs
        let shapes () = Shape.showAll (leaves |> Array.map (fun t -> t.Node.Shape))

        let sizes =
            leaves
            |> Array.map (fun t ->
                if inAxis < 0 || inAxis >= t.Rank then
                    Shape.fail
                        $"vmap: axis {inAxis} does not exist in every argument (shapes {shapes ()}); close over what is not to be mapped"

                t.Node.Shape[inAxis])
            |> Array.distinct

        if sizes.Length <> 1 then
            Shape.fail
                $"vmap: arguments of shapes {shapes ()} have no common length along axis {inAxis}; all must be mapped over the same number of parts"

        let stacked = leaves |> Array.map (fun t -> (moveAxis inAxis 0 t).Node)
        let variables = stacked |> Array.map (fun n -> Graph.variable n.Shape[1..])
        let y = f (rebuild (Array.map tensor variables))
        let outputs, _, rebuildResult = Tree.flatten y
        let seeds = variablesLike stacked
        let batched = Batch.apply sizes[0] variables seeds (outputs |> Array.map (fun t -> t.Node))

        Executor.evaluate seeds stacked batched
        |> Array.map (fun node ->
            let t = tensor node

            if outAxis < 0 || outAxis >= t.Rank then
                Shape.fail
                    $"vmap: out axis {outAxis} does not exist in a result of shape {Shape.show node.Shape}; use 0 .. {t.Rank - 1}"

            moveAxis 0 outAxis t)
        |> rebuildResult

    /// <summary>Applies a function to every part of its arguments along the first axis, as one batch.</summary>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same first length n.</param>
    /// <returns>The results of f, stacked: every output tensor has a new first axis of length n.</returns>
    let vmap (f: 'X -> 'Y) (xs: 'X) : 'Y = vmapAxes 0 0 f xs

    /// <summary>The sum of second derivatives Σ ∂²f/∂xᵢ², from second-order jets along every axis.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x).</returns>
    let laplacian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let tangents = variablesLike t.Variables
        let series = tangents |> Array.map (fun v -> [| Some v; None |])
        let coefficients = Jet.apply 2 t.Variables series t.Outputs
        let y = t.Outputs[0]

        match coefficients[0][2] with
        | None -> Tensor.zeros y.Shape
        | Some second ->
            let rows = overBasis t.Variables t.Values tangents [| scale 2.0 second |]
            tensor (sum [| 0 |] rows[0])

    /// Two argument trees share a plan when shapes and everything else in them are equal.
    [<CustomEquality; NoComparison>]
    type private Signature = {
        Shapes: int[][]
        Statics: obj[]
    } with

        override a.Equals other =
            match other with
            | :? Signature as b ->
                a.Shapes = b.Shapes
                && a.Statics.Length = b.Statics.Length
                && Array.forall2 (fun (p: obj) q -> Object.Equals(p, q)) a.Statics b.Statics
            | _ -> false

        override a.GetHashCode() =
            let mutable hash = HashCode()

            for s in a.Shapes do
                for d in s do
                    hash.Add d

            for s in a.Statics do
                hash.Add s

            hash.ToHashCode()

    /// <summary>A function that is traced and compiled once for each argument structure, and from then on runs its plan.</summary>
    /// <param name="f">From a tree to a tree, built from tensor operations and transformations. It is called once per structure: side effects and branches on values are not repeated.</param>
    /// <returns>The same function, faster. Safe to call from several threads; inside another transformation it is f itself.</returns>
    let compile (f: 'X -> 'Y) : 'X -> 'Y =
        let plans = Dictionary<Signature, (Program * (Node[] -> 'Y)) option>()

        let build (x: 'X) =
            let t = trace f x

            if Executor.isClosed t.Variables t.Outputs then
                Some(Program(t.Variables, t.Outputs), t.Result)
            else
                None

        fun x ->
            let leaves, statics, _ = Tree.flatten x

            if leaves |> Array.exists (fun t -> not t.IsConcrete) then
                f x
            else
                let signature = { Shapes = leaves |> Array.map (fun t -> t.Node.Shape); Statics = statics }

                let plan =
                    lock plans (fun () ->
                        match plans.TryGetValue signature with
                        | true, plan -> plan
                        | _ ->
                            let plan = build x
                            plans[signature] <- plan
                            plan)

                match plan with
                | Some(program, result) -> result (program.Run(leaves |> Array.map (fun t -> t.Node)))
                | None -> f x

    /// <summary>The plan that `compile` makes for a function, as text: operations, FLOPs, bytes, memory.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the shapes in question.</param>
    /// <returns>One line per step, then the totals.</returns>
    let explain (f: 'X -> 'Y) (x: 'X) : string =
        let t = trace f x

        if not (Executor.isClosed t.Variables t.Outputs) then
            Shape.fail
                "explain: the function uses a variable of a surrounding transformation; explain the outermost function instead"

        let plan = Program(t.Variables, t.Outputs).Plan
        let steps = plan.Steps |> Seq.map (fun s -> s.Describe())

        String.Join(
            "\n",
            Seq.append steps [
                $"{plan.Steps.Count} steps, {plan.Flops} FLOPs, {plan.Bytes} bytes moved, arena of {plan.ArenaBytes} bytes"
            ]
        )
