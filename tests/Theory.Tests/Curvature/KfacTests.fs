module Hesse.Theory.Tests.Curvature.KfacTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private options = KfacOptions.Default
let private dense options risk point = BlockCurvature.toDense (Kfac.curvature (Kfac.factors options risk point))

let private positions (curvature: BlockCurvature) = curvature.Blocks |> Array.map (fun b -> b.Positions)

/// The blocks of the Gauss–Newton matrix that a curvature has.
let private blocksOfGaussNewton (curvature: BlockCurvature) risk point =
    keepBlocks curvature.Size (positions curvature) (gaussNewton risk point)

let private single loss =
    let risk, point = mlp loss 1 [ 3; 4; 5; 2 ]
    risk, point

// ----- where theory says that it is exact -----

[<Fact>]
let ``one example: every block is that of the Gauss–Newton matrix, for any loss`` () =
    // The third loss is not convex in the outputs.
    let saddle (f: Tensor) (t: Tensor) = Tensor.sum (Tensor.sin f * t + f * f * f)

    for loss in [ Losses.crossEntropy; Losses.meanSquaredError; saddle ] do
        let risk, point = single loss

        for joined in [ true; false ] do
            let options = { options with JoinBiases = joined }
            let kfac = Kfac.factors options risk point
            let curvature = Kfac.curvature kfac
            let expected = blocksOfGaussNewton curvature risk point
            Assert.Equal(3, kfac.Factors.Length)
            Assert.Equal((if joined then 0 else 3), kfac.Others.Length)
            near 1e-12 expected (BlockCurvature.toDense curvature)
            near 1e-12 expected (BlockCurvature.toDense (Ekfac.curvature options risk point))

/// A deep linear network and n inputs.
let private deepLinear n =
    let model (ws: Tensor list) (x: Tensor) = ws |> List.fold Tensor.matmul x
    let ws = [ normal 1 [ 3; 4 ]; normal 2 [ 4; 5 ]; normal 3 [ 5; 2 ] ]
    riskOf 4 model Losses.meanSquaredError (normal 4 [ n; 3 ]) (normal 5 [ n; 2 ]), ws

[<Fact>]
let ``deep linear networks with squared error: exact for any data, since gradients do not depend on them`` () =
    let risk, ws = deepLinear 10
    let curvature = Kfac.curvature (Kfac.factors options risk ws)
    near 1e-12 (blocksOfGaussNewton curvature risk ws) (BlockCurvature.toDense curvature)

[<Fact>]
let ``deep linear networks with cross-entropy are not exact: gradients depend on the data`` () =
    let risk, ws = deepLinear 10
    let risk = riskOf 4 risk.Model Losses.crossEntropy (inputsOf risk) (oneHot 10 2)
    let curvature = Kfac.curvature (Kfac.factors options risk ws)
    let expected = blocksOfGaussNewton curvature risk ws

    let error =
        Array.fold2 (fun m a b -> max m (abs (a - b))) 0.0 expected (BlockCurvature.toDense curvature)

    Assert.True(error > 1e-3)

[<Fact>]
let ``inputs that are all the same: exact for any loss`` () =
    let x = Tensor.broadcastTo [ 6; 3 ] (normal 1 [ 3 ])
    let model (w: Tensor, b: Tensor) x = Tensor.matmul x w + b
    let loss (f: Tensor) (t: Tensor) = Tensor.sum (Tensor.exp (f * t)) / float f.Shape[0]
    let risk = riskOf 4 model loss x (normal 2 [ 6; 2 ])
    let point = normal 3 [ 3; 2 ], normal 4 [ 2 ]
    near 1e-12 (gaussNewton risk point) (dense options risk point)

/// A linear network on sequences, whose loss is a sum over the positions (expand) or that of their mean (reduce).
let private sequences reduce =
    let model (w: Tensor, v: Tensor) (x: Tensor) =
        let y = Tensor.matmul (Tensor.matmul x w) v
        if reduce then Tensor.meanAxis 1 y else Tensor.reshape [ x.Shape[0]; -1 ] y

    let risk =
        riskOf 2 model Losses.meanSquaredError (normal 1 [ 5; 4; 3 ]) (normal 2 [ 5; (if reduce then 2 else 8) ])

    risk, (normal 3 [ 3; 4 ], normal 4 [ 4; 2 ])

