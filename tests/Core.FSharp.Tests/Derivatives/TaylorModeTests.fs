module Hesse.Tests.Derivatives.TaylorModeTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private f (x: Tensor, w: Tensor) = {|
    Wave = Tensor.sin (Tensor.matmul w x)
    Ratio = Tensor.sum x / (2.0 + Tensor.sum (w * w))
|}

let private point = varied 1 [ 3 ], varied 2 [ 2; 3 ]
let private directions = [ for s in 3..5 -> varied s [ 3 ], varied (s + 9) [ 2; 3 ] ]
let private along v g x = snd (Diff.jvp g x v)

[<Fact>]
let ``a mixed jet holds every mixed partial derivative, as nested jvps give them`` () =
    let jet = Diff.mixedJet 3 f point directions
    // C(3 + 3, 3) multi-indices.
    Assert.Equal(20, jet.Count)

    for KeyValue(index, y) in jet do
        let expected =
            List.zip index directions
            |> List.fold (fun g (times, v) -> List.fold (fun g _ -> along v g) g [ 1..times ]) f

        Check.trees $"{index}" 1e-11 (expected point) y

[<Fact>]
let ``in one direction a mixed jet is a jet, and of order 0 the value`` () =
    let jet = Diff.jet 4 f point directions[0]

    for KeyValue(index, y) in Diff.mixedJet 4 f point [ directions[0] ] do
        Check.trees $"{index}" 1e-13 jet[index[0]] y

    let value = Diff.mixedJet 0 f point directions
    Assert.Equal<int list seq>([ [ 0; 0; 0 ] ], value.Keys)
    Check.trees "value" 1e-14 (f point) value[[ 0; 0; 0 ]]

[<Fact>]
let ``jetSeries of a line is the jet over factorials`` () =
    let zero = Tree.map (fun t -> Tensor.zeros t.Shape) point
    let coefficients = Diff.jetSeries f [| point; directions[0]; zero; zero |]
    let derivatives = Diff.jet 3 f point directions[0]

    for k, factorial in [ 0, 1.0; 1, 1.0; 2, 2.0; 3, 6.0 ] do
        Check.trees $"order {k}" 1e-12 derivatives[k] (Tree.map (fun t -> factorial * t) coefficients[k])

[<Fact>]
let ``jetSeries composes: the series of g ∘ f is that of g along the series of f`` () =
    let x = [| for s in 0..4 -> varied s [ 3 ] |]
    let f (x: Tensor) = Tensor.exp (x * x)
    let g (y: Tensor) = Tensor.sum (Tensor.sqrt (1.0 + y))
    Check.trees "composition" 1e-12 (Diff.jetSeries (f >> g) x) (Diff.jetSeries g (Diff.jetSeries f x))

[<Fact>]
let ``jetSeries of exp solves y' = x' y`` () =
    // exp(t + t²/2) has coefficients with (k + 1) y_{k+1} = y_k + y_{k−1}.
    let y =
        Diff.jetSeries Tensor.exp [| scalar 0.0; scalar 1.0; scalar 0.5; scalar 0.0; scalar 0.0; scalar 0.0 |]
        |> Array.map (fun t -> t.item ())

    Check.number "y₀" 1e-15 1.0 y[0]

    for k in 0..4 do
        let before = if k = 0 then 0.0 else y[k - 1]
        Check.number $"y_{k + 1}" 1e-14 ((y[k] + before) / float (k + 1)) y[k + 1]

[<Fact>]
let ``mixed jets and series are themselves differentiable`` () =
    let g (x: Tensor) = Tensor.sum (Tensor.sin x * x)
    let x, u, v = varied 1 [ 3 ], varied 2 [ 3 ], varied 3 [ 3 ]
    let mixed x = (Diff.mixedJet 2 g x [ u; v ])[[ 1; 1 ]]
    Check.tensors "grad of a mixed partial" 1e-12 (Diff.grad (along u (along v g)) x) (Diff.grad mixed x)
    let second x = (Diff.jetSeries g [| x; u; v |])[2]
    let expected x = 0.5 * along u (along u g) x + along v g x
    Check.tensors "grad of a series coefficient" 1e-12 (Diff.grad expected x) (Diff.grad second x)

[<Fact>]
let ``errors`` () =
    let x = varied 1 [ 3 ]
    Check.fails "mixedJet: order is -1; want at least 0" (fun () -> Diff.mixedJet -1 Tensor.exp x [ x ])

    Check.fails
        "mixedJet: the direction has shapes [2], expected [3]; give one tensor of the same shape for each"
        (fun () -> Diff.mixedJet 1 Tensor.exp x [ x; varied 1 [ 2 ] ])

    Check.fails "jetSeries: got no coefficients; give at least x₀" (fun () -> Diff.jetSeries Tensor.exp [||])

    Check.fails
        "jetSeries: the coefficient has shapes [2], expected [3]; give one tensor of the same shape for each"
        (fun () -> Diff.jetSeries Tensor.exp [| x; varied 1 [ 2 ] |])
