module Hesse.Tests.RandomTests

open System
open Hesse
open Xunit

let private key = Random.key 7

[<Fact>]
let ``Threefry-2×64 with 20 rounds gives the published test vectors`` () =
    // Random123 (Salmon et al. 2011), file kat_vectors, "threefry2x64 20".
    let check (c0, c1) (k0, k1) (r0, r1) =
        let struct (a, b) = Random.threefry { Low = k0; High = k1 } c0 c1
        Assert.Equal((r0, r1), (a, b))

    check (0UL, 0UL) (0UL, 0UL) (0xc2b6e3a8c2c69865UL, 0x6f81ed42f350084dUL)

    check
        (UInt64.MaxValue, UInt64.MaxValue)
        (UInt64.MaxValue, UInt64.MaxValue)
        (0xe02cb7c4d95d277aUL, 0xd06633d0893b8b68UL)

    check
        (0x243f6a8885a308d3UL, 0x13198a2e03707344UL)
        (0xa4093822299f31d0UL, 0x082efa98ec4e6c89UL)
        (0x263c7d30bb0f0af1UL, 0x56be8361d3311526UL)

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
    let struct (a, _) = Random.threefry (Random.key 0) 0UL 0UL
    Assert.Equal(float (a >>> 11) / 9007199254740992.0, first[0])
    Assert.Equal<float[]>([| 0.10991000655677596; 0.31095448856307495; 0.025137432797965764 |], first)

[<Fact>]
let ``errors`` () =
    Check.fails "Random: shape [2; -1] has a negative length; lengths are at least 0" (fun () ->
        Random.uniform key [ 2; -1 ])

    Check.fails "Random.integers: bound is 0; want at least 1" (fun () -> Random.integers key 0 [ 2 ])
