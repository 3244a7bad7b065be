module Hesse.Theory.Tests.Landscape.FunctionalDimensionTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private random seed shape = Random.normal (Random.key seed) shape

[<Theory>]
[<InlineData(9, 5, 3)>]
[<InlineData(4, 8, 1)>]
[<InlineData(6, 6, 6)>]
let ``the rank of a product of Gaussian matrices is the inner size`` m n r =
    let found = FunctionalDimension.rankOf 1e-9 (Tensor.matmul (random 1 [ m; r ]) (random 2 [ r; n ]))
    Assert.Equal(r, found.Rank)

    if r < min m n then
        Assert.True(found.Gap > 1e9, $"{found.Gap}")
        Assert.InRange(found.Remainder, 0.0, 1e-13)
    else
        Assert.Equal(Double.PositiveInfinity, found.Gap)
        Assert.Equal(0.0, found.Remainder)

[<Fact>]
let ``the zero matrix has rank zero`` () =
    let found = FunctionalDimension.rankOf 1e-9 (Tensor.zeros [ 3; 4 ])
    Assert.Equal(0, found.Rank)

[<Fact>]
let ``a linear model in redundant parameters has the dimension of the functions it makes`` () =
    // f(x) = (a + b) x + c: three parameters, two dimensions.
    let x = random 3 [ 7 ]
    let model (a: Tensor, b: Tensor, c: Tensor) = (a + b) * x + c

    let found =
        FunctionalDimension.onBatch 1e-9 model (Tensor.scalar 1.0, Tensor.scalar 2.0, Tensor.scalar 3.0)

    Assert.Equal(2, found.Rank)

[<Fact>]
let ``a tanh network has no rescalings, a ReLU network one for each hidden neuron`` () =
    let widths = [ 3; 4; 1 ]

    let layers =
        Mlp.init (Random.key 5) 1.0 widths
        |> List.mapi (fun i l -> { l with Bias = random (6 + i) l.Bias.Shape })

    let x = 2.0 * random 9 [ 300; 3 ]
    let rank activation = (FunctionalDimension.onBatch 1e-9 (fun p -> Mlp.apply activation p x) layers).Rank
    Assert.Equal(Mlp.parameterCount widths, rank Tensor.tanh)
    Assert.Equal(FunctionalDimension.reluBound widths, rank Tensor.relu)

[<Theory>]
[<InlineData(10, "2,3,1")>]
[<InlineData(29, "2,4,4,1")>]
[<InlineData(26, "3,3,3,2")>]
[<InlineData(16, "1,3,3,1")>]
[<InlineData(8, "3,2")>]
let ``the bound is the number of parameters less the hidden neurons`` expected (widths: string) =
    Assert.Equal(expected, FunctionalDimension.reluBound (widths.Split ',' |> Array.map int |> List.ofArray))

[<Fact>]
let ``outputs do not change along rescalings, and each neuron has one`` () =
    let widths = [ 2; 3; 4; 2 ]

    let layers =
        Mlp.init (Random.key 11) 1.4 widths
        |> List.mapi (fun i l -> { l with Bias = random (12 + i) l.Bias.Shape })

    let x = random 16 [ 50; 2 ]
    let model p = Mlp.apply Tensor.relu p x
    let directions = FunctionalDimension.rescalings layers
    Assert.Equal(7, directions.Length)

    for direction in directions do
        let _, change =
            Diff.jvp (fun p -> { Weight = model p; Bias = Tensor.zeros [ 1 ] } |> List.singleton) layers direction

        Assert.InRange((Tensor.max (Tensor.abs change.Head.Weight)).item(), 0.0, 1e-13)

[<Fact>]
let ``misuse is refused by name`` () =
    let message f = Assert.Throws<HesseException>(fun () -> f () |> ignore).Message

    Assert.Contains(
        "FunctionalDimension.rankOf: a tensor of rank 1",
        message (fun () -> FunctionalDimension.rankOf 1e-9 (Tensor.zeros [ 3 ]))
    )

    Assert.Contains("tolerance 2", message (fun () -> FunctionalDimension.rankOf 2.0 (Tensor.zeros [ 3; 3 ])))
    Assert.Contains("Mlp: widths", message (fun () -> FunctionalDimension.reluBound [ 3 ]))

let private net seed widths =
    Mlp.init (Random.key seed) (sqrt 2.0) widths
    |> List.mapi (fun i l -> { l with Bias = 0.5 * random (100 * seed + i) l.Bias.Shape })

let private relu layers x = Mlp.apply Tensor.relu layers x

let private rankOf widths seed =
    FunctionalDimension.onData 1e-9 300 relu (3.0 * random (seed + 1000) [ 600; List.head widths ]) (net seed widths)

[<Fact>]
let ``a ReLU network never moves in more directions than parameters minus hidden units`` () =
    for widths in [ [ 2; 3; 1 ]; [ 2; 4; 4; 1 ]; [ 3; 3; 3; 2 ]; [ 1; 3; 3; 1 ] ] do
        let bound = FunctionalDimension.reluBound widths

        for seed in 1..6 do
            let r = rankOf widths seed
            Assert.True(r.Rank <= bound, $"{r.Rank} above {bound}")
            Assert.True(r.Gap > 100.0, $"no clear gap: {r.Gap}")

[<Theory>]
[<InlineData("2,3,1", 10)>]
[<InlineData("2,4,4,1", 29)>]
[<InlineData("3,3,3,2", 26)>]
let ``the bound is reached where no layer is narrower than the input`` (text: string) (expected: int) =
    let widths = text.Split ',' |> Array.map int |> List.ofArray
    Assert.Equal(expected, Seq.init 12 (rankOf widths >> _.Rank) |> Seq.max)

[<Fact>]
let ``narrow deep networks on a line have hidden symmetries`` () =
    Assert.True(Seq.init 8 (rankOf [ 1; 3; 3; 1 ] >> _.Rank) |> Seq.max < 16)

[<Fact>]
let ``a linear network of rank r moves in the directions of its matrices of rank r`` () =
    for m, r, n in [ 3, 1, 3; 4, 2, 3; 5, 2, 5 ] do
        let w = random 1 [ m; r ], random 2 [ r; n ]
        let model (a: Tensor, b: Tensor) x = Tensor.matmul (Tensor.matmul x a) b
        Assert.Equal(r * (m + n - r), (FunctionalDimension.onData 1e-9 7 model (random 3 [ 20; m ]) w).Rank)

[<Fact>]
let ``chunks change nothing, and few samples bound the rank`` () =
    let w, x = net 1 [ 2; 3; 2 ], random 5 [ 37; 2 ]
    let whole = FunctionalDimension.onBatch 1e-9 (fun w -> relu w x) w

    for chunk in [ 1; 5; 37; 100 ] do
        let parts = FunctionalDimension.onData 1e-9 chunk relu x w
        Assert.Equal(whole.Rank, parts.Rank)
        Assert.InRange(parts.Remainder, 0.0, 1e-13)

    Assert.True((FunctionalDimension.onData 1e-9 5 relu x[0..1] w).Rank <= 4)

[<Fact>]
let ``data that is not there is refused`` () =
    let fails chunk (x: Tensor) =
        (Assert.Throws<HesseException>(fun () ->
            FunctionalDimension.onData 1e-9 chunk relu x (net 1 [ 2; 3; 1 ]) |> ignore))
            .Message

    Assert.Contains("[0; 2]", fails 3 (Tensor.zeros [ 0; 2 ]))
    Assert.Contains("chunks of 0", fails 0 (Tensor.zeros [ 3; 2 ]))
