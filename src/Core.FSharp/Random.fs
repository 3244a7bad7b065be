namespace Hesse

open System

/// Key of a random stream: same key, same numbers, on every machine and executor.
[<Struct>]
type Key = internal { Low: uint64; High: uint64 }

/// Random numbers from explicit keys: a counter-based generator, Threefry-2×64 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011,
/// "Parallel random numbers: as easy as 1, 2, 3"). There is no hidden state: split a key to get independent streams.
[<RequireQualifiedAccess>]
module Random =
    let private rotations = [| 16; 42; 12; 31; 16; 32; 24; 21 |]

    /// The skein key-schedule constant of Threefry.
    let private parity = 0x1BD11BDAA9FC1A22UL

    /// The block cipher: 128 random bits for a counter under a key.
    let internal threefry (key: Key) (counterLow: uint64) (counterHigh: uint64) : struct (uint64 * uint64) =
        let k0, k1 = key.Low, key.High
        let schedule = [| k0; k1; k0 ^^^ k1 ^^^ parity |]
        let mutable x0 = counterLow + k0
        let mutable x1 = counterHigh + k1

        for round in 0..19 do
            x0 <- x0 + x1
            x1 <- Numerics.BitOperations.RotateLeft(x1, rotations[round % 8])
            x1 <- x1 ^^^ x0

            if round % 4 = 3 then
                let s = round / 4 + 1
                x0 <- x0 + schedule[s % 3]
                x1 <- x1 + schedule[(s + 1) % 3] + uint64 s

        struct (x0, x1)

    /// Splitting and drawing use separate halves of the counter space.
    [<Literal>]
    let private splitting = 0x8000000000000000UL

    /// <summary>The key of a seed.</summary>
    /// <param name="seed">Any number.</param>
    let key (seed: int) : Key =
        let struct (low, high) = threefry { Low = 0UL; High = 0UL } (uint64 (int64 seed)) splitting
        { Low = low; High = high }

    /// <summary>Key number i of those that a key splits into; independent of the key's own stream.</summary>
    /// <param name="i">At least 0.</param>
    /// <param name="key">The parent.</param>
    let fold (i: int) (key: Key) : Key =
        let struct (low, high) = threefry key (uint64 i) splitting
        { Low = low; High = high }

    /// <summary>Independent keys from one; do not use the parent again.</summary>
    /// <param name="count">How many.</param>
    /// <param name="key">The parent.</param>
    let split (count: int) (key: Key) : Key[] = Array.init count (fun i -> fold i key)

    let private generate (key: Key) (shape: int seq) (draw: uint64 -> uint64 -> float) =
        let shape = Array.ofSeq shape

        if shape |> Array.exists (fun d -> d < 0) then
            Shape.fail $"Random: shape {Shape.show shape} has a negative length; lengths are at least 0"

        let data =
            Array.init (Shape.length "Random" shape) (fun i ->
                let struct (a, b) = threefry key (uint64 i) 0UL
                draw a b)

        Tensor(Graph.constant shape data)

    /// 53 random bits as a number in [0, 1).
    let private unit (bits: uint64) = float (bits >>> 11) * (1.0 / 9007199254740992.0)

    /// <summary>Uniform on [0, 1).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let uniform (key: Key) (shape: int seq) : Tensor = generate key shape (fun a _ -> unit a)

    /// <summary>Standard normal (Box and Muller 1958).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let normal (key: Key) (shape: int seq) : Tensor =
        generate key shape (fun a b -> sqrt (-2.0 * log (1.0 - unit a)) * cos (2.0 * Math.PI * unit b))

    /// <summary>+1 or −1 with equal probability.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="shape">Axis lengths.</param>
    let rademacher (key: Key) (shape: int seq) : Tensor =
        generate key shape (fun a _ -> if a >>> 63 = 0UL then 1.0 else -1.0)

    /// <summary>Whole numbers, uniform on 0 .. bound − 1.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="bound">At least 1.</param>
    /// <param name="shape">Axis lengths.</param>
    let integers (key: Key) (bound: int) (shape: int seq) : Tensor =
        if bound < 1 then
            Shape.fail $"Random.integers: bound is {bound}; want at least 1"

        // The high half of a 64 × 64-bit product: the bias is below 2⁻³³ for any int bound.
        generate key shape (fun a _ -> float (Math.BigMul(a, uint64 bound) >>> 64 |> uint64))

    /// <summary>A random order of 0 .. n − 1, all equally likely (Fisher and Yates).</summary>
    /// <param name="key">The stream.</param>
    /// <param name="n">At least 0.</param>
    let permutation (key: Key) (n: int) : int[] =
        let order = Array.init n id

        for i in n - 1 .. -1 .. 1 do
            let struct (a, _) = threefry key (uint64 i) 0UL
            let j = int (Math.BigMul(a, uint64 (i + 1)) >>> 64 |> uint64)
            let swapped = order[i]
            order[i] <- order[j]
            order[j] <- swapped

        order
