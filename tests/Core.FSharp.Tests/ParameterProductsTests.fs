module Hesse.Tests.ParameterProductsTests

open Xunit
open Hesse

let private normal seed shape = Random.normal (Random.key seed) shape

/// A scalar of some result, so that there is a gradient.
let private scalarOf (y: Tensor) =
    let weights = normal 99 y.Shape
    Tensor.sum (weights * y)

/// The gradient that products promise, at their positions; NaN where no product speaks.
let private promised (observed: ObservedFunction<'P, 'X, Tensor>) (p: 'P) (x: 'X) (total: int) =
    let g = Diff.grad (fun shifts -> scalarOf (fst (observed.Apply(p, x, shifts)))) observed.NoShifts
    let _, a = observed.Apply(p, x, observed.NoShifts)
    let result = Array.create total nan

    observed.Products
    |> Array.iteri (fun k product ->
        let values = (Tensor.einsum "dri,dro->dio" [ a[k]; g[k] ]).toArray()
        Assert.Equal<int seq>([| product.Groups; product.Places; product.Inputs |], a[k].Shape)
        Array.iter2 (fun position value -> result[position] <- value) product.Positions values)

    result

/// Checks the promise against the gradient, that every parameter is spoken of once, and that zero shifts change nothing.
let private check join (f: 'P -> Tensor -> Tensor) (p: 'P) (x: Tensor) =
    let observed = ParameterProducts.observe join f p x
    let theta, _ = Tree.ravel p
    let expected = (fst (Tree.ravel (Diff.grad (fun p -> scalarOf (f p x)) p))).toArray()
    let actual = promised observed p x theta.Size
    let others = observed.Others |> Array.collect (fun o -> o.Positions)
    let spoken = Array.append others (observed.Products |> Array.collect (fun p -> p.Positions))
    Assert.Equal<int seq>([| 0 .. theta.Size - 1 |], Array.sort spoken)
    let isOther = System.Collections.Generic.HashSet others

    Array.iteri2
        (fun i (e: float) a ->
            if not (isOther.Contains i) then
                Assert.Equal(e, a, 10))
        expected
        actual

    let y = fst (observed.Apply(p, x, observed.NoShifts))
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 12)) ((f p x).toArray()) (y.toArray ())
    observed

let private shapesOf (observed: ObservedFunction<'P, 'X, Tensor>) =
    observed.Products
    |> Array.map (fun p -> p.Groups, p.Inputs, p.Outputs, p.Places, p.HasBias)
    |> List.ofArray

let private layer (w: Tensor, b: Tensor) x = Tensor.matmul x w + b

let private network (p: (Tensor * Tensor) list) x = p |> List.fold (fun x l -> Tensor.tanh (layer l x)) x

[<Fact>]
let ``layers are products, with the bias as one more input`` () =
    let p = [ normal 1 [ 3; 4 ], normal 2 [ 4 ]; normal 3 [ 4; 2 ], normal 4 [ 2 ] ]
    let observed = check true network p (normal 5 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 4, 4, 1, true; 1, 5, 2, 1, true ], shapesOf observed)
    Assert.Empty observed.Others

[<Fact>]
let ``rows of an input are places; a vector has one`` () =
    let p = [ normal 1 [ 3; 4 ], normal 2 [ 4 ] ]
    Assert.Equal<_ list>([ 1, 4, 4, 6, true ], shapesOf (check true network p (normal 5 [ 6; 3 ])))
    Assert.Equal<_ list>([ 1, 4, 4, 1, true ], shapesOf (check true network p (normal 5 [ 3 ])))

[<Fact>]
let ``a bias on its own is among the others, with the reason`` () =
    let p = [ normal 1 [ 3; 4 ], normal 2 [ 4 ] ]
    let observed = check false network p (normal 5 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 3, 4, 1, false ], shapesOf observed)
    let other = Assert.Single observed.Others
    Assert.Equal(1, other.Leaf)
    Assert.Equal("enters 'add'", other.Reason)
    Assert.Equal<int seq>([ 12; 13; 14; 15 ], other.Positions)

[<Fact>]
let ``scaled, transposed and subtracted parameters are found`` () =
    let f (w: Tensor, b: Tensor) (x: Tensor) = 0.5 * Tensor.matmul (3.0 * Tensor.transpose w) x - 0.1 * b

    Assert.Equal<_ list>(
        [ 1, 4, 2, 1, true ],
        shapesOf (check true f (normal 1 [ 3; 2 ], normal 2 [ 2 ]) (normal 3 [ 3 ]))
    )

    let g (w: Tensor, b: Tensor) (x: Tensor) = b - Tensor.reshape [ 2; 2 ] (Tensor.matmul x -w)

    Assert.Equal<_ list>(
        [ 1, 4, 4, 1, true ],
        shapesOf (check true g (normal 1 [ 3; 4 ], normal 2 [ 2; 2 ]) (normal 3 [ 3 ]))
    )

