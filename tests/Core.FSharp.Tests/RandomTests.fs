module Hesse.Tests.RandomTests

open System
open Hesse
open Xunit

let private key = Random.key 7

[<Fact>]
let ``same key, same numbers; another key, others`` () =
    Check.tensors "uniform" 0.0 (Random.uniform key [ 5 ]) (Random.uniform (Random.key 7) [ 5 ])
    Assert.NotEqual<float[]>((Random.uniform key [ 5 ]).toArray(), (Random.uniform (Random.key 8) [ 5 ]).toArray())

[<Fact>]
let ``a longer draw begins with the shorter one, and shapes only arrange it`` () =
    let long = (Random.normal key [ 12 ]).toArray()
    Assert.Equal<float[]>(long[..4], (Random.normal key [ 5 ]).toArray())
    Assert.Equal<float[]>(long, (Random.normal key [ 3; 4 ]).toArray())

[<Fact>]
let ``split keys are distinct from each other and from their parent`` () =
    let keys = Array.append [| key |] (Random.split 100 key)
    let draws = keys |> Array.map (fun k -> (Random.uniform k [ 1 ]).item())
    Assert.Equal(101, (Array.distinct draws).Length)
    Assert.Equal(Random.fold 3 key, (Random.split 5 key)[3])

/// Mean of n draws of standard deviation σ is within 5σ/√n.
let private meanIs expected deviation (xs: float[]) =
    let error = abs (Array.average xs - expected)
    let limit = 5.0 * deviation / Math.Sqrt(float xs.Length)
    Assert.True(error < limit, $"mean is off by {error}, limit {limit}")

let private count = 200_000

[<Fact>]
let ``uniform has the moments of the uniform distribution`` () =
    let xs = (Random.uniform key [ count ]).toArray()
    Assert.All(xs |> Array.truncate 1000, fun x -> Assert.InRange(x, 0.0, 1.0 - 1e-16))
    meanIs 0.5 (Math.Sqrt(1.0 / 12.0)) xs
    meanIs (1.0 / 3.0) (Math.Sqrt(4.0 / 45.0)) (xs |> Array.map (fun x -> x * x))
    // Neighbours are uncorrelated.
    meanIs 0.0 (1.0 / 12.0) (Array.pairwise xs |> Array.map (fun (a, b) -> (a - 0.5) * (b - 0.5)))

[<Fact>]
let ``normal has the moments of the standard normal`` () =
    let xs = (Random.normal key [ count ]).toArray()
    meanIs 0.0 1.0 xs
    meanIs 1.0 (Math.Sqrt 2.0) (xs |> Array.map (fun x -> x * x))
    meanIs 0.0 (Math.Sqrt 15.0) (xs |> Array.map (fun x -> x * x * x))
    meanIs 3.0 (Math.Sqrt 96.0) (xs |> Array.map (fun x -> x * x * x * x))
    Assert.All(xs, fun x -> Assert.True(Double.IsFinite x))

[<Fact>]
let ``rademacher is ±1, evenly`` () =
    let xs = (Random.rademacher key [ count ]).toArray()
    Assert.All(xs |> Array.truncate 1000, fun x -> Assert.Equal(1.0, abs x))
    meanIs 0.0 1.0 xs

[<Fact>]
let ``integers are whole, in range, evenly`` () =
    let xs = (Random.integers key 6 [ count ]).toArray()
    Assert.True(xs |> Array.forall (fun x -> x = Math.Floor x && x >= 0.0 && x < 6.0))

    for face in 0..5 do
        meanIs (1.0 / 6.0) (Math.Sqrt(5.0 / 36.0)) (xs |> Array.map (fun x -> if x = float face then 1.0 else 0.0))

    Assert.True((Random.integers key 1 [ 20 ]).toArray() |> Array.forall ((=) 0.0))

