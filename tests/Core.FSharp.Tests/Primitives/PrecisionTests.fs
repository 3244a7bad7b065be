module Hesse.Tests.Primitives.PrecisionTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private v32 (xs: float list) = Tensor.toFloat32 (vector xs)
let private three = v32 [ 1.0; 2.0; 3.0 ]

let private isFloat32 (t: Tensor) = Assert.Equal(DType.Float32, t.DType)
let private isFloat64 (t: Tensor) = Assert.Equal(DType.Float64, t.DType)

// ----- making, asking, converting -----

[<Fact>]
let ``values go in and out in either precision`` () =
    let data = [| 0.1f; -3.0f; Single.MaxValue; Single.Epsilon; Single.NaN; Single.PositiveInfinity |]
    let t = Tensor.ofArray32 data
    isFloat32 t
    Assert.Equal<float32[]>(data, t.toArray32 ())
    Assert.Equal<float[]>(Array.map float data, t.toArray ())
    let m = Tensor.create32 [ 2; 2 ] [| 1.0f; 2.0f; 3.0f; 4.0f |]
    isFloat32 m
    Assert.Equal<int[]>([| 2; 2 |], m.Shape)
    isFloat64 (vector [ 1.0 ])
    isFloat64 (Tensor.zeros [ 2 ])

[<Fact>]
let ``toFloat32 rounds to nearest, ties to even, and overflows to infinity`` () =
    let tie = 1.0 + Math.Pow(2.0, -24.0)
    let above = 1.0 + 3.0 * Math.Pow(2.0, -24.0)
    let t = Tensor.toFloat32 (vector [ 0.1; tie; above; 1e300; 1e-300; -0.0 ])
    Assert.Equal<float[]>([| float 0.1f; 1.0; 1.0 + Math.Pow(2.0, -22.0); infinity; 0.0; -0.0 |], t.toArray ())
    Assert.True(Double.IsNegative((t.toArray ())[5]))
    isFloat64 (Tensor.toFloat64 t)
    Assert.Equal<float[]>(t.toArray (), (Tensor.toFloat64 t).toArray())

[<Fact>]
let ``rounding is kept inside one loop`` () =
    // x − float64(float32 x) is the rounding error, not zero, also where the compiler fuses all three.
    let error x = x - Tensor.toFloat64 (Tensor.toFloat32 x)
    let x = vector [ 0.1; 1.0 / 3.0; Math.PI ]
    let expected = [| for v in x.toArray () -> v - float (float32 v) |]
    Assert.Equal<float[]>(expected, (error x).toArray())
    Assert.Equal<float[]>(expected, (Diff.compile error x).toArray())

[<Fact>]
let ``a float32 tensor says so when printed`` () =
    Assert.Equal("Tensor float32 [3] [1; 2; 3]", string three)
    Assert.Equal("float32 0.5", string (Tensor.toFloat32 (scalar 0.5)))

[<Fact>]
let ``elements as float32 are given of float32 tensors only`` () =
    Check.fails
        "toArray32: expected a float32 tensor, got float64 of shape [1]; round it with Tensor.toFloat32, or use toArray"
        (fun () -> (vector [ 0.1 ]).toArray32())

    Check.fails "create32: shape [2] does not hold 1 elements; want 2" (fun () -> Tensor.create32 [ 2 ] [| 1.0f |])

// ----- what mixes -----

[<Fact>]
let ``tensors of different precision do not mix`` () =
    let wide = vector [ 1.0; 2.0; 3.0 ]

    let message op =
        $"{op}: tensors of different dtype do not mix: float32 [3] and float64 [3]; convert one with Tensor.toFloat32 or Tensor.toFloat64"

    Check.fails (message "add") (fun () -> three + wide)
    Check.fails (message "maximum") (fun () -> Tensor.maximum three wide)
    Check.fails (message "matmul") (fun () -> Tensor.matmul three wide)
    Check.fails (message "dot") (fun () -> Tensor.dot three wide)
    Check.fails (message "einsum") (fun () -> Tensor.einsum "i,i->" [ three; wide ])
    Check.fails (message "concat") (fun () -> Tensor.concat 0 [ three; wide ])
    Check.fails (message "add") (fun () -> Diff.grad (fun x -> Tensor.sum (x + wide)) three)
    Check.fails (message "add") (fun () -> Diff.compile (fun (x, y) -> x + y) (three, wide))