[<Fact>]
let ``one vector that is cut into matrices is found`` () =
    let f (theta: Tensor) (x: Tensor) =
        let cut first shape = Tensor.reshape shape (Tensor.slice 0 first (first + List.fold (*) 1 shape) 1 theta)

        Tensor.matmul (Tensor.tanh (Tensor.matmul x (cut 0 [ 3; 4 ]) + cut 12 [ 4 ])) (cut 16 [ 4; 2 ])

    let observed = check true f (normal 1 [ 24 ]) (normal 2 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 4, 4, 1, true; 1, 4, 2, 1, false ], shapesOf observed)
    Assert.Empty observed.Others

[<Fact>]
let ``a layer that is called twice is one product with more places`` () =
    let twice (l: Tensor * Tensor) x = Tensor.tanh (layer l (Tensor.tanh (layer l x)))
    let observed = check true twice (normal 1 [ 3; 3 ], normal 2 [ 3 ]) (normal 3 [ 5; 3 ])
    Assert.Equal<_ list>([ 1, 4, 3, 10, true ], shapesOf observed)

[<Fact>]
let ``a matrix and its transpose are different roles`` () =
    let tied (w: Tensor) x = Tensor.matmul (Tensor.tanh (Tensor.matmul x w)) (Tensor.transpose w)
    let observed = check true tied (normal 1 [ 3; 2 ]) (normal 2 [ 1; 3 ])
    Assert.Empty observed.Products
    Assert.Equal("meets several products in different roles", (Assert.Single observed.Others).Reason)

[<Fact>]
let ``parameters that multiply parameters meet products too`` () =
    let f (w: Tensor, v: Tensor) x = Tensor.tanh (Tensor.matmul x (Tensor.matmul w v))
    let observed = check true f (normal 1 [ 3; 4 ], normal 2 [ 4; 2 ]) (normal 3 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 4, 3, 2, false; 1, 4, 2, 3, false ], shapesOf observed)

    let square =
        check true (fun (w: Tensor) x -> Tensor.matmul x (Tensor.matmul w w)) (normal 1 [ 3; 3 ]) (normal 3 [ 1; 3 ])

    Assert.Equal("meets several products in different roles", (Assert.Single square.Others).Reason)

[<Fact>]
let ``a bias that two layers share is not joined`` () =
    let f (w: Tensor, v: Tensor, b: Tensor) x = layer (v, b) (Tensor.tanh (layer (w, b) x))
    let observed = check true f (normal 1 [ 3; 3 ], normal 2 [ 3; 3 ], normal 3 [ 3 ]) (normal 4 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 3, 3, 1, false; 1, 3, 3, 1, false ], shapesOf observed)

[<Fact>]
let ``a product that somebody else reads keeps its bias apart`` () =
    let f (w: Tensor, b: Tensor) x =
        let p = Tensor.matmul x w
        Tensor.tanh (p + b) * p

    let observed = check true f (normal 1 [ 3; 4 ], normal 2 [ 4 ]) (normal 4 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 3, 4, 1, false ], shapesOf observed)
    Assert.Single observed.Others |> ignore

[<Fact>]
let ``convolutions: windows are the inputs, groups are apart`` () =
    let conv groups (w: Tensor, b: Tensor) (x: Tensor) =
        let y = Conv.conv2d { ConvOptions.Default with Groups = groups } x w
        Tensor.tanh (y + Tensor.reshape [ b.Size; 1; 1 ] b)

    let image = normal 1 [ 1; 4; 5; 5 ]
    let plain = check true (conv 1) (normal 2 [ 6; 4; 3; 3 ], normal 3 [ 6 ]) image
    Assert.Equal<_ list>([ 1, 37, 6, 9, true ], shapesOf plain)
    let grouped = check true (conv 2) (normal 2 [ 6; 2; 3; 3 ], normal 3 [ 6 ]) image
    Assert.Equal<_ list>([ 2, 19, 3, 9, true ], shapesOf grouped)
    let depthwise = check true (conv 4) (normal 2 [ 4; 1; 3; 3 ], normal 3 [ 4 ]) image
    Assert.Equal<_ list>([ 4, 10, 1, 9, true ], shapesOf depthwise)