[<Fact>]
let ``permutation is a permutation, and every first element is equally likely`` () =
    Assert.Equal<int[]>([| 0..19 |], Array.sort (Random.permutation key 20))
    Assert.Equal<int[]>([||], Random.permutation key 0)
    Assert.Equal<int[]>([| 0 |], Random.permutation key 1)
    let firsts = Random.split 20_000 key |> Array.map (fun k -> (Random.permutation k 4)[0])

    for i in 0..3 do
        meanIs 0.25 (Math.Sqrt(3.0 / 16.0)) (firsts |> Array.map (fun f -> if f = i then 1.0 else 0.0))

[<Fact>]
let ``values are frozen: the same on every machine and in every version`` () =
    let first = (Random.uniform (Random.key 0) [ 3 ]).toArray()
    Assert.Equal<float[]>([| 0.10991000655677596; 0.31095448856307495; 0.025137432797965764 |], first)
    Assert.Equal<int[]>([| 1; 2; 0; 4; 6; 3; 7; 5 |], Random.permutation (Random.key 1) 8)
    Assert.Equal<float[]>([| 294.0; 536.0; 592.0; 720.0 |], (Random.integers (Random.key 2) 1000 [ 4 ]).toArray())

    Assert.Equal<float[]>(
        [| 1.0; -1.0; 1.0; 1.0; 1.0; -1.0; -1.0; 1.0 |],
        (Random.rademacher (Random.fold 3 (Random.key 2)) [ 8 ]).toArray()
    )

[<Fact>]
let ``normal numbers are frozen too: nothing in them depends on the machine`` () =
    // The last digit is that of the kernels' logarithm and cosine, which RandomStepTests holds to the same bits for every width.
    let expected = [|
        -2.036044307580615
        0.43173952996553816
        0.9068330450536284
        1.1667985264773029
        0.38957758060171427
        0.20202241097820967
    |]

    Assert.Equal<float[]>(expected, (Random.normal (Random.key 5) [ 6 ]).toArray())

/// Largest distance between the empirical and the true distribution function, against the level 0.001 (Kolmogorov; Smirnov 1948).
let private kolmogorovSmirnov (cdf: float -> float) (xs: float[]) =
    let n = float xs.Length

    let distance =
        Array.sort xs
        |> Array.mapi (fun i x -> max (abs (cdf x - float i / n)) (abs (cdf x - float (i + 1) / n)))
        |> Array.max

    let limit = Math.Sqrt(-0.5 * Math.Log(0.001 / 2.0)) / Math.Sqrt n
    Assert.True(distance < limit, $"Kolmogorov-Smirnov distance {distance}, limit {limit}")

let private phi x = MathNet.Numerics.Distributions.Normal.CDF(0.0, 1.0, x)

[<Fact>]
let ``distribution functions (Kolmogorov-Smirnov at level 0.001)`` () =
    let n = 50_000
    let draws (draw: Key -> int seq -> Tensor) i = (draw (Random.fold i key) [ n ]).toArray()
    kolmogorovSmirnov id (draws Random.uniform 1)
    kolmogorovSmirnov phi (draws Random.normal 2)
    kolmogorovSmirnov (fun x -> 1.0 - Math.Exp -x) (draws Random.exponential 3)
    kolmogorovSmirnov (fun x -> Math.Exp -(Math.Exp -x)) (draws Random.gumbel 4)

    // One interval for each of the proposals: wide, two-sided narrow, tail, short piece of a tail, left tail, half line.
    for lower, upper in
        [
            -2.0, 3.0
            -0.5, 0.7
            3.0, infinity
            4.0, 4.1
            -infinity, -2.0
            0.0, infinity
            -infinity, infinity
        ] do
        let mass = phi upper - phi lower
        let upperMass x = phi -x - (if Double.IsInfinity upper then 0.0 else phi -upper)

        // Of the smaller tail, so that no digits are lost.
        let cdf x =
            if lower >= 0.0 then
                1.0 - upperMass x / upperMass lower
            else
                (phi x - phi lower) / mass

        let xs = draws (fun k shape -> Random.truncatedNormal k lower upper shape) 5
        Assert.All(xs |> Array.truncate 1000, fun x -> Assert.InRange(x, lower, upper))
        kolmogorovSmirnov cdf xs