[<Fact>]
let ``a direction or cotangent has the precision of what it belongs to`` () =
    Check.fails "jvp: the direction is float64 where float32 is expected; convert it with Tensor.toFloat32" (fun () ->
        Diff.jvp Tensor.tanh three (vector [ 1.0; 1.0; 1.0 ]))

    Check.fails "vjp: the cotangent is float32 where float64 is expected; convert it with Tensor.toFloat64" (fun () ->
        snd (Diff.vjp Tensor.toFloat64 three) three)

[<Fact>]
let ``plain numbers and tensors of one number take the precision of what they meet`` () =
    for f in
        [
            (fun (x: Tensor) -> 2.0 * x)
            (fun x -> x / 3.0 - 1.0)
            (fun x -> x + Tensor.ones [ 3 ])
            (fun x -> Tensor.maximum (Tensor.scalar 0.1) x)
            (fun x -> Tensor.where (Tensor.greater x (Tensor.scalar 1.5)) (Tensor.zeros [ 3 ]) (Tensor.ones [ 3 ]))
            (fun x -> x ** 0.0)
            Tensor.softmax 0
            Tensor.gelu
            Tensor.cumprod 0
        ] do
        isFloat32 (f three)
        isFloat32 (Diff.compile f three)
        isFloat32 (Diff.grad (f >> Tensor.sum) three)
        isFloat64 (f (vector [ 1.0; 2.0; 3.0 ]))

[<Fact>]
let ``a plain number is rounded to the precision that it takes`` () =
    let tenth = Tensor.ofArray32 [| 0.1f |]
    Assert.Equal(1.0, (Tensor.equal tenth (Tensor.scalar 0.1)).item())
    Assert.Equal(1.0, (Diff.compile (fun t -> Tensor.equal t (Tensor.scalar 0.1)) tenth).item())
    Assert.Equal<float32[]>([| 0.1f * 0.1f |], (tenth * 0.1).toArray32())
    // The constant itself keeps all its digits for others.
    let c = Tensor.scalar 0.1
    isFloat32 (tenth * c)
    Assert.Equal(0.1 * 0.1, (Tensor.create [] [| 0.1 |] * c).item())

[<Fact>]
let ``a plain number belongs to the nodes of each precision separately`` () =
    let x = Graph.variableOf DType.Float32 [||]
    let tenth = Graph.full [||] 0.1
    let a = Linear.mul x tenth
    Assert.Same(a, Linear.mul x (Graph.fullOf DType.Float32 [||] 0.1))
    Assert.Equal(DType.Float32, a.Args |> Array.map (fun n -> n.DType) |> Array.distinct |> Array.exactlyOne)

[<Fact>]
let ``masks and indices may be of either precision`` () =
    let wideMask = vector [ 1.0; 0.0; 1.0 ]
    let mask = Tensor.toFloat32 wideMask
    let x, y = vector [ 1.0; 2.0; 3.0 ], vector [ 4.0; 5.0; 6.0 ]
    let expected = (Tensor.where wideMask x y).toArray()

    for m in [ mask; wideMask ] do
        for x, y, dtype in [ x, y, DType.Float64; Tensor.toFloat32 x, Tensor.toFloat32 y, DType.Float32 ] do
            for f in [ id; Diff.compile ] do
                let chosen = f (fun (m, x, y) -> Tensor.where m x y) (m, x, y)
                Assert.Equal(dtype, chosen.DType)
                Assert.Equal<float[]>(expected, chosen.toArray ())

    let indices = vector [ 2.0; 0.0; 2.0 ]

    for i in [ indices; Tensor.toFloat32 indices ] do
        for x, dtype in [ x, DType.Float64; Tensor.toFloat32 x, DType.Float32 ] do
            for f in [ id; Diff.compile ] do
                // Sums first, so that both are buffers of the plan.
                let picked = f (fun (i: Tensor, x: Tensor) -> Tensor.gather 0 (i + i - i) (x + x)) (i, x)
                Assert.Equal(dtype, picked.DType)
                Assert.Equal<float[]>([| 6.0; 2.0; 6.0 |], picked.toArray ())
                let back = Diff.grad (fun x -> Tensor.sum (Tensor.gather 0 i x * x)) x
                Assert.Equal(dtype, back.DType)