[<Fact>]
let ``heads of an attention are products, whether as one matrix or as a batch of matrices`` () =
    let attention (q: Tensor, k: Tensor, v: Tensor) (x: Tensor) =
        let project (w: Tensor) = Tensor.einsum "td,hde->hte" [ x; w ]
        let scores = Tensor.einsum "hte,hse->hts" [ project q; project k ]
        Tensor.einsum "hts,hse->hte" [ Tensor.softmax 2 scores; project v ]

    let weights seed = normal seed [ 2; 4; 3 ]
    let observed = check true attention (weights 1, weights 2, weights 3) (normal 4 [ 5; 4 ])
    Assert.Equal<_ list>(List.replicate 3 (1, 4, 6, 5, false), shapesOf observed)

[<Fact>]
let ``inputs of width one are products all the same`` () =
    let p = [ normal 1 [ 1; 4 ], normal 2 [ 4 ] ]
    Assert.Equal<_ list>([ 1, 2, 4, 1, true ], shapesOf (check true network p (normal 5 [ 1; 1 ])))

[<Fact>]
let ``what meets no product is among the others, each with its reason`` () =
    let f (w: Tensor, gain: Tensor, raw: Tensor, unused: Tensor, table: Tensor) (x: Tensor) =
        ignore unused
        let h = Tensor.matmul x (Tensor.exp raw) * gain
        Tensor.matmul h w + Tensor.gather 0 (Tensor.argmax 1 x) table

    let p = normal 1 [ 4; 2 ], normal 2 [ 4 ], normal 3 [ 3; 4 ], normal 4 [ 5 ], normal 5 [ 3; 2 ]
    let observed = check true f p (normal 6 [ 1; 3 ])
    Assert.Equal<_ list>([ 1, 4, 2, 1, false ], shapesOf observed)

    Assert.Equal<_ list>(
        [ 1, "is multiplied element by element"; 2, "enters 'exp'"; 3, "is not used"; 4, "enters 'gather'" ],
        observed.Others |> Array.map (fun o -> o.Leaf, o.Reason) |> List.ofArray
    )

[<Fact>]
let ``parameters of a loop are among the others`` () =
    let f (w: Tensor) (x: Tensor) = Diff.iterate 3 (fun h -> Tensor.tanh (Tensor.matmul h w)) x
    let observed = check true f (normal 1 [ 3; 3 ]) (normal 2 [ 1; 3 ])
    Assert.Equal("enters 'scan'", (Assert.Single observed.Others).Reason)

[<Fact>]
let ``float32 parameters are found`` () =
    let p = [ Tensor.toFloat32 (normal 1 [ 3; 4 ]), Tensor.toFloat32 (normal 2 [ 4 ]) ]
    let observed = ParameterProducts.observe true network p (Tensor.toFloat32 (normal 5 [ 1; 3 ]))
    Assert.Equal<_ list>([ 1, 4, 4, 1, true ], shapesOf observed)
    Assert.Equal(p[0] |> fst |> _.DType, observed.NoShifts[0].DType)

[<Fact>]
let ``an observed function can be batched, differentiated and compiled`` () =
    let p = [ normal 1 [ 3; 4 ], normal 2 [ 4 ]; normal 3 [ 4; 2 ], normal 4 [ 2 ] ]
    let observed = ParameterProducts.observe true network p (normal 5 [ 1; 3 ])
    let xs = normal 6 [ 7; 1; 3 ]

    let slopes x =
        Diff.grad (fun s -> scalarOf (fst (observed.Apply(p, x, s)))) observed.NoShifts,
        snd (observed.Apply(p, x, observed.NoShifts))

    let g, a = (Diff.compile (Diff.vmap slopes)) xs
    let gradient x = fst (Tree.ravel (Diff.grad (fun p -> scalarOf (network p x)) p))
    let expected = (Diff.vmap gradient xs).toArray()

    let actual = Tensor.einsum "ndri,ndro->ndio" [ a[0]; g[0] ]

    Array.iteri
        (fun e position -> Assert.Equal(expected[3 * 26 + position], actual.toArray().[3 * 16 + e], 12))
        observed.Products[0].Positions

[<Fact>]
let ``arguments of other shapes are refused`` () =
    let p = [ normal 1 [ 3; 4 ], normal 2 [ 4 ] ]
    let observed = ParameterProducts.observe true network p (normal 5 [ 1; 3 ])

    let e =
        Assert.Throws<HesseException>(fun () -> observed.Apply(p, normal 6 [ 2; 3 ], observed.NoShifts) |> ignore)

    Assert.Contains("observe: the argument has shapes", e.Message)