[<Fact>]
let ``streams of split keys are independent of each other and of their parent`` () =
    let n = 20_000
    let centred k = (Random.uniform k [ n ]).toArray() |> Array.map (fun u -> u - 0.5)
    let streams = Array.append [| key |] (Random.split 8 key) |> Array.map centred

    for i in 0 .. streams.Length - 1 do
        for j in 0 .. i - 1 do
            meanIs 0.0 (1.0 / 12.0) (Array.map2 (*) streams[i] streams[j])

    // The first draw of many sibling keys is a uniform stream as well; so is that of a chain of keys.
    kolmogorovSmirnov id ((Random.uniform (Random.splitKeys n key) []).toArray())
    let chain = Array.replicate 2000 1 |> Array.scan (fun k i -> Random.fold i k) key
    kolmogorovSmirnov id (chain |> Array.map (fun k -> (Random.uniform k [ 1 ]).item()))

[<Fact>]
let ``bernoulli, categorical and its excluded classes`` () =
    let b = (Random.bernoulli key (scalar 0.3) [ count ]).toArray()
    meanIs 0.3 (Math.Sqrt 0.21) b
    let logits = vector [ 0.0; Math.Log 2.0; -infinity; Math.Log 5.0 ]
    let drawn = (Random.categorical key logits [ 40_000 ]).toArray()

    for k, p in [ 0.0, 0.125; 1.0, 0.25; 2.0, 0.0; 3.0, 0.625 ] do
        meanIs p (Math.Sqrt(p * (1.0 - p) + 1e-12)) (drawn |> Array.map (fun d -> if d = k then 1.0 else 0.0))

    // Several rows of logits, several draws of each.
    let rows = Tensor.create [ 2; 2 ] [| 0.0; -infinity; -infinity; 0.0 |]

    Check.tensors
        "rows"
        0.0
        (Tensor.create [ 3; 2 ] [| 0.0; 1.0; 0.0; 1.0; 0.0; 1.0 |])
        (Random.categorical key rows [ 3 ])

[<Fact>]
let ``unit vectors are uniform on the sphere`` () =
    let n, d = 20_000, 3
    let v = Random.sphere key d [ n ]
    Check.shapes "sphere" [| n; d |] v.Shape
    Check.tensors "length" 1e-15 (Tensor.ones [ n ]) (Tensor.sumAxis 1 (v * v))
    let xs = v.toArray ()

    // Archimedes: each coordinate of a point on S² is uniform on [−1, 1].
    for j in 0..2 do
        kolmogorovSmirnov (fun x -> (x + 1.0) / 2.0) (Array.init n (fun i -> xs[d * i + j]))

    // Coordinates are uncorrelated, with variance 1/d.
    meanIs 0.0 (1.0 / Math.Sqrt 15.0) (Array.init n (fun i -> xs[d * i] * xs[d * i + 1]))
    Assert.All((Random.sphere key 1 [ 50 ]).toArray(), fun x -> Assert.Equal(1.0, abs x))