[<Fact>]
let ``comparisons and orders have the precision of what is compared`` () =
    isFloat32 (Tensor.greater three (Tensor.scalar 1.0))
    isFloat32 (Tensor.argsort 0 three)
    let values, indices = Tensor.topK 0 2 three
    isFloat32 values
    isFloat32 indices
    Assert.Equal<float[]>([| 2.0; 1.0 |], indices.toArray ())

// ----- derivatives -----

[<Fact>]
let ``derivatives have the precision of what they belong to`` () =
    let f x = Tensor.sum (Tensor.tanh x * x)
    isFloat32 (Diff.grad f three)
    isFloat32 (Diff.hvp f three three)
    isFloat32 (Diff.hessian f three)
    isFloat32 (Diff.jacfwd Tensor.sin three)
    isFloat32 (Diff.jacrev Tensor.sin three)
    isFloat32 (Diff.laplacian f three)
    isFloat32 (Diff.vmap Tensor.sin three)
    Diff.jet 3 Tensor.sin three (Tensor.ones [ 3 ]) |> Array.iter isFloat32
    let _, dy = Diff.jvp Tensor.sin three (Tensor.ones [ 3 ])
    isFloat32 dy
    isFloat32 (Diff.derivative 2 Tensor.sin (Tensor.toFloat32 (scalar 0.3)))
    // Also where they are zero, or constant.
    isFloat32 (
        Diff.grad (fun (x: Tensor) -> Tensor.sum (Tensor.zeros [ 3 ] * 1.0) + 0.0 * Tensor.sum (Tensor.floor x)) three
    )

    isFloat32 (Diff.grad Tensor.sum three)
    let a, b = Diff.grad (fun (a: Tensor, _: Tensor) -> Tensor.sum a) (vector [ 1.0 ], three)
    isFloat64 a
    isFloat32 b
    Assert.Equal<float[]>([| 0.0; 0.0; 0.0 |], b.toArray ())