[<Fact>]
let ``weight sharing: expand is exact for losses of single places, reduce for means over places, in linear networks``
    ()
    =
    for reduce in [ false; true ] do
        let risk, point = sequences reduce
        let setting = if reduce then WeightSharing.Reduce else WeightSharing.Expand
        let other = if reduce then WeightSharing.Expand else WeightSharing.Reduce
        let curvature = Kfac.curvature (Kfac.factors { options with Sharing = setting } risk point)
        let expected = blocksOfGaussNewton curvature risk point
        near 1e-12 expected (BlockCurvature.toDense curvature)
        let wrong = dense { options with Sharing = other } risk point
        Assert.True(Array.exists2 (fun a b -> abs (a - b) > 1e-3) expected wrong)

/// A convolutional network with a normalisation by fixed statistics, a bias apart, and an embedding: something of everything.
let private mixed n =
    let model (kernel: Tensor, bias: Tensor, gain: Tensor, shift: Tensor, w: Tensor) (x: Tensor) =
        let image = Tensor.reshape [ x.Shape[0]; 2; 4; 4 ] x

        let y =
            Conv.conv2d { ConvOptions.Default with Padding = ConvPadding.Same } image kernel
            + Tensor.reshape [ 3; 1; 1 ] bias

        let h =
            Tensor.tanh (Conv.avgPool2d [ 2 ] [ 2 ] ConvPadding.Valid y) |> Tensor.reshape [ x.Shape[0]; 12 ]

        let centred = h - Tensor.expandDims 1 (Tensor.meanAxis 1 h)

        let normed =
            centred / Tensor.sqrt (Tensor.expandDims 1 (Tensor.meanAxis 1 (Tensor.square centred)) + 0.01)

        Tensor.matmul (normed * gain + shift) w

    let point =
        normal 1 [ 3; 2; 3; 3 ], normal 2 [ 3 ], normal 3 [ 12 ], normal 4 [ 12 ], 0.3 * normal 5 [ 12; 3 ]

    riskOf 2 model Losses.crossEntropy (normal 6 [ n; 32 ]) (oneHot n 3), point

[<Fact>]
let ``a convolution with layer normalisation: kernels and matrices are products, gains and shifts exact blocks`` () =
    let risk, point = mixed 5
    let kfac = Kfac.factors options risk point

    let shapes =
        kfac.Factors
        |> Array.map (fun f -> f.Product.Inputs, f.Product.Outputs, f.Product.Places, f.Product.HasBias)

    Assert.Equal<_ list>([ 19, 3, 16, true; 12, 3, 1, false ], List.ofArray shapes)

    Assert.Equal<string list>(
        [
            "Item3: exact dense block of 12, which is multiplied element by element"
            "Item4: exact dense block of 12, which enters 'add'"
        ],
        kfac.Others |> Array.map (fun b -> b.Description) |> List.ofArray
    )

    let exact = gaussNewton risk point
    let others = keepBlocks kfac.Size (kfac.Others |> Array.map (fun b -> b.Positions)) exact

    near
        1e-11
        others
        (BlockCurvature.toDense (Kfac.curvature kfac)
         |> keepBlocks kfac.Size (kfac.Others |> Array.map (fun b -> b.Positions)))

    Assert.Equal("Item1, Item2: product, 19 × 3 with a bias, 16 places", (Kfac.curvature kfac).Blocks[0].Description)

    // Exact traces in EKFAC, also where parameters are used at several places.
    let ekfac = Ekfac.curvature options risk point
    Assert.Equal(Array.sum (diagonalOf kfac.Size exact), BlockCurvature.trace ekfac, 10)

    // Beyond the limit the exact diagonal.
    let limited = Kfac.factors { options with DenseLimit = 11 } risk point

    Assert.Equal("Item3: exact diagonal of 12, which is multiplied element by element", limited.Others[0].Description)

    near 1e-11 (diagonalOf kfac.Size exact).[57..68] limited.Others[0].Eigenvalues

[<Fact>]
let ``reduce and expand agree with their definitions for a convolution`` () =
    let risk, point = mixed 5
    // Inputs of the convolution: windows of the padded image, channel by channel, with a one.
    let image = Tensor.reshape [ 5; 2; 4; 4 ] (inputsOf risk)
    let units = Tensor.reshape [ 18; 2; 3; 3 ] (Tensor.eye 18)
    let windows = Conv.conv2d { ConvOptions.Default with Padding = ConvPadding.Same } image units
    let columns = Tensor.concat 1 [ Tensor.reshape [ 5; 18; 16 ] windows; Tensor.ones [ 5; 1; 16 ] ]
    let expand = Kfac.factors options risk point
    near 1e-12 ((Tensor.einsum "nir,njr->ij" [ columns; columns ] / 5.0).toArray()) (expand.Factors[0].A.toArray())
    let means = Tensor.meanAxis 2 columns
    let reduce = Kfac.factors { options with Sharing = WeightSharing.Reduce } risk point
    near 1e-12 ((Tensor.einsum "ni,nj->ij" [ means; means ] / 5.0).toArray()) (reduce.Factors[0].A.toArray())

