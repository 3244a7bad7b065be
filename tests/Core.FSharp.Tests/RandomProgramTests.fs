/// Properties that every program has, checked on random ones.
///
/// HESSE_RANDOM_PROGRAMS=N runs N programs per property instead of the numbers below.
module Hesse.Tests.RandomProgramTests

open System
open Hesse
open Xunit

let private requested =
    match Int32.TryParse(Environment.GetEnvironmentVariable "HESSE_RANDOM_PROGRAMS") with
    | true, n when n > 0 -> Some n
    | _ -> None

/// Checks a property of programs `first`, `first + 1`, …; a failure prints the smallest program found.
let private forPrograms (make: int -> RandomProgram) (first: int) (count: int) (property: RandomProgram -> unit) =
    let error program =
        try
            property program
            None
        with e ->
            Some e

    for seed in first .. first + defaultArg requested count - 1 do
        let program = make seed

        match error program with
        | None -> ()
        | Some _ ->
            let small = RandomPrograms.shrink (fun p -> (error p).IsSome) program
            failwith $"seed {seed}: {(error small).Value.Message}\n{RandomPrograms.print small}"

let private forAll first count property = forPrograms ProgramGenerator.generate first count property

/// A direction for every tensor of a tree, with elements in (−1, 1).
let private direction seed (xs: Tensor[]) = xs |> Array.mapi (fun i x -> variedLike (seed + 7 * i) x)

let private batchSize = 3

/// Inputs for a batch: the program's own, and two others; element k is `part k`.
let private batch (program: RandomProgram) =
    let xs = RandomPrograms.inputs program

    xs
    |> Array.mapi (fun i x ->
        Tensor.stack 0 [
            for k in 0 .. batchSize - 1 -> x + 0.4 * float k * varied (i + 31 * k) (List.ofArray x.Shape)
        ])

let private part (k: int) (xs: Tensor[]) = xs |> Array.map (fun x -> x[k])

/// What a batched function must give: the results for each part, stacked.
let private stacked (f: int -> Tensor[]) : Tensor[] =
    let parts = Array.init batchSize f
    Array.init parts[0].Length (fun o -> Tensor.stack 0 (parts |> Array.map (fun p -> p[o])))

let private directionalDerivative f v x = snd (Diff.jvp f x v)

[<Fact>]
let ``every primitive has a generator entry and occurs in programs`` () =
    Assert.Empty(ProgramGenerator.unknown ())

    let seen =
        [ 1..800 ]
        |> List.collect (fun seed ->
            Array.append (ProgramGenerator.generate seed).Steps (ProgramGenerator.generateFloat32 seed).Steps
            |> Array.choose (function
                | Apply(p, _, _) -> Some p.Name
                | _ -> None)
            |> List.ofArray)
        |> List.countBy id
        |> Map.ofList

    for p in Primitives.all do
        let times = defaultArg (Map.tryFind p.Name seen) 0
        Assert.True(times >= 10, $"{p.Name} occurs only {times} times in 1600 programs")

[<Fact>]
let ``programs are not trivial`` () =
    let programs = [ 1..200 ] |> List.map ProgramGenerator.generate

    let share condition = float (programs |> List.filter condition |> List.length) / float programs.Length

    let nonzero (t: Tensor) = t.toArray () |> Array.exists (fun x -> abs x > 1e-6)
    let gradient p = fst (Tree.ravel (Diff.grad (RandomPrograms.scalar p) (RandomPrograms.inputs p)))
    let hessian p = Diff.hessian (RandomPrograms.scalar p) (RandomPrograms.inputs p)
    let steps = programs |> List.averageBy (fun p -> float p.Steps.Length)
    Assert.True(steps > 8.0, $"{steps} steps on average")
    let gradients, hessians = share (gradient >> nonzero), share (hessian >> nonzero)
    Assert.True(gradients > 0.85, $"{gradients} of the programs have a gradient")
    Assert.True(hessians > 0.8, $"{hessians} of the programs have a Hessian")

[<Fact>]
let ``a failing program is made smaller`` () =
    let usesTanh (p: RandomProgram) =
        p.Steps
        |> Array.exists (function
            | Apply(q, _, _) -> q.Name = "tanh"
            | _ -> false)

    let program =
        Seq.initInfinite ProgramGenerator.generate |> Seq.find (fun p -> usesTanh p && p.Steps.Length > 8)

    let small = RandomPrograms.shrink usesTanh program
    Assert.True(usesTanh small)
    Assert.True(small.Steps.Length <= 2, RandomPrograms.print small)

[<Fact>]
let ``compiled equals eager`` () =
    forAll 1_000 2400 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        Check.trees "compile" 1e-12 (f xs) (Diff.compile f xs))

[<Fact>]
let ``compiled derivatives equal eager ones`` () =
    forAll 10_000 600 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let variables = xs |> Array.map (fun x -> Graph.variable x.Shape)
        let nodes (ts: Tensor[]) = ts |> Array.map (fun t -> t.Node)
        // Traced under an outer variable, the gradient is a graph; substituting values evaluates it node by node.
        let graph = Diff.grad f (variables |> Array.map Tensor)
        let eager = Substitute.apply variables (nodes xs) (nodes graph) |> Array.map Tensor
        Check.trees "grad" 1e-12 eager (Diff.grad f xs))

