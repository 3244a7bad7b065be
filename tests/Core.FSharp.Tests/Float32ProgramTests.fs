/// Random programs in float32: each transformation gives what it gives in float64, to the rounding of float32.
///
/// Values are at most 6 and programs have some ten operations, each of moderate condition: a rounding of 2⁻²⁴ grows to a few
/// hundred of them for values and first derivatives, and by a factor of ten with each further order.
module Hesse.Tests.Float32ProgramTests

open System
open Hesse
open Xunit

let private requested =
    match Int32.TryParse(Environment.GetEnvironmentVariable "HESSE_RANDOM_PROGRAMS") with
    | true, n when n > 0 -> Some n
    | _ -> None

let private forAll first count (property: RandomProgram -> unit) =
    let error program =
        try
            property program
            None
        with e ->
            Some e

    for seed in first .. first + defaultArg requested count - 1 do
        let program = ProgramGenerator.generateFloat32 seed

        match error program with
        | None -> ()
        | Some _ ->
            let small = RandomPrograms.shrink (fun p -> (error p).IsSome) program
            failwith $"seed {seed}: {(error small).Value.Message}\n{RandomPrograms.print small}"

let private rounding = Math.Pow(2.0, -24.0)

let private tolerance order = 500.0 * Math.Pow(10.0, float order) * rounding

let private direction seed (xs: Tensor[]) = xs |> Array.mapi (fun i x -> variedLike (seed + 7 * i) x)

let private wide (xs: Tensor[]) = Array.map Tensor.toFloat64 xs

/// Results of the same transformation in both precisions; those in float32 must be of the precision that the twin's are converted from.
let private near (what: string) order (expected: Tensor[]) (actual: Tensor[]) =
    Check.trees what (tolerance order) expected (wide actual)

/// The program and its inputs in both precisions.
let private both (p: RandomProgram) =
    let q = RandomPrograms.inFloat64 p
    struct (p, RandomPrograms.inputs p, q, RandomPrograms.inputs q)

[<Fact>]
let ``values, eager and compiled`` () =
    forAll 200_000 600 (fun p ->
        let struct (p, xs, q, ws) = both p
        let expected = RandomPrograms.run q ws
        let eager = RandomPrograms.run p xs
        let compiled = Diff.compile (RandomPrograms.run p) xs
        near "eager" 0 expected eager
        near "compiled" 0 expected compiled
        Array.iter2 (fun (e: Tensor) (c: Tensor) -> Assert.Equal(e.DType, c.DType)) eager compiled)

[<Fact>]
let ``forward and reverse mode`` () =
    forAll 210_000 400 (fun p ->
        let struct (p, xs, q, ws) = both p
        let v = direction 1 xs
        let y, dy = Diff.jvp (RandomPrograms.run p) xs v
        let _, expected = Diff.jvp (RandomPrograms.run q) ws (wide v)
        near "jvp" 1 expected dy
        Array.iter2 (fun (y: Tensor) (dy: Tensor) -> Assert.Equal(y.DType, dy.DType)) y dy
        let ct = direction 2 y
        let pulled = (snd (Diff.vjp (RandomPrograms.run p) xs)) ct
        near "vjp" 1 ((snd (Diff.vjp (RandomPrograms.run q) ws)) (wide ct)) pulled
        Array.iter2 (fun (x: Tensor) (g: Tensor) -> Assert.Equal(x.DType, g.DType)) xs pulled
        let linear = snd (Diff.linearize (RandomPrograms.run p) xs)
        near "linearize" 1 expected (linear v))

[<Fact>]
let ``second derivatives`` () =
    forAll 220_000 200 (fun p ->
        let struct (p, xs, q, ws) = both p
        let f, g = RandomPrograms.scalar p, RandomPrograms.scalar q
        near "grad" 1 (Diff.grad g ws) (Diff.grad f xs)
        near "hessian" 2 [| Diff.hessian g ws |] [| Diff.hessian f xs |]
        let v = direction 3 xs
        near "hvp, compiled" 2 (Diff.hvp g ws (wide v)) (Diff.compile (fun x -> Diff.hvp f x v) xs))

[<Fact>]
let ``jets`` () =
    forAll 230_000 200 (fun p ->
        let struct (p, xs, q, ws) = both p
        let v = direction 4 xs
        let jet = Diff.jet 3 (RandomPrograms.run p) xs v
        let expected = Diff.jet 3 (RandomPrograms.run q) ws (wide v)
        Array.iteri2 (fun k e a -> near $"jet {k}" k e a) expected jet)

[<Fact>]
let ``vmap, and vmap of grad`` () =
    forAll 240_000 200 (fun p ->
        let struct (p, xs, q, _) = both p
        let batch = xs |> Array.map (fun x -> Tensor.stack 0 [ x; x ])
        near "vmap" 0 (Diff.vmap (RandomPrograms.run q) (wide batch)) (Diff.vmap (RandomPrograms.run p) batch)

        near
            "vmap of grad"
            1
            (Diff.vmap (Diff.grad (RandomPrograms.scalar q)) (wide batch))
            (Diff.vmap (Diff.grad (RandomPrograms.scalar p)) batch))