[<Fact>]
let ``a conversion converts tangents, and cotangents back`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.square (Tensor.toFloat64 x))
    isFloat64 (f three)
    let g = Diff.grad f three
    isFloat32 g
    Assert.Equal<float[]>([| 2.0; 4.0; 6.0 |], g.toArray ())
    let y, dy = Diff.jvp (Tensor.toFloat32 >> Tensor.exp) (vector [ 0.0 ]) (vector [ 0.1 ])
    isFloat32 y
    isFloat32 dy
    Assert.Equal<float[]>([| float 0.1f |], dy.toArray ())
    // The second derivative passes through twice.
    let h = Diff.hessian (fun x -> Tensor.sum (Tensor.toFloat32 (x * x * x))) (vector [ 2.0; 1.0 ])
    isFloat64 h
    Assert.Equal<float[]>([| 12.0; 0.0; 0.0; 6.0 |], h.toArray ())

[<Fact>]
let ``custom derivatives and stopGradient keep the precision`` () =
    let f = Diff.customDerivative Tensor.sin (fun x _ dx -> 2.0 * Tensor.cos x * dx)
    let g = Diff.grad (f >> Tensor.sum) three
    isFloat32 g
    Check.tensors "custom" 1e-6 (2.0 * Tensor.cos three) g
    isFloat32 (Diff.grad (fun x -> Tensor.sum (Tensor.stopGradient x * x)) three)
    isFloat32 (Diff.hessian (fun x -> Tensor.sum (f x * x)) three)

[<Fact>]
let ``compile keeps a plan for each precision`` () =
    let mutable calls = 0

    let f =
        Diff.compile (fun (x: Tensor) ->
            calls <- calls + 1
            x / 3.0)

    let wide = vector [ 1.0; 2.0 ]
    isFloat64 (f wide)
    isFloat32 (f (Tensor.toFloat32 wide))
    isFloat64 (f wide)
    Assert.Equal(2, calls)

[<Fact>]
let ``equal eigenvalues are recognised at the precision of the matrix`` () =
    let a = Tensor.toFloat32 (Tensor.eye 3 * 0.7)
    let g = Diff.grad (fun a -> Tensor.sum (Tensor.square (snd (Linalg.eigh a)))) a
    Assert.True(g.toArray () |> Array.forall Double.IsFinite)

// ----- IEEE arithmetic -----

/// One float32 operation in float64, rounded: the same as in float32, because float64 has more than 2·24 + 2 bits (Figueroa 1995).
[<Fact>]
let ``single operations are those of IEEE 754 binary32, bit for bit`` () =
    let random = Random 5

    let special = [
        0.0f
        -0.0f
        1.0f
        Single.MaxValue
        Single.Epsilon
        1.1754944e-38f
        Single.PositiveInfinity
        Single.NaN
    ]

    let any () =
        match random.Next 20 with
        | 0 -> special[random.Next special.Length]
        | _ -> BitConverter.Int32BitsToSingle(random.Next(Int32.MinValue, Int32.MaxValue))

    let a, b = Array.init 20000 (fun _ -> any ()), Array.init 20000 (fun _ -> any ())
    let x, y = Tensor.ofArray32 a, Tensor.ofArray32 b

    let same (name: string) (expected: float32[]) (actual: Tensor) =
        Array.iteri2
            (fun i (e: float32) (r: float32) ->
                if
                    BitConverter.SingleToInt32Bits e <> BitConverter.SingleToInt32Bits r
                    && not (Single.IsNaN e && Single.IsNaN r)
                then
                    failwith $"{name} of {a[i]:R} and {b[i]:R}: expected {e:R}, got {r:R}")
            expected
            (actual.toArray32 ())

    for name, ofTensors, ofNumbers in
        [
            "add", (fun (x: Tensor, y: Tensor) -> x + y), (fun (p: float32) (q: float32) -> p + q)
            "sub", (fun (x, y) -> x - y), (fun p q -> p - q)
            "mul", (fun (x, y) -> x * y), (fun p q -> p * q)
            "div", (fun (x, y) -> x / y), (fun p q -> p / q)
            "sqrt", (fun (x, _: Tensor) -> Tensor.sqrt x), (fun p _ -> MathF.Sqrt p)
        ] do
        let expected = Array.map2 ofNumbers a b
        same name expected (ofTensors (x, y))
        same $"compiled {name}" expected (Diff.compile ofTensors (x, y))

// ----- other numbers -----

[<Fact>]
let ``exact numbers ignore rounding`` () =
    let f (x: Tensor) = Tensor.toFloat64 (Tensor.toFloat32 (x / 3.0)) * 3.0
    let third = Exact.rational f (vector [ 1.0 ])
    Assert.Equal("1", (third |> Seq.exactlyOne).ToString())

// ----- what stands on tensors -----

[<Fact>]
let ``linear algebra in float32 is near that in float64`` () =
    let a = varied 1 [ 2; 4; 4 ] + 3.0 * Tensor.eye 4
    let b = varied 2 [ 2; 4; 3 ]
    let a32, b32 = Tensor.toFloat32 a, Tensor.toFloat32 b
    let spd (a: Tensor) = Tensor.einsum "bij,bkj->bik" [ a; a ]

    let near name (f: Tensor * Tensor -> Tensor) =
        for g in [ f; Diff.compile f; (fun (a, b) -> fst (Diff.grad (f >> Tensor.sum) (a, b))) ] do
            let actual = g (a32, b32)
            isFloat32 actual
            Check.tensors name 2e-5 (g (a, b)) actual

    near "solve" (fun (a, b) -> Linalg.solve a b)
    near "triangular" (fun (a, b) -> Linalg.triangularSolve true false a b)
    near "inverse" (fun (a, _) -> Linalg.inverse a)
    near "det" (fun (a, _) -> Linalg.det a)
    near "logdet" (fun (a, _) -> Linalg.logdet (spd a))
    near "cholesky" (fun (a, _) -> Linalg.cholesky (spd a))
    near "eigvalsh" (fun (a, _) -> Linalg.eigvalsh (spd a))
    near "qr" (fun (a, _) -> let q, r = Linalg.qr a in q + r)
    near "lstsq" (fun (a, b) -> Linalg.lstsq a b)
    near "expm" (fun (a, _) -> Linalg.expm (a / 8.0))

[<Fact>]
let ``sparse derivatives in float32`` () =
    let f (x: Tensor) = Tensor.square (Tensor.slice 0 1 6 1 x) * Tensor.slice 0 0 5 1 x
    let x = varied 3 [ 6 ]
    let wide, single = Sparse.jacobian f x, Sparse.jacobian f (Tensor.toFloat32 x)
    Assert.Equal<int[]>(wide.Pattern.ColumnIndices, single.Pattern.ColumnIndices)
    Check.arrays "values" 1e-6 wide.Values single.Values

[<Fact>]
let ``a tree of both precisions has gradients and Jacobians, but no one vector`` () =
    let x = vector [ 1.0; 2.0 ], v32 [ 3.0; 4.0 ]
    let f (a: Tensor, b: Tensor) = Tensor.sum (a * a * Tensor.toFloat64 b)
    let a, b = Diff.grad f x
    Assert.Equal<float[]>([| 6.0; 16.0 |], a.toArray ())
    Assert.Equal<float[]>([| 1.0; 4.0 |], b.toArray ())
    isFloat32 b

    let message op =
        $"{op}: tensors of different dtype do not mix: float64 [2] and float32 [2]; convert one with Tensor.toFloat32 or Tensor.toFloat64"

    Check.fails (message "ravel") (fun () -> Tree.ravel x)
    Check.fails (message "hessian") (fun () -> Diff.hessian f x)
    Check.tensors "forward" 0.0 (vector [ 6.0; 16.0; 1.0; 4.0 ]) (Diff.jacfwd f x)
    Check.tensors "reverse" 0.0 (vector [ 6.0; 16.0; 1.0; 4.0 ]) (Diff.jacrev f x)

[<Fact>]
let ``a Jacobian has the precision of the result, a Hessian that of the argument`` () =
    let up (x: Tensor) = Tensor.sin (Tensor.toFloat64 x)
    let down (x: Tensor) = Tensor.sin (Tensor.toFloat32 x)

    for jacobian in [ Diff.jacobian; Diff.jacfwd; Diff.jacrev ] do
        isFloat64 (jacobian up three)
        isFloat32 (jacobian down (Tensor.toFloat64 three))

    isFloat32 (Diff.hessian (up >> Tensor.sum) three)
    isFloat64 (Diff.hessian (down >> Tensor.sum) (Tensor.toFloat64 three))

[<Fact>]
let ``finite differences are refused in float32`` () =
    let message =
        "checkGradients: the function takes or gives float32 tensors, whose rounding hides a derivative from finite differences; check it in float64, with Tensor.toFloat64 of its arguments"

    Check.fails message (fun () -> CheckGradients.check 1 Tensor.tanh three)
    Check.fails message (fun () -> CheckGradients.check 1 Tensor.toFloat32 (vector [ 1.0 ]))

[<Fact>]
let ``structured Hessians and Jacobians keep the precision`` () =
    // Large enough that the structure of the basis is used.
    let x, y = varied 1 [ 64; 16 ], varied 2 [ 64; 4 ]
    let w = varied 3 [ 16 * 48 + 48 * 4 ]

    let loss (x: Tensor) (y: Tensor) (w: Tensor) =
        let a = Tensor.reshape [ 16; 48 ] (Tensor.slice 0 0 (16 * 48) 1 w)
        let b = Tensor.reshape [ 48; 4 ] (Tensor.slice 0 (16 * 48) (16 * 48 + 48 * 4) 1 w)
        Tensor.mean (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul x a)) b - y))

    let single = Tensor.toFloat32
    let expected = Diff.hessian (loss x y) w
    let actual = Diff.hessian (loss (single x) (single y)) (single w)
    isFloat32 actual
    Check.tensors "hessian" 1e-5 expected actual

[<Fact>]
let ``Laplacians, mixed derivatives and implicit functions in float32`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.tanh x * Tensor.square x) * x[0]
    let x, single = vector [ 0.3; -0.7; 0.5 ], v32 [ 0.3; -0.7; 0.5 ]
    let u, v = varied 1 [ 3 ], varied 2 [ 3 ]
    let down = Tensor.toFloat32

    let near name (expected: Tensor) (actual: Tensor) =
        isFloat32 actual
        Check.tensors name 1e-5 expected actual

    near "laplacian" (Diff.laplacian f x) (Diff.laplacian f single)
    near "weights" (Diff.laplacianWith u f x) (Diff.laplacianWith (down u) f single)
    near "plain weights" (Diff.laplacian f x) (Diff.laplacianWith (Tensor.ones [ 3 ]) f single)
    let a = Tensor.outer u u + Tensor.outer v v
    near "matrix" (Diff.laplacianWith a f x) (Diff.laplacianWith (down a) f single)
    near "terms" (Diff.laplacianTerms f x) (Diff.laplacianTerms f single)
    let y, g, l = Diff.valueGradLaplacian f x
    let y', g', l' = Diff.valueGradLaplacian f single
    near "value" y y'
    near "gradient" g g'
    near "sum" l l'
    near "directional" (Diff.directional f x [ u; v; u ]) (Diff.directional f single [ down u; down v; down u ])

    Check.fails
        "laplacianWith: tensors of different dtype do not mix: float64 [3] and float32 [3]; convert one with Tensor.toFloat32 or Tensor.toFloat64"
        (fun () -> Diff.laplacianWith u f single)

    // x³ = a, by Newton's method in the precision of a.
    let cubeRoot =
        Diff.implicitRoot (fun (a: Tensor) (x: Tensor) -> x * x * x - a) (fun a ->
            Seq.fold (fun (x: Tensor) _ -> x - (x * x * x - a) / (3.0 * x * x)) (a / a) (seq { 1..30 }))

    let root (a: Tensor) = Tensor.sum (cubeRoot a)
    near "implicit" (Diff.grad root (vector [ 2.0; 5.0 ])) (Diff.grad root (v32 [ 2.0; 5.0 ]))
    near "implicit, twice" (Diff.hessian root (vector [ 2.0; 5.0 ])) (Diff.hessian root (v32 [ 2.0; 5.0 ]))