[<Fact>]
let ``jvp equals a finite difference`` () =
    // Six-point central difference with h = 2·10⁻⁴: rounding 10⁻¹², truncation below that.
    forAll 20_000 1200 (fun p ->
        let xs = RandomPrograms.inputs p
        let v = direction 1 xs
        let y, dy = Diff.jvp (RandomPrograms.run p) xs v
        Check.trees "value" 1e-12 (RandomPrograms.run p xs) y
        let frozen = RandomPrograms.runFrozen p
        let expected = Check.difference 2e-4 (fun h -> Check.elements (frozen (Check.along xs v h)))
        Check.arrays "jvp" 1e-8 expected (Check.elements dy))

[<Fact>]
let ``vjp is the transpose of jvp`` () =
    forAll 30_000 1200 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        let v = direction 1 xs
        let y, dy = Diff.jvp f xs v
        let ct = direction 2 y
        let y', pull = Diff.vjp f xs
        Check.trees "value" 1e-12 y y'
        Check.number "⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩" 1e-10 (Check.inner ct dy) (Check.inner (pull ct) v))

[<Fact>]
let ``linearize equals jvp`` () =
    forAll 35_000 400 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        let y, linear = Diff.linearize f xs
        Check.trees "value" 1e-12 (f xs) y

        for seed in 1..2 do
            let v = direction seed xs
            Check.trees "linearize" 1e-11 (snd (Diff.jvp f xs v)) (linear v))

[<Fact>]
let ``jet equals nested jvp`` () =
    forAll 40_000 600 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        let v = direction 3 xs
        let order = if p.Seed % 3 = 0 then 4 else 3
        let jet = Diff.jet order f xs v
        let nested = Seq.unfold (fun g -> Some(g, directionalDerivative g v)) f |> Seq.take (order + 1)
        nested |> Seq.iteri (fun k g -> Check.trees $"derivative {k}" 1e-9 (g xs) jet[k]))

[<Fact>]
let ``vmap equals a loop`` () =
    forAll 50_000 1200 (fun p ->
        let f, xs = RandomPrograms.run p, batch p
        Check.trees "vmap" 1e-10 (stacked (fun k -> f (part k xs))) (Diff.vmap f xs))

[<Fact>]
let ``vmap of vmap equals two loops`` () =
    forAll 55_000 400 (fun p ->
        let f, xs = RandomPrograms.run p, batch p
        let twice = xs |> Array.map (fun x -> Tensor.stack 0 [ x; 0.7 * x ])

        let rows =
            [ xs; xs |> Array.map (fun x -> 0.7 * x) ]
            |> List.map (fun row -> stacked (fun k -> f (part k row)))

        let expected = Array.init rows[0].Length (fun o -> Tensor.stack 0 (rows |> List.map (fun r -> r[o])))
        Check.trees "vmap of vmap" 1e-10 expected (Diff.vmap (Diff.vmap f) twice))

[<Fact>]
let ``Hessian is symmetric and equals jacfwd and jacrev of the gradient`` () =
    forAll 60_000 300 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let h = Diff.hessian f xs
        Check.tensors "symmetry" 1e-10 h (Tensor.transpose h)
        let flatGrad x = fst (Tree.ravel (Diff.grad f x))
        Check.tensors "jacfwd of grad" 1e-10 h (Diff.jacfwd flatGrad xs)
        Check.tensors "jacrev of grad" 1e-10 h (Diff.jacrev flatGrad xs)
        let v = direction 4 xs
        let product = fst (Tree.ravel (Diff.hvp f xs v))
        Check.tensors "hvp" 1e-10 (Tensor.matmul h (fst (Tree.ravel v))) product
        let diagonal = Tensor.trace h
        Check.tensors "laplacian" 1e-9 diagonal (Diff.laplacian f xs))

[<Fact>]
let ``grad of vmap and vmap of grad equal a loop of grads`` () =
    forAll 70_000 400 (fun p ->
        let f, xs = RandomPrograms.scalar p, batch p
        let expected = stacked (fun k -> Diff.grad f (part k xs))
        Check.trees "vmap of grad" 1e-10 expected (Diff.vmap (Diff.grad f) xs)
        Check.trees "grad of vmap" 1e-10 expected (Diff.grad (fun xs -> Tensor.sum (Diff.vmap f xs)) xs))

[<Fact>]
let ``jvp of vmap equals a loop of jvps`` () =
    forAll 80_000 400 (fun p ->
        let f, xs = RandomPrograms.run p, batch p
        let v = direction 5 xs
        let expected = stacked (fun k -> directionalDerivative f (part k v) (part k xs))
        Check.trees "jvp of vmap" 1e-10 expected (directionalDerivative (Diff.vmap f) v xs))

