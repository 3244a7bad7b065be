module Hesse.Theory.Tests.Models.TransformerTests

open Xunit
open Hesse
open Hesse.Theory

let private shape = {
    Vocabulary = 3
    Length = 4
    Width = 4
    Heads = 2
    Blocks = 2
    Hidden = 5
    Causal = true
}

let private tokens rows = Random.integers (Random.key 1) shape.Vocabulary [ rows; shape.Length ]
let private logits shape weights x = Transformer.apply shape Tensor.gelu weights x
let private distance (a: Tensor) (b: Tensor) = (Tensor.max (Tensor.abs (a - b))).item()
let private at place (t: Tensor) = Tensor.slice 1 place (place + 1) 1 t

[<Fact>]
let ``the parameters are as many as counted`` () =
    let weights = Transformer.init (Random.key 2) 1.0 shape
    Assert.Equal(Transformer.parameterCount shape, (fst (Tree.ravel weights)).Size)
    Assert.Equal<int[]>([| 6; 4; 3 |], (logits shape weights (tokens 6)).Shape)

[<Fact>]
let ``a causal transformer does not look ahead, another one does`` () =
    let weights = Transformer.init (Random.key 3) 1.0 shape
    let x = Tensor.create [ 1; 4 ] [| 0.0; 1.0; 2.0; 0.0 |]
    let y = Tensor.create [ 1; 4 ] [| 0.0; 1.0; 2.0; 1.0 |]
    let change shape = logits shape weights x, logits shape weights y
    let a, b = change shape

    for place in 0..2 do
        Assert.Equal(0.0, distance (at place a) (at place b))

    Assert.True(distance (at 3 a) (at 3 b) > 1e-3)
    let a, b = change { shape with Causal = false }
    Assert.True(distance (at 0 a) (at 0 b) > 1e-3)

[<Fact>]
let ``without places and mask, outputs move with their tokens`` () =
    let shape = { shape with Causal = false }
    let weights = Transformer.init (Random.key 4) 1.0 shape
    let weights = { weights with Places = Tensor.zeros weights.Places.Shape }
    let order = Tensor.ofArray [| 2.0; 0.0; 3.0; 1.0 |]
    let x = tokens 5
    let moved = logits shape weights (Tensor.gather 1 order x)
    Assert.True(distance (Tensor.gather 1 order (logits shape weights x)) moved < 1e-12)

[<Fact>]
let ``queries of zero give every place the mean of the values that it sees`` () =
    let weights = Transformer.init (Random.key 5) 1.0 shape
    let block = weights.Blocks.Head
    let nothing = { Weight = Tensor.zeros [ 4; 4 ]; Bias = Tensor.zeros [ 4 ] }
    let identity = { Weight = Tensor.eye 4; Bias = Tensor.zeros [ 4 ] }

    let block = { block with Query = nothing; Value = identity; Mix = identity }

    let x = Random.normal (Random.key 6) [ 2; 4; 4 ]
    let seen = Transformer.attention shape block x

    for place in 0..3 do
        let before = Tensor.slice 1 0 (place + 1) 1 x
        Assert.True(distance (at place seen) (Tensor.expandDims 1 (Tensor.meanAxis 1 before)) < 1e-12)

[<Fact>]
let ``normalised vectors have mean 0 and variance 1, scaled and shifted`` () =
    let x = 7.0 + 3.0 * Random.normal (Random.key 7) [ 5; 50 ]
    let plain = { Scale = Tensor.ones [ 50 ]; Shift = Tensor.zeros [ 50 ] }
    let y = Transformer.normalise plain x
    Assert.True(distance (Tensor.meanAxis 1 y) (Tensor.zeros [ 5 ]) < 1e-12)
    Assert.True(distance (Tensor.varianceAxis 1 y) (Tensor.ones [ 5 ]) < 1e-4)
    let other = { Scale = 2.0 * Tensor.ones [ 50 ]; Shift = Tensor.ones [ 50 ] }
    Assert.True(distance (Transformer.normalise other x) (2.0 * y + 1.0) < 1e-12)

/// Sequences that say what came before: the target at a place is the token before it, and 0 at the first.
let private recall rows =
    let x = tokens rows
    let before = Tensor.concat 1 [ Tensor.zeros [ rows; 1 ]; Tensor.slice 1 0 3 1 x ]
    x, Tensor.reshape [ rows; 4; 3 ] (Tensor.oneHot 3 (Tensor.flatten before))

let private small = { shape with Blocks = 1 }

