/// The table of primitives is the list of tests: each has its rules, and the rules agree with each other.
module Hesse.Tests.PrimitiveTableTests

open System
open System.Collections.Generic
open Hesse
open Xunit

/// An application of a primitive to concrete arguments.
type private Sample = { Attr: Attr; Args: Node[] }

/// Applications found in random programs, their gradients and their batched forms, per primitive.
let private samples: Lazy<IDictionary<string, Sample[]>> =
    lazy
        (let found = Dictionary<string, List<Sample>>()

         for p in Primitives.all do
             found[p.Name] <- List()

         let collect (isWanted: Primitive -> bool) (variables: Node[]) (values: Node[]) (outputs: Node[]) =
             for node in Graph.order 1L outputs do
                 if node.Args.Length > 0 && isWanted node.Prim && found[node.Prim.Name].Count < 40 then
                     found[node.Prim.Name].Add { Attr = node.Attr; Args = Substitute.apply variables values node.Args }

         let nodes (ts: Tensor[]) = ts |> Array.map (fun t -> t.Node)

         let collectFrom isWanted (program: RandomProgram) =
             let collect = collect isWanted
             let xs = RandomPrograms.inputs program
             let variables = nodes xs |> Array.map Graph.variableLike
             let handles = variables |> Array.map Tensor
             collect variables (nodes xs) (nodes (RandomPrograms.run program handles))

             // A rule that raises an error here does so in its own test too.
             let attempt f =
                 try
                     f ()
                 with _ ->
                     ()

             attempt (fun () ->
                 collect variables (nodes xs) (nodes (Diff.grad (RandomPrograms.scalar program) handles)))

             attempt (fun () ->
                 let pairs = xs |> Array.map (fun x -> Tensor.stack 0 [ x; 0.8 * x ])
                 let batch = nodes pairs |> Array.map Graph.variableLike
                 let mapped = Diff.vmap (RandomPrograms.run program) (batch |> Array.map Tensor)
                 collect batch (nodes pairs) (nodes mapped))

         let isConversion p = List.exists (fun q -> obj.ReferenceEquals(p, q)) Precision.primitives

         for seed in 500..1500 do
             collectFrom (isConversion >> not) (ProgramGenerator.generate seed)

         for seed in 500..700 do
             collectFrom isConversion (ProgramGenerator.generateFloat32 seed)

         dict [ for entry in found -> entry.Key, entry.Value.ToArray() ])

let primitiveNames: TheoryData<string> =
    TheoryData<string>(Primitives.all |> List.map (fun p -> p.Name) |> Array.ofList)

let private find name = Primitives.all |> List.find (fun p -> p.Name = name)

/// The arguments in which the primitive is linear while the others are held fixed.
let private linearArguments (p: Primitive) (count: int) =
    match p.Derivative with
    | Derivative.Linear inArgument -> [ 0 .. count - 1 ] |> List.filter inArgument
    | Derivative.Multilinear -> [ 0 .. count - 1 ]
    | Derivative.Quotient(numerator, _, _) -> [ numerator ]
    | Derivative.Zero
    | Derivative.Rule _
    | Derivative.Series _ -> []

let private filled (seed: int) (like: Node) = (variedLike seed (Tensor like)).Node

/// The tolerance where float64 is expected, and that of float32 where a conversion is tested: as many roundings.
let private tolerance (p: Primitive) (inFloat64: float) =
    if List.exists (fun q -> obj.ReferenceEquals(p, q)) Precision.primitives then
        inFloat64 * Math.Pow(2.0, 29.0)
    else
        inFloat64

/// The same elements in reverse order: inside every primitive's domain when the original is.
let private reversed (x: Node) = Graph.constantOf x.DType x.Shape (Array.rev x.Data)

[<Fact>]
let ``names are unique`` () =
    let names = Primitives.all |> List.map (fun p -> p.Name)
    Assert.Equal(names.Length, (List.distinct names).Length)

[<Theory; MemberData(nameof primitiveNames)>]
let ``has name, doc, lowering and the transpose rule that its derivative needs`` (name: string) =
    let p = find name
    Assert.False(String.IsNullOrWhiteSpace p.Name)
    Assert.False(String.IsNullOrWhiteSpace p.Doc)

    match p.Lower with
    | Lowering.Input -> Assert.Fail $"{name} has no lowering"
    | _ -> ()

    match p.Derivative with
    | Derivative.Linear _
    | Derivative.Multilinear
    | Derivative.Quotient _ -> Assert.True(p.Transpose.IsSome, $"{name} is linear but has no transpose rule")
    | Derivative.Zero
    | Derivative.Rule _
    | Derivative.Series _ -> ()

[<Theory; MemberData(nameof primitiveNames)>]
let ``occurs in samples`` (name: string) =
    Assert.True(samples.Value[name].Length >= 5, $"only {samples.Value[name].Length} samples")

[<Theory; MemberData(nameof primitiveNames)>]
let ``shape rule tells the shape of the value`` (name: string) =
    let p = find name

    for s in samples.Value[name] do
        let shape = p.Shape s.Attr (s.Args |> Array.map (fun a -> a.Shape))
        let value = Graph.bind p s.Attr s.Args
        Check.shapes name shape value.Shape
        Assert.Equal(Shape.size shape, int64 value.Data.Length)