// ----- kinds of output curvature -----

[<Fact>]
let ``Monte-Carlo factors have the exact ones as their mean`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 3 ]
    let exact = Kfac.factors options risk point
    let runs = 60

    let draws =
        Array.init runs (fun i ->
            let kind = OutputCurvature.MonteCarlo(8, Random.fold i (Random.key 5))
            (Kfac.factors { options with Outputs = kind } risk point).Factors[0].G.toArray())

    exact.Factors[0].G.toArray()
    |> Array.iteri (fun e expected ->
        let mean, error = draws |> Array.map (Array.item e) |> meanAndError

        Assert.InRange(expected, mean - 5.0 * error, mean + 5.0 * error)

        Assert.True(error > 0.0))

[<Fact>]
let ``Monte-Carlo draws depend on the key and not on the chunk`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 3 ]
    let withKey seed risk = dense { options with Outputs = OutputCurvature.MonteCarlo(1, Random.key seed) } risk point
    // The Hessian of the softmax is singular: rounding enters its root as a square root.
    near 1e-8 (withKey 1 risk) (withKey 1 (EmpiricalRisk.withOptions (fun o -> { o with Chunk = 3 }) risk))
    Assert.True(Array.exists2 (fun a b -> abs (a - b) > 1e-3) (withKey 1 risk) (withKey 2 risk))

[<Fact>]
let ``the empirical kind has the second moments of the gradients`` () =
    let risk, point = mlp Losses.crossEntropy 1 [ 3; 4; 3 ]

    let curvature =
        Kfac.curvature (Kfac.factors { options with Outputs = OutputCurvature.Empirical } risk point)

    let g = EmpiricalRisk.gradient risk point
    let outer = Array.allPairs g g |> Array.map (fun (a, b) -> a * b)
    near 1e-12 (keepBlocks g.Length (positions curvature) outer) (BlockCurvature.toDense curvature)

[<Fact>]
let ``Monte-Carlo draws of a loss that is not convex, or none of them, are refused`` () =
    let risk, point = mlp (fun f t -> Tensor.sum (Tensor.sin f * t) / float f.Shape[0]) 4 [ 3; 2 ]

    let run draws =
        Kfac.factors { options with Outputs = OutputCurvature.MonteCarlo(draws, Random.key 1) } risk point
        |> ignore

    let e = Assert.Throws<HesseException>(fun () -> run 1)
    Assert.Contains("Kfac.factors: the loss is not convex in the outputs", e.Message)
    Assert.Contains("take OutputCurvature.Exact", e.Message)
    let none = Assert.Throws<HesseException>(fun () -> run 0)
    Assert.Equal("Kfac.factors: 0 Monte-Carlo draws for each example; wanted at least 1", none.Message)

// ----- damping -----