[<Fact>]
let ``the rank of a float32 matrix is judged at its precision`` () =
    // Of rank 1 but for rounding to float32.
    let a = Tensor.toFloat32 (Tensor.outer (varied 1 [ 5 ]) (varied 2 [ 4 ]))
    Assert.Equal(1.0, (Linalg.matrixRank a).item())
    Assert.InRange((Linalg.pinv a |> Tensor.abs |> Tensor.max).item(), 0.0, 10.0)
    isFloat32 (Linalg.pinv a)

[<Fact>]
let ``draws are float64, whatever the precision of their parameters`` () =
    let key = Random.key 1
    isFloat64 (Random.normal key [ 3 ])
    let p = vector [ 0.2; 0.5; 0.9 ]
    let classes = Random.categorical key (Tensor.log p) [ 6 ]

    Assert.Equal<float[]>(
        classes.toArray (),
        (Random.categorical key (Tensor.log (Tensor.toFloat32 p)) [ 6 ]).toArray()
    )

    isFloat64 (Random.bernoulli key (Tensor.toFloat32 p) [ 3 ])

// ----- loops -----

[<Fact>]
let ``loops, branches and checkpoints in float32`` () =
    let down = Tensor.toFloat32

    let near name order (f: Tensor -> Tensor) (x: Tensor) =
        let single = down x

        let check what (expected: Tensor) (actual: Tensor) =
            isFloat32 actual
            Check.tensors $"{name}, {what}" (1e-5 * Math.Pow(10.0, order)) expected actual

        check "value" (f x) (f single)
        check "compiled" (f x) (Diff.compile f single)
        check "grad" (Diff.grad (f >> Tensor.sum) x) (Diff.grad (f >> Tensor.sum) single)
        check "hessian" (Diff.hessian (f >> Tensor.sum) x) (Diff.hessian (f >> Tensor.sum) single)
        let pairs = Tensor.stack 0 [ x; 0.5 * x ]
        check "vmap" (Diff.vmap f pairs) (Diff.vmap f (down pairs))
        let second x = Array.last (Diff.jet 2 f x (Tensor.ones [ 3 ]))
        check "jet" (second x) (second single)

    let x = vector [ 0.4; -0.3; 0.8 ]
    let m = 0.3 * varied 1 [ 3; 3 ]
    let like (t: Tensor) (c: Tensor) = if t.DType = DType.Float32 then down c else c

    near
        "scan"
        0.0
        (fun x ->
            let carry, outputs =
                Diff.scan
                    (fun (c: Tensor) (e: Tensor) -> Tensor.tanh (Tensor.matmul (like x m) c + e), c * c)
                    x
                    (Tensor.stack 0 [ x; x * x; -x ])

            carry + Tensor.sumAxis 0 outputs)
        x

    near "iterate" 0.0 (fun x -> Diff.iterate 4 (fun (c: Tensor) -> c - 0.1 * c * c) x) x
    near "cond" 0.0 (fun x -> Diff.cond (Tensor.greater (Tensor.sum x) (scalar 0.0)) Tensor.sin (fun t -> t * t) x) x

    near
        "a number in a branch"
        0.0
        (fun x ->
            Diff.cond (Tensor.greater (Tensor.sum x) (scalar 9.0)) (fun _ -> Tensor.ones [ 3 ]) (fun t -> t * t) x)
        x

    near "checkpoint" 0.0 (Diff.checkpoint (Tensor.tanh >> Tensor.square)) x

    // A carry of each precision.
    let a, b = Diff.iterate 3 (fun (a: Tensor, b: Tensor) -> a * 1.5, b + Tensor.toFloat64 a) (down x, x)
    isFloat32 a
    isFloat64 b

    Check.fails
        "iterate: the carry that the step returns is float64, expected float32; convert it with Tensor.toFloat32 or Tensor.toFloat64"
        (fun () -> Diff.iterate 2 (fun (c: Tensor) -> Tensor.toFloat64 c) (down x))

[<Fact>]
let ``views of float32 buffers at odd and even places`` () =
    let f (x: Tensor) =
        let y = Tensor.exp x

        Tensor.concat 0 [
            for i in 0..4 ->
                Tensor.cumsum 0 (Tensor.slice 0 i (i + 3) 1 y) + Tensor.flip 0 (Tensor.slice 0 i (i + 3) 1 x)
        ]

    let x = Tensor.toFloat32 (varied 5 [ 7 ])
    Check.tensors "views" 1e-6 (f x) (Diff.compile f x)

    let g (x: Tensor) =
        let square = Tensor.matmul x x
        Tensor.matmul (x[1]) (x[2]) + Tensor.matmul (square[1]) (x[0])

    let m = Tensor.toFloat32 (varied 6 [ 3; 3; 3 ])
    Check.tensors "matrices of nine" 1e-6 (g m) (Diff.compile g m)