[<Fact>]
let ``orthogonal matrices are orthogonal, and Haar`` () =
    let keys = Random.splitKeys 4000 key
    let q = Diff.vmap (fun k -> Random.orthogonal k 3 3) keys
    let product = Diff.vmap (fun (q: Tensor) -> Tensor.matmul (Tensor.transpose q) q) q
    Check.tensors "QᵀQ" 1e-14 (Tensor.stack 0 (Array.create 4000 (Tensor.eye 3))) product
    let xs = q.toArray ()
    let element i j = Array.init 4000 (fun k -> xs[9 * k + 3 * i + j])

    // Every row and every column is uniform on the sphere; a QR without the sign rule fails this for the diagonal.
    for i in 0..2 do
        for j in 0..2 do
            kolmogorovSmirnov (fun x -> (x + 1.0) / 2.0) (element i j)

    // Both determinants are equally likely, and E[tr² Q] = 1 for Haar on O(n) (Diaconis and Shahshahani 1994).
    meanIs 0.0 1.0 ((Linalg.det q).toArray())

    let traces = Array.map3 (fun a b c -> a + b + c) (element 0 0) (element 1 1) (element 2 2)
    meanIs 1.0 (Math.Sqrt 2.0) (traces |> Array.map (fun t -> t * t))
    let tall = Random.orthogonal key 5 2
    Check.tensors "columns" 1e-14 (Tensor.eye 2) (Tensor.matmul (Tensor.transpose tall) tall)

/// Every draw, as a function of a key.
let private everyDraw: (string * (Key -> Tensor)) list = [
    "uniform", (fun k -> Random.uniform k [ 3 ])
    "one number", (fun k -> Random.normal k [])
    "normal", (fun k -> Random.normal k [ 300 ])
    "exponential", (fun k -> Random.exponential k [ 2; 2 ])
    "gumbel", (fun k -> Random.gumbel k [ 5 ])
    "truncatedNormal", (fun k -> Random.truncatedNormal k 1.0 infinity [ 5 ])
    "rademacher", (fun k -> Random.rademacher k [ 7 ])
    "bernoulli", (fun k -> Random.bernoulli k (vector [ 0.2; 0.7 ]) [ 3; 2 ])
    "integers", (fun k -> Random.integers k 10 [ 4 ])
    "categorical", (fun k -> Random.categorical k (vector [ 0.1; 0.5; 0.3 ]) [ 6 ])
    "permutation", (fun k -> Random.permutationTensor k 6)
    "sphere", (fun k -> Random.sphere k 4 [ 2 ])
    "orthogonal", (fun k -> Random.orthogonal k 3 2)
    "split inside", (fun k -> Random.normal (Array.last (Random.split 3 k)) [ 4 ])
    "splitKeys inside", (fun k -> Diff.vmap (fun k -> Random.normal k [ 2 ]) (Random.splitKeys 3 k))
    "fold inside", (fun k -> Random.uniform (Random.fold 5 (Random.fold 2 k)) [ 2 ])
    "fold a drawn number", (fun k -> Random.uniform (Random.foldIn (Random.integers k 9 []) k) [ 2 ])
]

[<Fact>]
let ``the same numbers alone, compiled, mapped, mapped and compiled, and stacked by an array of keys`` () =
    let keys = Random.split 4 key
    let all = Random.splitKeys 4 key

    for name, draw in everyDraw do
        let single = keys |> Array.map draw
        let stacked = Tensor.stack 0 single
        let compiled = Diff.compile draw
        keys |> Array.iteri (fun i k -> Check.tensors $"{name}, compiled" 0.0 single[i] (compiled k))
        Check.tensors $"{name}, mapped" 0.0 stacked (Diff.vmap draw all)
        Check.tensors $"{name}, mapped and compiled" 0.0 stacked (Diff.compile (Diff.vmap draw) all)
        let pairs = Key(Tensor.reshape [ 2; 2; 4 ] all.Words)
        let nested = Diff.vmap (Diff.vmap draw) pairs
        Check.arrays $"{name}, mapped twice" 0.0 (stacked.toArray ()) (nested.toArray ())

    Check.tensors "array of keys" 0.0 (Diff.vmap (fun k -> Random.normal k [ 3 ]) all) (Random.normal all [ 3 ])

