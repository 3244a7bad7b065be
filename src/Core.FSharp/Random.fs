namespace Hesse

open System
open Hesse.Kernels

/// Random numbers from explicit keys: a counter-based generator, Threefry-2×64 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011,
/// "Parallel random numbers: as easy as 1, 2, 3"). There is no hidden state: split a key to get independent streams.
///
/// A key is a value like any other: it may be an argument of vmap or compile, be split inside a traced function and be drawn from
/// there, with the same numbers as outside. An array of keys (shape [..., 4]) draws one sample for each key, stacked. The derivative of a
/// draw is zero; location and scale that are to be differentiated multiply and add outside.
///
/// Draws are float64: round them with `Tensor.toFloat32` where float32 is wanted.
///
/// The numbers are the same on every machine and for every register width: besides integer operations, only what IEEE 754 rounds in
/// one way goes into them. `orthogonal` alone also uses the QR factorisation at hand, and differs by rounding between libraries.
[<RequireQualifiedAccess>]
module Random =
    let private make (op: string) (family: RandomFamily) (lower: float) (upper: float) (shape: int[]) (key: Key) =
        if shape |> Array.exists (fun d -> d < 0) then
            Shape.fail $"{op}: shape {Shape.show shape} has a negative length; lengths are at least 0"

        Tensor(Randomness.random family lower upper shape key.Words.Node)

    let private draw (family: RandomFamily) (key: Key) (shape: int seq) =
        make "Random" family 0.0 0.0 (Array.ofSeq shape) key

    let private ofHalves struct (low: uint64, high: uint64) =
        let word (half: uint64) part = float (uint32 (half >>> (32 * part)))
        Key(Tensor(Graph.constant [| Randomness.words |] [| word low 0; word low 1; word high 0; word high 1 |]))

    // ----- keys -----

    /// <summary>The key of a seed.</summary>
    /// <param name="seed">Any number.</param>
    let key (seed: int) : Key = ofHalves (Threefry.Fold(0UL, 0UL, int64 seed))

    /// <summary>The key with given words, such as `key.Words` of one that was stored; or an array of keys.</summary>
    /// <param name="words">Whole numbers from 0 to 2³² − 1, lowest word first; shape [4], or [..., 4].</param>
    /// <exception cref="T:Hesse.HesseException">The shape is another one, or a word is not in the range.</exception>
    let ofWords (words: Tensor) : Key =
        Randomness.batchOf "Random.ofWords" words.Node.Shape |> ignore

        if words.IsConcrete then
            for w in words.Node.Data do
                if not (w >= 0.0 && w <= 4294967295.0 && w = Math.Floor w) then
                    Shape.fail $"Random.ofWords: {w} is no word of 32 bits; take the words from Key.Words"

        Key words

    /// <summary>The child of a key that a number names, which may be a value inside a transformation (a step of a scan, an index of a sample).</summary>
    /// <param name="index">Whole numbers of at most 2⁵³ in size; shape [] for one key, and one number per key for an array of keys.</param>
    /// <param name="key">The parent.</param>
    /// <returns>A key that is independent of the parent's own stream; `fold i` for index i.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit, or an index is not whole.</exception>
    let foldIn (index: Tensor) (key: Key) : Key = Key(Tensor(Randomness.foldKey index.Node key.Words.Node))

    /// <summary>Key number i of those that a key splits into; independent of the key's own stream.</summary>
    /// <param name="i">At least 0.</param>
    /// <param name="key">The parent.</param>
    let fold (i: int) (key: Key) : Key =
        let batch = Randomness.batchOf "Random.fold" key.Words.Node.Shape
        foldIn (Tensor(Graph.full batch (float i))) key

    /// <summary>Independent keys from one; do not use the parent again.</summary>
    /// <param name="count">How many.</param>
    /// <param name="key">The parent.</param>
    let split (count: int) (key: Key) : Key[] = Array.init count (fun i -> fold i key)

    /// <summary>Independent keys from one, as an array of keys: what vmap maps over.</summary>
    /// <param name="count">How many, at least 0.</param>
    /// <param name="key">The parent.</param>
    /// <returns>The keys of `split`, stacked along a new first axis.</returns>
    /// <exception cref="T:Hesse.HesseException">The count is negative.</exception>
    /// <example><code>Diff.vmap (fun key -> Random.normal key [ 3 ]) (Random.splitKeys 10 key)  // [10; 3]</code></example>
    let splitKeys (count: int) (key: Key) : Key =
        if count < 0 then
            Shape.fail $"Random.splitKeys: count is {count}; want at least 0"

        let words = key.Words.Node
        let batch = Randomness.batchOf "Random.splitKeys" words.Shape
        let numbers = Graph.constant [| count |] (Array.init count float)
        let indices = Linear.broadcast (Array.append [| count |] batch) [| 0 |] numbers
        Key(Tensor(Randomness.foldKey indices (Linear.batchAxis count words)))

    // ----- draws -----

    /// <summary>Uniform on [0, 1): multiples of 2⁻⁵³.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let uniform (key: Key) (shape: int seq) : Tensor = draw RandomFamily.Uniform key shape

    /// <summary>Standard normal (Box and Muller 1958).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let normal (key: Key) (shape: int seq) : Tensor = draw RandomFamily.Normal key shape

    /// <summary>Exponential with rate 1.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let exponential (key: Key) (shape: int seq) : Tensor = draw RandomFamily.Exponential key shape

    /// <summary>Standard Gumbel: −log(−log u), the law of the largest of many exponentials, centred.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let gumbel (key: Key) (shape: int seq) : Tensor = draw RandomFamily.Gumbel key shape

    /// <summary>Standard normal, given that it lies in an interval; exact in the tails too (Robert 1995).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="lower">Lower end; may be −∞.</param>
    /// <param name="upper">Upper end, above the lower one; may be ∞.</param>
    /// <param name="shape">Axis lengths.</param>
    /// <exception cref="T:Hesse.HesseException">The interval is empty, or beyond ±10¹⁰⁰.</exception>
    let truncatedNormal (key: Key) (lower: float) (upper: float) (shape: int seq) : Tensor =
        if not (lower < upper) || lower > 1e100 || upper < -1e100 then
            Shape.fail
                $"Random.truncatedNormal: the interval is [{lower}, {upper}]; want lower < upper, and some of it within ±1e100"

        make "Random" RandomFamily.TruncatedNormal lower upper (Array.ofSeq shape) key

    /// <summary>+1 or −1 with equal probability.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let rademacher (key: Key) (shape: int seq) : Tensor =
        1.0 - 2.0 * Tensor.greaterEqual (uniform key shape) (Tensor.scalar 0.5)

    /// <summary>1 with probability p, else 0.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="p">From 0 to 1; broadcasts with the shape.</param>
    /// <param name="shape">Axis lengths.</param>
    let bernoulli (key: Key) (p: Tensor) (shape: int seq) : Tensor =
        Tensor.greater (Tensor.toFloat64 p) (uniform key shape)

    /// <summary>Whole numbers, uniform on 0 .. bound − 1.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="bound">At least 1.</param>
    /// <param name="shape">Axis lengths.</param>
    let integers (key: Key) (bound: int) (shape: int seq) : Tensor =
        if bound < 1 then
            Shape.fail $"Random.integers: bound is {bound}; want at least 1"

        make "Random" RandomFamily.Integers 0.0 (float bound) (Array.ofSeq shape) key

    /// <summary>Classes with probabilities proportional to exp(logits), as indices (Gumbel-max: Gumbel 1954; Maddison, Tarlow, Minka 2014).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="logits">Unnormalised log-probabilities of K classes, shape [..., K]; −∞ excludes a class.</param>
    /// <param name="shape">Axis lengths in front: how many draws for each row of logits.</param>
    /// <returns>Whole numbers from 0 to K − 1, of the shape followed by that of the rows of logits.</returns>
    /// <exception cref="T:Hesse.HesseException">The logits have no axis, or no class.</exception>
    let categorical (key: Key) (logits: Tensor) (shape: int seq) : Tensor =
        let rows = logits.Node.Shape

        if rows.Length = 0 || rows[rows.Length - 1] = 0 then
            Shape.fail
                $"Random.categorical: logits of shape {Shape.show rows} have no classes; want [..., K] with K at least 1"

        let noisy = Tensor.toFloat64 logits + gumbel key (Array.append (Array.ofSeq shape) rows)
        let _, best = Tensor.topK -1 1 noisy
        Tensor.reshape best.Shape[.. best.Rank - 2] best

    /// <summary>A random order of 0 .. n − 1, all equally likely (Fisher and Yates), as a tensor: in a batch or a plan too.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="n">At least 0.</param>
    /// <returns>Whole numbers, shape [n]; indices for Tensor.gather.</returns>
    /// <exception cref="T:Hesse.HesseException">n is negative.</exception>
    let permutationTensor (key: Key) (n: int) : Tensor =
        make "Random.permutation" RandomFamily.Permutation 0.0 (float n) [| n |] key

    /// <summary>A random order of 0 .. n − 1, all equally likely (Fisher and Yates).</summary>
    /// <param name="key">The stream; one key, with a value.</param>
    /// <param name="n">At least 0.</param>
    /// <exception cref="T:Hesse.HesseException">n is negative, or the key has no value yet: use permutationTensor inside a transformation.</exception>
    let permutation (key: Key) (n: int) : int[] =
        if not key.IsConcrete then
            Shape.fail
                "Random.permutation: the key is inside a transformation and has no value yet; use Random.permutationTensor"

        (permutationTensor key n).Node.Data |> Array.map int

    /// <summary>Unit vectors, uniform on the sphere S^(d−1): normalised Gaussian vectors (Muller 1959).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="d">Coordinates of each vector, at least 1.</param>
    /// <param name="shape">Axis lengths in front: how many vectors.</param>
    /// <returns>The shape followed by [d].</returns>
    /// <exception cref="T:Hesse.HesseException">d is below 1.</exception>
    let sphere (key: Key) (d: int) (shape: int seq) : Tensor =
        if d < 1 then
            Shape.fail $"Random.sphere: d is {d}; want at least 1"

        make "Random" RandomFamily.Sphere 0.0 (float d) (Array.append (Array.ofSeq shape) [| d |]) key

    /// <summary>Orthonormal columns, uniform (Haar) among all: the Q of a Gaussian matrix whose R has a positive diagonal (Mezzadri 2007).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="rows">m, at least n.</param>
    /// <param name="columns">n, at least 0; with n = m the matrix is orthogonal.</param>
    /// <returns>Shape [m; n].</returns>
    /// <exception cref="T:Hesse.HesseException">m is below n, or n is negative.</exception>
    /// <remarks>The same up to rounding on every machine: the factorisation is that of the library in use.</remarks>
    let orthogonal (key: Key) (rows: int) (columns: int) : Tensor =
        if columns < 0 || rows < columns then
            Shape.fail $"Random.orthogonal: {rows} × {columns}; want at least as many rows as columns"

        Tensor(Factorisations.orthonormal (normal key [ rows; columns ]).Node)