[<Theory; MemberData(nameof primitiveNames)>]
let ``transpose rule satisfies ⟨A x, w⟩ = ⟨x, Aᵀ w⟩ in every linear argument`` (name: string) =
    let p = find name

    for s in samples.Value[name] do
        let linear = linearArguments p s.Args.Length

        for i in linear do
            // In a jointly linear primitive the other linear arguments are zero; in a multilinear one they are held fixed.
            let others (j: int) (a: Node) =
                match p.Derivative with
                | Derivative.Linear _ when List.contains j linear -> Graph.zeros a.Shape
                | _ -> a

            let x = filled 1 s.Args[i]
            let args = s.Args |> Array.mapi (fun j a -> if j = i then x else others j a)
            let ax = Graph.bind p s.Attr args
            let w = filled 2 ax
            let atw = p.Transpose.Value s.Attr s.Args w i
            Check.shapes $"{name}: cotangent of argument {i}" x.Shape atw.Shape

            Check.number
                $"{name}, argument {i}"
                (tolerance p 1e-12)
                (Check.inner (Tensor ax) (Tensor w))
                (Check.inner (Tensor x) (Tensor atw))

[<Theory; MemberData(nameof primitiveNames)>]
let ``batch rule equals a loop for every choice of batched arguments`` (name: string) =
    let p = find name

    for s in samples.Value[name] |> Array.truncate 15 do
        let n = 3
        let count = s.Args.Length

        for mask in 1 .. (1 <<< count) - 1 do
            let flags = Array.init count (fun i -> mask &&& (1 <<< i) <> 0)
            let part k (a: Node) = if k = 1 then reversed a else a
            let stack (a: Node) = (Tensor.stack 0 [ for k in 0 .. n - 1 -> Tensor(part k a) ]).Node
            let args = Array.map2 (fun a flag -> if flag then stack a else a) s.Args flags
            let actual = p.Batch p s.Attr args flags n

            let expected =
                Tensor.stack 0 [
                    for k in 0 .. n - 1 ->
                        Tensor(
                            Graph.bind p s.Attr (Array.map2 (fun a flag -> if flag then part k a else a) s.Args flags)
                        )
                ]

            let which = String.Join(", ", flags)
            Check.tensors $"{name} with batched arguments ({which})" 1e-12 expected (Tensor actual)

[<Theory; MemberData(nameof primitiveNames)>]
let ``compiled alone equals eager`` (name: string) =
    let p = find name

    for s in samples.Value[name] |> Array.truncate 15 do
        let variables = s.Args |> Array.map Graph.variableLike
        let graph = Graph.bind p s.Attr variables
        let eager = Graph.bind p s.Attr s.Args
        let compiled = (Program(variables, [| graph |]).Run s.Args)[0]
        Check.tensors name 1e-13 (Tensor eager) (Tensor compiled)

/// A sample with its numbers rounded to float32, masks and indices as they are.
let private inFloat32 (p: Primitive) (s: Sample) =
    s.Args
    |> Array.mapi (fun i a ->
        if Graph.countsForType p i then
            Precision.toFloat32 (Graph.adapt DType.Float64 a)
        else
            a)

let private isConversion (p: Primitive) = List.exists (fun q -> obj.ReferenceEquals(p, q)) Precision.primitives

let private isOnlyFloat64 (p: Primitive) = List.exists (fun q -> obj.ReferenceEquals(p, q)) ProgramGenerator.onlyFloat64

/// Roundings of one operation: two, and one for each of at most 64 terms of a sum.
let private oneOperation = 66.0 * Math.Pow(2.0, -24.0)

[<Theory; MemberData(nameof primitiveNames)>]
let ``in float32, eager is the rounded float64 value and compiled is near it`` (name: string) =
    let p = find name

    if not (isConversion p || isOnlyFloat64 p) then
        for s in samples.Value[name] do
            let args = inFloat32 p s
            let wide = args |> Array.map (fun a -> Graph.constant a.Shape a.Data)
            let expected = Graph.roundTo DType.Float32 (Graph.bind p s.Attr wide).Data
            let eager = Graph.bind p s.Attr args
            Assert.Equal(DType.Float32, eager.DType)
            Assert.Equal<float[]>(expected, eager.Data)
            let variables = args |> Array.map Graph.variableLike
            let graph = Graph.bind p s.Attr variables
            Assert.Equal(DType.Float32, graph.DType)
            let compiled = (Program(variables, [| graph |]).Run args)[0]
            Assert.Equal(DType.Float32, compiled.DType)
            Check.tensors name oneOperation (Tensor eager) (Tensor compiled)

            for x in compiled.Data do
                Assert.True(Double.IsNaN x || float (float32 x) = x, $"{x:R} is no float32 number")

[<Theory; MemberData(nameof primitiveNames)>]
let ``in float32, a plan that reads stored results is right`` (name: string) =
    let p = find name

    if not (isConversion p || isOnlyFloat64 p) then
        for s in samples.Value[name] |> Array.truncate 10 do
            let args = inFloat32 p s
            let variables = args |> Array.map Graph.variableLike
            // A sum of each argument keeps it from being read in the caller's array: every operand is a float32 buffer.
            let stored = variables |> Array.mapi (fun i v -> if Graph.countsForType p i then Linear.add v v else v)

            let halves = args |> Array.mapi (fun i a -> if Graph.countsForType p i then Linear.scale 0.5 a else a)
            let graph = Graph.bind p s.Attr stored
            let totals = stored |> Array.map (fun a -> Linear.sum [| 0 .. a.Shape.Length - 1 |] a)
            let results = Program(variables, Array.append [| graph |] totals).Run halves
            Check.tensors name oneOperation (Tensor(Graph.bind p s.Attr args)) (Tensor results[0])
