module Hesse.Tests.Derivatives.DirectionalTests

open Hesse
open Hesse.Tests
open Xunit

let private along v g x = snd (Diff.jvp g x v)
let private nested f x directions = (directions |> List.fold (fun g v -> along v g) f) x

let private network (x: Tensor, w: Tensor) =
    Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.sin x)) / (1.5 + Tensor.exp x[0]))

let private point = varied 1 [ 4 ], varied 2 [ 3; 4 ]

let private u, private v, private w =
    let direction s = varied s [ 4 ], varied (s + 5) [ 3; 4 ]
    direction 3, direction 4, direction 5

let private cases = [
    "none", []
    "one", [ u ]
    "two different", [ u; v ]
    "two equal", [ u; u ]
    "three different", [ u; v; w ]
    "u u v", [ u; u; v ]
    "u v u w", [ u; v; u; w ]
    "four equal", [ v; v; v; v ]
    "u u v v", [ u; u; v; v ]
    "five", [ u; v; w; u; w ]
]

[<Fact>]
let ``every route gives the nested derivative`` () =
    for what, directions in cases do
        let expected = nested network point directions
        Check.tensors what 1e-10 expected (Diff.directional network point directions)

        for route in Directional.routes "directional" network point directions do
            Check.tensors $"{what} by {route.Name}" 1e-10 expected (route.Run())

[<Fact>]
let ``the routes that there are`` () =
    let names directions = Directional.routes "directional" network point directions |> Array.map (fun r -> r.Name)
    Assert.Equal<string[]>([| "multivariate jet" |], names [ u ])
    Assert.Equal<string[]>([| "multivariate jet"; "nested jvp"; "gradient of a jet" |], names [ u; u; u ])

    Assert.Equal<string[]>(
        [| "multivariate jet"; "nested jvp"; "polarised jets"; "gradient of a jet" |],
        names [ u; v; u ]
    )

[<Fact>]
let ``a function to a tree has its derivative in every tensor`` () =
    let f (x: Tensor) = {| Square = x * x; Wave = [ Tensor.sin x; Tensor.ones [ 2 ] ] |}
    let x, a, b = varied 1 [ 3 ], varied 2 [ 3 ], varied 3 [ 3 ]
    let d = Diff.directional f x [ a; b ]
    Check.tensors "square" 1e-14 (2.0 * a * b) d.Square
    Check.tensors "sine" 1e-14 (-(Tensor.sin x) * a * b) d.Wave[0]
    Check.tensors "constant" 0.0 (Tensor.zeros [ 2 ]) d.Wave[1]

[<Fact>]
let ``the derivative of a product of k linear forms is the permanent`` () =
    // D³ Π ⟨aᵢ, x⟩ [v₁, v₂, v₃] = Σ over permutations of Π ⟨aᵢ, v_σ(i)⟩.
    let a = [ for s in 1..3 -> varied s [ 4 ] ]
    let f (x: Tensor) = a |> List.map (fun a -> Tensor.dot a x) |> List.reduce (*)
    let vs = [ for s in 4..6 -> varied s [ 4 ] ]
    let m i j : float = (Tensor.dot a[i] vs[j]).item()

    let permanent =
        [ 0, 1, 2; 0, 2, 1; 1, 0, 2; 1, 2, 0; 2, 0, 1; 2, 1, 0 ]
        |> List.sumBy (fun (i, j, k) -> m 0 i * m 1 j * m 2 k)

    Check.number "permanent" 1e-13 permanent ((Diff.directional f (varied 7 [ 4 ]) vs).item())

[<Fact>]
let ``polarisation reproduces products of powers`` () =
    // Π sᵢ^mᵢ · k!/(…) : the identity Σ weight (Σ rowᵢ sᵢ)ᵏ = Π sᵢ^mᵢ must hold for all numbers s.
    let s = [| 0.7; -1.3; 0.4 |]

    for times in [ [| 1; 1 |]; [| 2; 1 |]; [| 2; 2 |]; [| 1; 1; 1 |]; [| 3; 1; 2 |]; [| 2; 2; 2 |] ] do
        let k = Array.sum times

        let total =
            Directional.polarisation times
            |> Array.sumBy (fun (row, weight) ->
                weight * pown (Array.fold2 (fun t r s -> t + r * s) 0.0 row s[.. row.Length - 1]) k)

        let factorial = Seq.fold (fun f n -> f * float n) 1.0 [ 1..k ]
        let expected = Array.fold2 (fun p m s -> p * pown s m) 1.0 times s[.. times.Length - 1]
        Check.number $"%A{times}" 1e-13 (factorial * expected) total

[<Fact>]
let ``inside other transformations`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.exp (Tensor.sin x) * x)
    let x, a, b = varied 1 [ 3 ], varied 2 [ 3 ], varied 3 [ 3 ]
    let mixed x = Diff.directional f x [ a; b ]
    Check.tensors "grad" 1e-12 (Diff.grad (fun x -> nested f x [ a; b ]) x) (Diff.grad mixed x)
    Check.tensors "compile" 1e-13 (mixed x) (Diff.compile mixed x)
    let xs = varied 4 [ 5; 3 ]
    Check.tensors "vmap" 1e-13 (Tensor.stack 0 [ for i in 0..4 -> mixed xs[i] ]) (Diff.vmap mixed xs)
    // The directions may be differentiated too: D²f is symmetric and bilinear.
    Check.tensors "in a direction" 1e-12 (Diff.hvp f x b) (Diff.grad (fun a -> Diff.directional f x [ a; b ]) a)

[<Fact>]
let ``a direction of another shape`` () =
    Check.fails
        "directional: the direction has shapes [2], expected [3]; give one tensor of the same shape for each"
        (fun () -> Diff.directional Tensor.exp (varied 1 [ 3 ]) [ varied 1 [ 3 ]; varied 1 [ 2 ] ])
