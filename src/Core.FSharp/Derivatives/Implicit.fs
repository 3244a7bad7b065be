namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Functions that are given by an equation: x(a) with F(a, x) = 0.
module internal Implicit =
    /// The solver's result. Where its argument has no value, an error of the solver says so.
    let private solve name (solver: 'A -> 'X) (a: 'A) =
        if Tree.leaves a |> Array.forall (fun t -> t.IsConcrete) then
            solver a
        else
            try
                solver a
            with :? HesseException as e ->
                raise (
                    HesseException(
                        $"{name}: the solver failed inside a transformation, where its argument has no value: {e.Message}; make the solver of tensor operations",
                        e
                    )
                )

    /// The transposed Jacobian of outputs in variables with n elements in all, [n; n], where the outputs have as many.
    let transposedJacobian (variables: Node[]) (outputs: Node[]) (n: int) =
        let directions = variablesLike variables
        let linear = pushforward variables directions outputs

        Batch.apply n directions (Directions.basis variables 0 n) linear |> Directions.flattenRows n

    /// dx = −(∂F/∂x)⁻¹ (∂F/∂a) da as a packed vector, in terms of a, x and da.
    let private tangentOf name options (arguments: Node[]) (tangents: Node[]) (unknowns: Node[]) (residual: Node[]) n =
        match Jvp.apply arguments tangents residual with
        | moved when Array.forall Option.isNone moved -> Graph.zeros [| n |]
        | moved ->
            let right = neg (CustomRules.pack (orZero residual moved))

            match options.Solver with
            | LinearSolver.Dense ->
                let operation = $"{name}: the derivative needs the Jacobian of the residual inverted"

                LinearAlgebra.solveFor
                    operation
                    true
                    (transposedJacobian unknowns residual n)
                    (reshape [| n; 1 |] right)
                |> reshape [| n |]
            | _ ->
                let dx = Graph.variableLike right
                let image = pushforward unknowns (CustomRules.unpack unknowns dx) residual
                LinearSolves.system name options dx (CustomRules.pack image) right

    let rootWith
        (name: string)
        (options: LinearSolveOptions)
        (residual: 'A -> 'X -> 'X)
        (solver: 'A -> 'X)
        (a: 'A)
        : 'X =
        LinearSolves.check name options
        let leaves, _, rebuild = Tree.flatten a
        let x = solve name solver a
        let found, _, rebuildX = Tree.flatten x
        let values, start = leaves |> Array.map (fun t -> t.Node), found |> Array.map (fun t -> t.Node)
        let parameters, unknowns = variablesLike values, variablesLike start

        let f =
            nodesOf (residual (rebuild (Array.map tensor parameters)) (rebuildX (Array.map tensor unknowns)))

        matching name "residual" unknowns f
        let oldest = Substitute.oldest (Array.append parameters unknowns)
        let outside = Custom.captured oldest f
        let n = start |> Array.sumBy (fun s -> Shape.length name s.Shape)
        let isConstant = Array.append values outside |> Array.forall (fun v -> v.IsConcrete)

        if isConstant || n = 0 then
            x
        else
            // What the residual takes from outside is one more argument.
            let stand = variablesLike outside
            let f = Custom.close oldest outside stand f
            let arguments = Array.append parameters stand
            let tangents = variablesLike arguments
            let result = Graph.variableOf start[0].DType [| n |]
            let tangent = tangentOf name options arguments tangents unknowns f n
            let tangent = (Substitute.apply unknowns (CustomRules.unpack start result) [| tangent |])[0]

            let node =
                Custom.bind (Array.append values outside) (CustomRules.pack start) arguments result tangents tangent [||]

            rebuildX (CustomRules.unpack start node |> Array.map tensor)

    /// The derivative by the Jacobian's matrix.
    let root name residual solver a =
        rootWith name { LinearSolves.defaults with Solver = LinearSolver.Dense } residual solver a