[<Fact>]
let ``a key is a tree: an argument next to others, with derivative zero`` () =
    let noisy (x: Tensor, k: Key) = Tensor.sum (x * Random.normal k [ 3 ])
    let x = vector [ 1.0; 2.0; 3.0 ]
    let gx, gk = Diff.grad noisy (x, key)
    Check.tensors "gradient" 0.0 (Random.normal key [ 3 ]) gx
    Check.tensors "of the key" 0.0 (Tensor.zeros [ 4 ]) gk.Words

    let perSample =
        Diff.vmap (fun (x, k) -> fst (Diff.grad noisy (x, k))) (Tensor.stack 0 [ x; x ], Random.splitKeys 2 key)

    Check.tensors "per sample" 0.0 (Random.normal (Random.splitKeys 2 key) [ 3 ]) perSample
    // A location and a scale outside of the draw are differentiated (the reparametrised gradient).
    let g = Diff.grad (fun (s: Tensor) -> Tensor.sum (s * Random.normal key [ 3 ])) (scalar 2.0)
    Check.number "scale" 1e-15 ((Random.normal key [ 3 ]).toArray() |> Array.sum) (g.item ())

[<Fact>]
let ``keys compare by their words, and can be stored`` () =
    Assert.Equal(Random.key 3, Random.ofWords (Tensor.ofArray ((Random.key 3).Words.toArray())))
    Assert.Equal((Random.key 3).GetHashCode(), (Random.ofWords (Random.key 3).Words).GetHashCode())
    Assert.NotEqual(Random.key 3, Random.key 4)
    Assert.Equal(Random.fold 2 key, Random.foldIn (scalar 2.0) key)

[<Fact>]
let ``number systems take draws as they are`` () =
    let f (x: Tensor) = x * Random.normal key [ 2 ]
    let expected = (Random.normal key [ 2 ]).toArray() |> Array.map BigRational.OfFloat
    Assert.Equal<BigRational[]>(expected, Exact.rational f (Tensor.ones [ 2 ]))
    let drawn = Exact.rational (fun (k: Key) -> Random.normal k [ 2 ]) key
    Assert.Equal<BigRational[]>(expected, drawn)

[<Fact>]
let ``errors`` () =
    Check.fails "Random.splitKeys: count is -1; want at least 0" (fun () -> Random.splitKeys -1 key)
    Check.fails "Random.sphere: d is 0; want at least 1" (fun () -> Random.sphere key 0 [ 2 ])
    Check.fails "Random.orthogonal: 2 × 3; want at least as many rows as columns" (fun () -> Random.orthogonal key 2 3)

    Check.fails
        "Random.truncatedNormal: the interval is [1, 1]; want lower < upper, and some of it within ±1e100"
        (fun () -> Random.truncatedNormal key 1.0 1.0 [ 2 ])

    Check.fails "Random.categorical: logits of shape [] have no classes; want [..., K] with K at least 1" (fun () ->
        Random.categorical key (scalar 0.0) [ 2 ])

    Check.fails "Random.ofWords: 0.5 is no word of 32 bits; take the words from Key.Words" (fun () ->
        Random.ofWords (vector [ 0.0; 0.5; 1.0; 1.0 ]))

    Check.fails "Random.ofWords: expected keys of shape [..., 4], got shape [3]; make them with Random.key" (fun () ->
        Random.ofWords (vector [ 0.0; 0.5; 1.0 ]))

    Check.fails "Random.foldIn: indices of shape [2] do not fit keys of shape [4]; give one index per key" (fun () ->
        Random.foldIn (vector [ 0.0; 1.0 ]) key)

    Check.fails "Random.foldIn: index 0.5 is no whole number of at most 2⁵³ in size; round it with floor" (fun () ->
        Random.foldIn (scalar 0.5) key)

    Check.fails
        "Random.permutation: the key is inside a transformation and has no value yet; use Random.permutationTensor"
        (fun () ->
            Diff.compile
                (fun k ->
                    Random.permutation k 3 |> ignore
                    k)
                key)

    Check.fails "Random: shape [2; -1] has a negative length; lengths are at least 0" (fun () ->
        Random.uniform key [ 2; -1 ])

    Check.fails "Random.integers: bound is 0; want at least 1" (fun () -> Random.integers key 0 [ 2 ])
