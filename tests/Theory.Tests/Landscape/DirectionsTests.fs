module Hesse.Theory.Tests.Landscape.DirectionsTests

open Xunit
open Hesse
open Hesse.Theory

let private layers = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]

let private columnNorms (t: Tensor) = (Tensor.sqrt (Tensor.sumAxis 0 (t * t))).toArray()

let private near (a: float[]) (b: float[]) = Array.iter2 (fun (x: float) y -> Assert.Equal(x, y, 1e-13)) a b

[<Fact>]
let ``filters of a normalised direction have the norms of the weights, biases stay`` () =
    let d = Directions.filterNormalise layers (Directions.gaussian (Random.key 2) layers)

    List.iter2
        (fun w d ->
            near (columnNorms w.Weight) (columnNorms d.Weight)
            Assert.All(d.Bias.toArray (), fun x -> Assert.Equal(0.0, x)))
        layers
        d

[<Fact>]
let ``kernels are normalised by output channel`` () =
    let w = Random.normal (Random.key 1) [ 3; 2; 2; 2 ]
    let d = Directions.filterNormalise w (Directions.gaussian (Random.key 2) w)
    let norms (t: Tensor) = (Tensor.sqrt (Tensor.sumAxes [ 1; 2; 3 ] (t * t))).toArray()
    near (norms w) (norms d)

[<Fact>]
let ``a ReLU network and a rescaled copy of it have the same normalised profile`` () =
    // Filter i of the first layer times c, its outgoing weights over c: the same function, and the same line in function space.
    let c = Tensor.ofArray [| 2.0; 0.5; 3.0; 1.0 |]
    let first, second = layers[0], layers[1]

    let rescaled = [
        { first with Weight = first.Weight * c }
        { second with Weight = second.Weight / Tensor.reshape [ 4; 1 ] c }
    ]

    let x, y = Random.normal (Random.key 3) [ 9; 3 ], Random.normal (Random.key 4) [ 9; 2 ]
    let loss l = Losses.meanSquaredError (Mlp.apply Tensor.relu l x) y
    // Only the first layer's direction: the filters of the second layer are not scaled as a whole.
    let direction l =
        let d = Directions.gaussian (Random.key 5) l

        Directions.filterNormaliseWith
            (fun path w -> if path.StartsWith "[0]" then Directions.filterAxis path w else None)
            l
            d

    let steps = [| -1.0; -0.3; 0.0; 0.4; 1.0 |]

    near
        (LossSurface.along loss layers (direction layers) steps)
        (LossSurface.along loss rescaled (direction rescaled) steps)

[<Fact>]
let ``vectors become trees in the order of ravel`` () =
    let flat, _ = Tree.ravel layers
    let tree = Directions.ofVector layers (flat.toArray ())

    Array.iter2
        (fun (a: Tensor) (b: Tensor) -> Assert.Equal<float[]>(a.toArray (), b.toArray ()))
        (Tree.leaves layers)
        (Tree.leaves tree)

    let single = Tree.map Tensor.toFloat32 layers

    Assert.All(
        Tree.leaves (Directions.ofVector single (flat.toArray ())),
        fun t -> Assert.Equal(DType.Float32, t.DType)
    )

    Assert.All(Tree.leaves (Directions.gaussian (Random.key 1) single), fun t -> Assert.Equal(DType.Float32, t.DType))
    let e = Assert.Throws<HesseException>(fun () -> Directions.ofVector layers [| 1.0 |] |> ignore)
    Assert.Contains("a vector of 1 numbers for 26 parameters", e.Message)

[<Fact>]
let ``a filter of zeros has a direction of zeros, and a direction of zeros stays`` () =
    let w = Tensor.create [ 2; 2 ] [| 0.0; 1.0; 0.0; 1.0 |]
    let d = Directions.filterNormalise w (Tensor.create [ 2; 2 ] [| 3.0; 0.0; 4.0; 0.0 |])
    Assert.Equal<float[]>([| 0.0; 0.0; 0.0; 0.0 |], d.toArray ())