[<Fact>]
let ``factored damping adds to the factors, with π from their traces`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let kfac = Kfac.factors options risk point
    let delta = 0.01
    let expected = Array.zeroCreate (kfac.Size * kfac.Size)

    for f in kfac.Factors do
        let flat (t: Tensor) = Tensor.reshape t.Shape[1..] t
        let a, g = flat f.A, flat f.G

        let pi =
            sqrt ((Tensor.trace a).item() / float a.Shape[0] / ((Tensor.trace g).item() / float g.Shape[0]))

        let damped =
            Tensor.kron (a + pi * sqrt delta * Tensor.eye a.Shape[0]) (g + sqrt delta / pi * Tensor.eye g.Shape[0])

        let values = damped.toArray ()
        let s = f.Product.Positions.Length

        for i in 0 .. s - 1 do
            for j in 0 .. s - 1 do
                expected[f.Product.Positions[i] * kfac.Size + f.Product.Positions[j]] <- values[i * s + j]

    let damped = Kfac.factoredDamping delta kfac
    near 1e-12 expected (BlockCurvature.toDense damped)

    let product =
        Tensor.matmul
            (Tensor.create [ kfac.Size; kfac.Size ] (BlockCurvature.toDense (BlockCurvature.inverse 0.0 damped)))
            (Tensor.create [ kfac.Size; kfac.Size ] expected)

    near 1e-10 ((Tensor.eye kfac.Size).toArray()) (product.toArray ())

    let e = Assert.Throws<HesseException>(fun () -> Kfac.factoredDamping -1.0 kfac |> ignore)
    Assert.Equal("Kfac.factoredDamping: the damping is -1; wanted a number that is not negative", e.Message)

[<Fact>]
let ``a dead layer has factored damping all the same`` () =
    let risk, point = mlp Losses.crossEntropy 5 [ 3; 4; 2 ]

    let dead =
        point |> List.mapi (fun i l -> if i = 1 then { l with Weight = Tensor.zeros l.Weight.Shape } else l)

    let damped = Kfac.factoredDamping 0.01 (Kfac.factors options risk dead)
    Assert.All(BlockCurvature.eigenvalues damped, fun x -> Assert.True(x > 0.0))

// ----- any function -----

[<Fact>]
let ``one vector of parameters, layers that are called twice, and what is unused`` () =
    let model (theta: Tensor) (x: Tensor) =
        let cut first shape = Tensor.reshape shape (Tensor.slice 0 first (first + List.fold (*) 1 shape) 1 theta)
        let layer x = Tensor.tanh (Tensor.matmul x (cut 0 [ 3; 3 ]) + cut 9 [ 3 ])
        Tensor.matmul (layer (layer x)) (cut 12 [ 3; 2 ])

    let risk = riskOf 4 model Losses.meanSquaredError (normal 1 [ 7; 3 ]) (normal 2 [ 7; 2 ])
    let point = normal 3 [ 20 ]
    let kfac = Kfac.factors options risk point

    Assert.Equal<_ list>(
        [ 4, 3, 2; 3, 2, 1 ],
        [ for f in kfac.Factors -> f.Product.Inputs, f.Product.Outputs, f.Product.Places ]
    )

    Assert.Equal(": exact dense block of 2, which is not used", (Assert.Single kfac.Others).Description)
    let ekfac = Ekfac.curvature options risk point
    Assert.Equal(Array.sum (diagonalOf 20 (gaussNewton risk point)), BlockCurvature.trace ekfac, 11)

[<Fact>]
let ``a loop's parameters have an exact block`` () =
    let model (w: Tensor, v: Tensor) (x: Tensor) =
        Tensor.matmul (Diff.iterate 3 (fun h -> Tensor.tanh (Tensor.matmul h w)) x) v

    let risk = riskOf 4 model Losses.meanSquaredError (normal 1 [ 7; 3 ]) (normal 2 [ 7; 2 ])
    let point = normal 3 [ 3; 3 ], normal 4 [ 3; 2 ]
    let kfac = Kfac.factors options risk point
    Assert.Equal("Item1: exact dense block of 9, which enters 'scan'", (Assert.Single kfac.Others).Description)
    let others = [ [| 0..8 |] ]

    near
        1e-11
        (keepBlocks 15 others (gaussNewton risk point))
        (keepBlocks 15 others (BlockCurvature.toDense (Kfac.curvature kfac)))

[<Fact>]
let ``float32 models have float64 factors near those of float64`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]

    let single =
        riskOf 4 risk.Model risk.Loss (Tensor.toFloat32 (inputsOf risk)) (Tensor.toFloat32 (targetsOf risk))

    let expected = dense options risk point
    near 1e-5 expected (dense options single (Tree.map Tensor.toFloat32 point))

    near
        1e-5
        (BlockCurvature.toDense (Ekfac.curvature options risk point))
        (BlockCurvature.toDense (Ekfac.curvature options single (Tree.map Tensor.toFloat32 point)))

[<Fact>]
let ``a loss that adds up has n times the curvature`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]

    for joined in [ true; false ] do
        let options = { options with JoinBiases = joined }
        let times = Array.map (fun x -> 10.0 * x)
        near 1e-12 (times (dense options risk point)) (dense options (summed risk) point)
        let corrected risk = BlockCurvature.toDense (Ekfac.curvature options risk point)
        near 1e-12 (times (corrected risk)) (corrected (summed risk))

[<Fact>]
let ``compiled factors serve every point`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let at = Kfac.compile options risk point
    let other = point |> Tree.map (fun t -> 0.7 * t + 0.1)
    near 1e-13 (dense options risk other) (BlockCurvature.toDense (Kfac.curvature (at other)))
    near 1e-13 (dense options risk point) (BlockCurvature.toDense (Kfac.curvature (at point)))
