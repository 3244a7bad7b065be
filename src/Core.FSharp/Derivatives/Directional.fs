namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Mixed derivatives Dᵏf(x)[v₁, …, v_k], and the ways to compute them.
module internal Directional =
    /// A direction that occurs so many times, with variables that stand for it.
    type private Group = { Values: Node[]; Variables: Node[]; Times: int }

    let private same (a: Node[]) (b: Node[]) = Array.forall2 (fun p q -> obj.ReferenceEquals(p, q)) a b

    let private groups (t: Trace<'Y>) (directions: Node[] list) : Group[] =
        let add (found: Group list) values =
            match found |> List.tryFindIndex (fun g -> same g.Values values) with
            | Some i -> found |> List.updateAt i { found[i] with Times = found[i].Times + 1 }
            | None -> found @ [ { Values = values; Variables = variablesLike t.Variables; Times = 1 } ]

        directions |> List.fold add [] |> Array.ofList

    /// The coefficient of Π tᵢ^timesᵢ at x + Σ tᵢ·directions[i], times its factorial.
    let mixedAlong (t: Trace<'Y>) (directions: Node[][]) (times: int[]) : Node[] =
        let terms = Monomials.Box times
        let top = terms.Place times

        Jet.expand terms t.Variables (TaylorMode.straight terms directions t.Variables) t.Outputs
        |> Array.map (fun coefficients -> coefficients[top] |> Option.map (scale (terms.Factorial top)))
        |> orZero t.Outputs

    let private mixed (t: Trace<'Y>) (groups: Group[]) : Node[] =
        mixedAlong t (groups |> Array.map (fun g -> g.Variables)) (groups |> Array.map (fun g -> g.Times))

    let private nested (t: Trace<'Y>) (groups: Group[]) : Node[] =
        groups
        |> Array.collect (fun g -> Array.replicate g.Times g.Variables)
        |> Array.fold (fun outputs direction -> pushforward t.Variables direction outputs) t.Outputs

    /// The gradient of a derivative of one order less, times the last direction.
    let private gradientOfJet (t: Trace<'Y>) (groups: Group[]) : Node[] =
        let last = Array.last groups

        let others =
            groups
            |> Array.map (fun g ->
                if obj.ReferenceEquals(g.Variables, last.Variables) then
                    { g with Times = g.Times - 1 }
                else
                    g)
            |> Array.filter (fun g -> g.Times > 0)

        let lower = mixed t others
        let gradients = gradient t.Variables lower[0]

        [|
            Array.map2 (fun (g: Node) v -> sum [| 0 .. g.Shape.Length - 1 |] (mul g v)) gradients last.Variables
            |> Array.reduce add
        |]

    /// Multiples of the directions, one row for each line, and the weights of the k-th coefficients along these lines:
    /// Dᵏf[v₁^m₁, …] = 1/(2ᵏ k!) Σ_j Π (−1)^jᵢ C(mᵢ, jᵢ) Dᵏf[(Σ (mᵢ − 2 jᵢ) vᵢ)ᵏ], of which opposite lines give the same.
    let internal polarisation (times: int[]) : (float[] * float)[] =
        let binomial n k = Seq.fold (fun c i -> c * float (n - i) / float (i + 1)) 1.0 [ 0 .. k - 1 ]
        let k = Array.sum times
        let box = Monomials.Box times

        [|
            for p in 0 .. box.Count - 1 do
                let row = Array.map2 (fun m j -> float (m - 2 * j)) times box[p]

                if row |> Array.tryFind ((<>) 0.0) |> Option.exists (fun first -> first > 0.0) then
                    let signed = Array.map2 (fun m j -> (if j % 2 = 0 then 1.0 else -1.0) * binomial m j) times box[p]
                    row, 2.0 * Array.fold (*) 1.0 signed / float (pown 2L k)
        |]

    /// Jets along lines through sums of the directions, as one batch.
    let private polarised (t: Trace<'Y>) (groups: Group[]) : Node[] =
        let times = groups |> Array.map (fun g -> g.Times)
        let k = Array.sum times
        let lines = polarisation times
        let count = lines.Length
        let multiples = Graph.weak [| count; times.Length |] (lines |> Array.collect fst)
        let weights = Graph.weak [| count |] (lines |> Array.map snd)
        let tangents = variablesLike t.Variables
        let terms = Monomials.Line k

        let top =
            Jet.expand terms t.Variables (TaylorMode.straight terms [| tangents |] t.Variables) t.Outputs
            |> Array.map (fun coefficients -> coefficients[k])
            |> orZero t.Outputs

        let rows =
            t.Variables
            |> Array.mapi (fun v variable ->
                let stacked =
                    groups
                    |> Array.map (fun g -> reshape (Array.append [| 1 |] variable.Shape) g.Variables[v])
                    |> concat 0

                let rest = [| 2 .. 1 + variable.Shape.Length |]
                let labels first = Array.append [| first |] rest
                Contraction.contract [| 0; 1 |] (labels 1) (labels 0) multiples stacked)

        Batch.apply count tangents rows top
        |> Array.map (fun y ->
            let rest = [| 1 .. y.Shape.Length - 1 |]
            Contraction.contract [| 0 |] (Array.append [| 0 |] rest) rest weights y)

    let routes (name: string) (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : Route<'Y>[] =
        let t = trace f x
        let given = directions |> List.map nodesOf

        for nodes in given do
            matching name "direction" t.Variables nodes

        let groups = groups t given
        let variables = Array.append t.Variables (groups |> Array.collect (fun g -> g.Variables))
        let values = Array.append t.Values (groups |> Array.collect (fun g -> g.Values))

        let route name (build: Trace<'Y> -> Group[] -> Node[]) =
            let outputs = lazy (build t groups)

            Routes.make name (fun () -> Cost.ofGraph outputs.Value) (fun () ->
                t.Result(Executor.evaluate variables values outputs.Value))

        let isScalar = t.Outputs.Length = 1 && t.Outputs[0].Shape.Length = 0

        [|
            route "multivariate jet" mixed

            if given.Length > 1 then
                route "nested jvp" nested

                if groups.Length > 1 then
                    route "polarised jets" polarised

                if isScalar && t.Variables.Length > 0 then
                    route "gradient of a jet" gradientOfJet
        |]

    let directional (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : 'Y =
        routes "directional" f x directions |> Routes.take