let private risk rows =
    let x, targets = recall rows

    EmpiricalRisk.createWith
        { RiskOptions.Default with Chunk = 5 }
        (Transformer.apply small Tensor.gelu)
        Transformer.crossEntropy
        x
        targets

[<Fact>]
let ``curvature of a transformer: products, splits and spectra are those of the dense Hessian`` () =
    let risk = risk 12
    let weights = Transformer.init (Random.key 8) 1.0 small
    EmpiricalRisk.checkRows 1e-9 risk weights
    let hessian = Curvature.hessian risk weights
    let n = hessian.Size
    let dense = LinearOperator.toDense 32 hessian

    let direct =
        Tensor.toArray (
            Diff.hessian
                (fun v ->
                    (let _, back = Tree.ravel weights in
                     let x, t = recall 12 in
                     Transformer.crossEntropy (logits small (back v) x) t))
                (fst (Tree.ravel weights))
        )

    let size = direct |> Array.map abs |> Array.max

    for i in 0 .. n * n - 1 do
        Assert.True(abs (dense[i] - direct[i]) < 1e-11 * size)

    let v = (Random.normal (Random.key 9) [ n ]).toArray()
    let product = hessian.Apply v

    let gaussNewton, rest =
        (Curvature.gaussNewton risk weights).Apply v, (Curvature.functional risk weights).Apply v

    let difference = (FiniteDifference.ofRisk risk weights).Apply v

    for i in 0 .. n - 1 do
        Assert.Equal(product[i], gaussNewton[i] + rest[i], 1e-11)
        Assert.Equal(product[i], difference[i], 1e-6)

    let values = Spectrum.eigenvalues n dense |> Array.sort
    let top = Eigenpairs.compute { Eigenpairs.defaults with Tolerance = 1e-9; Key = Random.key 10 } hessian
    Assert.Equal(Array.last values, top.Pairs[0].Value, 1e-8)

[<Fact>]
let ``the Kronecker factors of a transformer are at its products`` () =
    let weights = Transformer.init (Random.key 11) 1.0 small
    let kfac = Kfac.factors KfacOptions.Default (risk 6) weights
    // Query, key, value, mix, up, down and head.
    Assert.Equal(7, kfac.Factors.Length)
    let curvature = BlockCurvature.operator (Kfac.curvature kfac)
    let dense = LinearOperator.toDense 32 curvature
    let values = Spectrum.eigenvalues curvature.Size dense
    Assert.True(Array.min values > -1e-10 * Array.max values)

[<Fact>]
let ``a small transformer learns to recall the token before, and its sharpness is certified`` () =
    let x, targets = recall 40
    let loss weights = Transformer.crossEntropy (logits small weights x) targets

    let trained =
        Diff.compile
            (Diff.iterate 600 (fun w -> Tree.map2 (fun w g -> w - 0.3 * g) w (Diff.grad loss w)))
            (Transformer.init (Random.key 12) 1.0 small)

    Assert.True((loss trained).item() < 0.1, $"loss {(loss trained).item()}")

    let top =
        Eigenpairs.compute { Eigenpairs.defaults with Tolerance = 1e-6 } (LinearOperator.hessian loss trained)

    Assert.True(top.Converged && top.Pairs[0].Value > 0.0)

[<Fact>]
let ``wrong shapes are named`` () =
    let fails (text: string) (act: unit -> obj) =
        let e = Assert.Throws<HesseException>(fun () -> act () |> ignore)
        Assert.Contains(text, e.Message)

    fails "a width that is a multiple of the heads" (fun () ->
        Transformer.init (Random.key 1) 1.0 { shape with Heads = 3 } :> obj)

    let weights = Transformer.init (Random.key 1) 1.0 shape
    fails "tokens of shape [2; 3], wanted [n; 4]" (fun () -> logits shape weights (Tensor.zeros [ 2; 3 ]) :> obj)

    fails "a width that is a multiple of the heads" (fun () ->
        logits { shape with Heads = 0 } weights (Tensor.zeros [ 2; 4 ]) :> obj)

    fails "x of shape [4], wanted [n; length; 4]" (fun () ->
        Transformer.attention shape weights.Blocks.Head (Tensor.zeros [ 4 ]) :> obj)

    fails "wanted the same shape [n; length; vocabulary]" (fun () ->
        Transformer.crossEntropy (Tensor.zeros [ 2; 4; 3 ]) (Tensor.zeros [ 2; 4 ]) :> obj)
