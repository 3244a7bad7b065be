module Hesse.Theory.Tests.Curvature.DiagonalTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private n = 45

let private matrix =
    withSpectrum 51 (Array.init n (fun i -> 3.0 * exp (-0.4 * float i) + 0.01 * cos (float i)))

let private operator = LinearOperator.ofMatrix n matrix
let private expected = Array.init n (fun i -> matrix[i * n + i])

[<Fact>]
let ``exact, in batches`` () =
    let d = Diagonal.exact operator
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 13)) expected d.Values
    Assert.Equal(n, d.Products)
    Assert.Equal(Certainty.Rigorous, d[3].Certainty)

[<Fact>]
let ``a tridiagonal matrix takes two products, whatever its size`` () =
    let size = 31

    let loss (x: Tensor) =
        let a, b = Tensor.slice 0 0 (size - 1) 1 x, Tensor.slice 0 1 size 1 x
        Tensor.sum (Tensor.sin (a * b)) + Tensor.sum (x * x * x)

    let x = Random.normal (Random.key 52) [ size ]
    let hessian = LinearOperator.hessian loss x
    let pattern = Sparse.pattern (Diff.grad loss) x
    let d = Diagonal.ofPattern pattern hessian
    Assert.Equal(2, d.Products)
    let dense = Diff.hessian loss x
    Array.iteri (fun i (v: float) -> Assert.Equal((dense.toArray ())[i * size + i], v, 12)) d.Values

[<Fact>]
let ``estimates are unbiased and scatter as they say`` () =
    for name, method in [ "hutchinson", Diagonal.hutchinson; "xDiag", Diagonal.xDiag ] do
        let all = Array.init 200 (fun t -> method operator (Random.fold t (Random.key 53)) 16)
        Assert.All(all, fun d -> Assert.Equal(16, d.Products))

        for i in 0..9 do
            let e = all |> Array.map (fun d -> d.Values[i]) |> Estimate.ofSamples
            Assert.True(abs (e.Value - expected[i]) < 4.5 * e.StandardError, $"{name} {i}: {e.Value} for {expected[i]}")
            let said = all |> Array.averageBy (fun d -> d.StandardErrors[i] * d.StandardErrors[i]) |> sqrt
            Assert.InRange(said / (e.StandardError * sqrt 200.0), 0.5, 1.7)

[<Fact>]
let ``XDiag is better than Hutchinson at equal cost on a decaying spectrum`` () =
    let error (d: VectorEstimate) = Array.fold2 (fun s a b -> s + (a - b) * (a - b)) 0.0 d.Values expected

    let mean method =
        Array.init 20 (fun t -> error (method operator (Random.fold t (Random.key 54)) 20)) |> Array.average

    Assert.True(5.0 * mean Diagonal.xDiag < mean Diagonal.hutchinson)

/// XDiag by its definition: for each probe a basis of the images of the others.
[<Fact>]
let ``XDiag is its naive definition`` () =
    let key, k = Random.key 55, 5
    let probes = Probes.rademacher key n k
    let images = Probes.apply operator probes k

    let single i =
        let others = [|
            for j in 0 .. k - 1 do
                if j <> i then
                    yield! Array.sub images (j * n) n
        |]

        let rank = Vectors.orthonormalise n [||] 0 others (k - 1)
        let on = Probes.apply operator others rank
        let probe, rest = Array.sub probes (i * n) n, Array.sub images (i * n) n
        Vectors.subtract n others 0 rank (Vectors.gram n others 0 rank rest 0 1) rest 0 1

        Array.init n (fun j ->
            Seq.sum (seq { for a in 0 .. rank - 1 -> others[a * n + j] * on[a * n + j] }) + probe[j] * rest[j])

    let naive = Array.init k single
    let fast = Diagonal.xDiag operator key (2 * k)

    for j in 0 .. n - 1 do
        let e = naive |> Array.map (fun d -> d[j]) |> Estimate.ofSamples
        Assert.Equal(e.Value, fast.Values[j], 11)
        Assert.Equal(e.StandardError, fast.StandardErrors[j], 11)

[<Fact>]
let ``low rank is exact, and mistakes are told`` () =
    let a = withSpectrum 56 (Array.init 30 (fun i -> if i < 3 then 2.0 else 0.0))
    let d = Diagonal.xDiag (LinearOperator.ofMatrix 30 a) (Random.key 57) 10
    Array.iteri (fun i (v: float) -> Assert.Equal(a[i * 30 + i], v, 10)) d.Values
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("at least 4", message (fun () -> Diagonal.xDiag operator (Random.key 1) 2))
    let small = Sparse.pattern (fun (x: Tensor) -> x * x) (Tensor.zeros [ 3 ])
    Assert.Contains("wanted [45; 45]", message (fun () -> Diagonal.ofPattern small operator))