[<Fact>]
let ``jet of grad equals nested jvps of grad`` () =
    forAll 90_000 300 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let v = direction 6 xs
        let jet = Diff.jet 2 (Diff.grad f) xs v
        let first = directionalDerivative (Diff.grad f) v
        Check.trees "order 0" 1e-10 (Diff.grad f xs) jet[0]
        Check.trees "order 1" 1e-10 (first xs) jet[1]
        Check.trees "order 2" 1e-9 (directionalDerivative first v xs) jet[2])

[<Fact>]
let ``grad of jet equals jet of grad`` () =
    forAll 95_000 300 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let v = direction 6 xs
        let expected = (Diff.jet 2 (Diff.grad f) xs v)[2]
        Check.trees "grad of jet" 1e-9 expected (Diff.grad (fun x -> (Diff.jet 2 f x v)[2]) xs))

[<Fact>]
let ``vmap of jet equals a loop of jets`` () =
    forAll 100_000 300 (fun p ->
        let f, xs = RandomPrograms.run p, batch p
        let v = direction 8 xs
        let flat (jets: Tensor[][]) = Array.concat jets
        let expected = stacked (fun k -> flat (Diff.jet 3 f (part k xs) (part k v)))
        Check.trees "vmap of jet" 1e-9 expected (flat (Diff.vmap (fun (x, v) -> (Diff.jet 3 f x v, v)) (xs, v) |> fst)))

[<Fact>]
let ``compile of hessian equals hessian`` () =
    forAll 110_000 200 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let h = Diff.compile (Diff.hessian f)
        Check.tensors "first call" 1e-10 (Diff.hessian f xs) (h xs)
        let shifted = Check.along xs (direction 9 xs) 1e-3
        Check.tensors "second call, other values" 1e-10 (Diff.hessian f shifted) (h shifted))

[<Fact>]
let ``grad of hvp is the third derivative, which is symmetric`` () =
    forAll 120_000 300 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let u, v, w = direction 10 xs, direction 11 xs, direction 12 xs
        let dot (a: Tensor[]) (b: Tensor[]) = Array.map2 (fun x y -> Tensor.sum (x * y)) a b |> Array.reduce (+)
        let third a b c = Check.inner (Diff.grad (fun x -> dot (Diff.hvp f x a) b) xs) c
        let expected = third u v w
        Check.number "D³f[v, w, u]" 1e-9 expected (third v w u)
        Check.number "D³f[w, u, v]" 1e-9 expected (third w u v)

        let nested = directionalDerivative (directionalDerivative (directionalDerivative f u) v) w xs

        Check.number "nested jvp" 1e-9 expected (nested.item ()))

[<Fact>]
let ``Hessian of a sum of a Hessian equals the Hessian of a second directional derivative`` () =
    forAll 130_000 120 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let ones = xs |> Array.map (fun x -> Tensor.ones x.Shape)
        // Σᵢⱼ Hᵢⱼ = 1ᵀ H 1.
        let expected = Diff.hessian (fun x -> (Diff.jet 2 f x ones)[2]) xs

        Check.tensors
            "hessian of sum of hessian"
            1e-8
            expected
            (Diff.hessian (fun x -> Tensor.sum (Diff.hessian f x)) xs))

[<Fact>]
let ``the forward Laplacian is the trace of the Hessian`` () =
    forAll 150_000 300 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let expected = Tensor.trace (Diff.hessian f xs)
        Check.tensors "Laplacian" 1e-9 expected (Diff.laplacian f xs)
        Check.tensors "sum of terms" 1e-9 expected (Tensor.sum (Diff.laplacianTerms f xs)))

[<Fact>]
let ``a mixed jet holds the mixed derivatives that directional gives`` () =
    forAll 160_000 200 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let u, v = direction 13 xs, direction 14 xs
        let jet = Diff.mixedJet 3 f xs [ u; v ]
        Check.tensors "u u v" 1e-9 jet[[ 2; 1 ]] (Diff.directional f xs [ u; u; v ])
        let nested = directionalDerivative (directionalDerivative (directionalDerivative f v) v) u xs
        Check.tensors "u v v" 1e-9 nested jet[[ 1; 2 ]])

[<Fact>]
let ``programs with axes of length zero`` () =
    forPrograms (ProgramGenerator.generateWith [| 0; 1; 2 |]) 140_000 300 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        let v = direction 1 xs
        let y = f xs
        Check.trees "compile" 1e-12 y (Diff.compile f xs)
        let _, dy = Diff.jvp f xs v
        let ct = direction 2 y
        Check.number "vjp" 1e-10 (Check.inner ct dy) (Check.inner (snd (Diff.vjp f xs) ct) v)
        let many = batch p
        Check.trees "vmap" 1e-10 (stacked (fun k -> f (part k many))) (Diff.vmap f many)
        let jet = Diff.jet 2 f xs v
        Check.trees "jet 1" 1e-10 dy jet[1]

        Check.tensors
            "hessian"
            1e-10
            (Diff.jacfwd (fun x -> fst (Tree.ravel (Diff.grad (RandomPrograms.scalar p) x))) xs)
            (Diff.hessian (RandomPrograms.scalar p) xs))
