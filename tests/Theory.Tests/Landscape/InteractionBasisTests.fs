module Hesse.Theory.Tests.Landscape.InteractionBasisTests

open Xunit
open Hesse
open Hesse.Theory

let private x = Random.normal (Random.key 1) [ 60; 4 ]
let private readout = Random.normal (Random.key 2) [ 3; 4 ]
let private next (h: Tensor) = Tensor.tanh (Tensor.matmul readout h)
let private largest (t: Tensor) = (Tensor.max (Tensor.abs t)).item()

let private values (b: InteractionBasis) (h: Tensor) = Diff.vmap b.Apply h

[<Fact>]
let ``basis functions are uncorrelated, centred, and as large as they matter`` () =
    let basis = InteractionBasis.ofLayer 1e-10 x next
    let f = values basis x
    Assert.InRange(largest (Tensor.meanAxis 0 f), 0.0, 1e-12)
    let covariance = Tensor.matmul (Tensor.transpose f) f / 60.0
    let importance = Tensor.ofArray basis.Importance
    Assert.InRange(largest (covariance - Tensor.eye basis.Importance.Length * importance), 0.0, 1e-12)
    Assert.Equal<float[]>(Array.sortDescending basis.Importance, basis.Importance)

[<Fact>]
let ``for a linear next layer the importance is the spectrum of what it reads`` () =
    let basis = InteractionBasis.ofLayer 1e-10 x (fun h -> Tensor.matmul readout h)
    let out = Tensor.matmul (x - Tensor.meanAxis 0 x) (Tensor.transpose readout)
    let expected = Spectrum.eigenvalues 3 ((Tensor.matmul (Tensor.transpose out) out / 60.0).toArray())
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 11)) expected basis.Importance

[<Fact>]
let ``the functions do not change when activations are transformed and the next layer undoes it`` () =
    let mix = Random.normal (Random.key 3) [ 4; 4 ]
    let mixed = Tensor.matmul x (Tensor.transpose mix)
    let plain = values (InteractionBasis.ofLayer 1e-10 x next) x
    let found = values (InteractionBasis.ofLayer 1e-10 mixed (fun h -> next (Linalg.solve mix h))) mixed
    Assert.InRange(largest (Tensor.abs plain - Tensor.abs found), 0.0, 1e-9)

[<Fact>]
let ``copies of an activation and activations that nobody reads are dropped`` () =
    // Six activations: four, a copy of the first, and one that is not read.
    let unread = Random.normal (Random.key 4) [ 60; 1 ]
    let wide = Tensor.concat 1 [ x; x[*, ..0]; unread ]
    let square = Random.normal (Random.key 5) [ 4; 4 ]
    let basis = InteractionBasis.ofLayer 1e-10 wide (fun h -> Tensor.matmul square h[..3])
    Assert.Equal(4, basis.Importance.Length)

[<Fact>]
let ``misuse is refused by name`` () =
    let message f = Assert.Throws<HesseException>(fun () -> f () |> ignore).Message

    Assert.Contains(
        "InteractionBasis.ofLayer: activations of rank 1",
        message (fun () -> InteractionBasis.ofLayer 1e-10 (Tensor.zeros [ 3 ]) next)
    )

    Assert.Contains("all alike", message (fun () -> InteractionBasis.ofLayer 1e-10 (Tensor.ones [ 3; 4 ]) next))
