namespace Hesse.Tests

open System
open Hesse

/// Comparisons that name what differs, finite differences, inner products, and expected errors.
module Check =
    let private same (a: float) (b: float) = a = b || (Double.IsNaN a && Double.IsNaN b)

    /// Every element within tolerance · (1 + largest finite |expected|). NaN equals NaN, and an infinity itself.
    let arrays (what: string) (tolerance: float) (expected: float[]) (actual: float[]) =
        if expected.Length <> actual.Length then
            failwith $"{what}: expected {expected.Length} elements, got {actual.Length}"

        let scale = expected |> Array.fold (fun m x -> if Double.IsFinite x then max m (abs x) else m) 0.0

        let worst =
            Array.map2 (fun e a -> if same e a then 0.0 else abs (e - a)) expected actual
            |> Array.indexed
            |> Array.filter (fun (_, d) -> not (d <= tolerance * (1.0 + scale)))

        if worst.Length > 0 then
            let i, d = worst |> Array.maxBy (fun (_, d) -> if Double.IsNaN d then infinity else d)

            failwith
                $"{what}: {worst.Length} of {expected.Length} elements differ; element {i} is {actual[i]:R}, expected {expected[i]:R} (difference {d:G3}, tolerance {tolerance * (1.0 + scale):G3})"

    let shapes (what: string) (expected: int[]) (actual: int[]) =
        if expected <> actual then
            failwith $"{what}: expected shape {Shape.show expected}, got {Shape.show actual}"

    /// Shapes equal, and elements as in `arrays`.
    let tensors (what: string) (tolerance: float) (expected: Tensor) (actual: Tensor) =
        shapes what expected.Shape actual.Shape
        arrays what tolerance (expected.toArray ()) (actual.toArray ())

    /// Corresponding tensors of two trees.
    let trees (what: string) (tolerance: float) (expected: 'T) (actual: 'T) =
        let e, a = Tree.leaves expected, Tree.leaves actual

        if e.Length <> a.Length then
            failwith $"{what}: expected {e.Length} tensors, got {a.Length}"

        Array.iteri2 (fun i x y -> tensors $"{what}, tensor {i}" tolerance x y) e a

    /// |actual − expected| ≤ tolerance · (1 + |expected|).
    let number (what: string) (tolerance: float) (expected: float) (actual: float) =
        arrays what tolerance [| expected |] [| actual |]

    /// ⟨a, b⟩ over all tensors of two trees.
    let inner (a: 'T) (b: 'T) =
        Array.fold2
            (fun total (x: Tensor) (y: Tensor) ->
                total + Array.fold2 (fun s p q -> s + p * q) 0.0 (x.toArray ()) (y.toArray ()))
            0.0
            (Tree.leaves a)
            (Tree.leaves b)

    /// Derivative at t = 0 by the central difference of six points: error O(h⁶) plus rounding of about 10⁻¹⁶/h.
    let difference (h: float) (f: float -> float[]) : float[] =
        let d k = Array.map2 (fun p m -> p - m) (f (float k * h)) (f (float -k * h))
        let d1, d2, d3 = d 1, d 2, d 3
        Array.init d1.Length (fun i -> (45.0 * d1[i] - 9.0 * d2[i] + d3[i]) / (60.0 * h))

    /// All elements of a tree, in order.
    let elements (tree: 'T) = Tree.leaves tree |> Array.collect (fun t -> t.toArray ())

    /// x + h·v, tensor by tensor.
    let along (x: 'T) (v: 'T) (h: float) : 'T = Tree.map2 (fun (a: Tensor) b -> a + h * b) x v

    /// Runs f and demands the one user-facing exception with exactly this message.
    let fails (message: string) (f: unit -> 'a) =
        let got =
            try
                f () |> ignore
                None
            with :? HesseException as e ->
                Some e.Message

        match got with
        | Some m when m = message -> ()
        | Some m -> failwith $"expected the error\n  {message}\ngot\n  {m}"
        | None -> failwith $"expected the error\n  {message}\nbut nothing failed"

/// Short ways to make tensors in tests.
[<AutoOpen>]
module internal Make =
    let scalar (x: float) = Tensor.scalar x
    let vector (xs: float list) = Tensor.ofArray (Array.ofList xs)

    /// A tensor of a shape with values that differ: sin-spaced, reproducible, in (−1, 1).
    let varied (seed: int) (shape: int list) =
        let n = List.fold (*) 1 shape
        Tensor.create shape (Array.init n (fun i -> Math.Sin(1.0 + 1.7 * float i + 0.9 * float seed)))

    /// The same, of the shape and precision of a tensor.
    let variedLike (seed: int) (t: Tensor) =
        let v = varied seed (List.ofArray t.Shape)
        if t.DType = DType.Float32 then Tensor.toFloat32 v else v

    /// The same, in (0.5, 1.5).
    let positive (seed: int) (shape: int list) = 1.0 + 0.5 * varied seed shape
