module Hesse.Reproductions.Tests.LinearModeConnectivityTests

open System.IO
open System.Threading
open Hesse
open Hesse.Theory
open Hesse.Reproductions
open Hesse.Reproductions.LinearModeConnectivityRuns
open Xunit

let private landscape =
    let context = {
        Seed = 1
        Quick = true
        DataDirectory = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "data")
        Cancellation = CancellationToken.None
        Progress = fun _ _ -> ()
        Record = ignore
        Draw = ignore
    }

    Landscape(context, Schedule.cosine 0.1 0.0 20)

let private numbers (w: AffineLayer list) = (fst (Tree.ravel w)).toArray()

[<Fact>]
let ``training in two parts is training in one`` () =
    let train steps state = landscape.Train (Random.key 2) steps state
    let start = landscape.Start(Random.key 1)
    let whole = train 20 start
    Assert.Equal<float[]>(numbers whole.Parameters, numbers (start |> train 7 |> train 20).Parameters)
    Assert.True(landscape.Value whole.Parameters < landscape.Value start.Parameters)

[<Fact>]
let ``branches differ exactly where they have parted`` () =
    let same, other = branches landscape (Random.key 3) 20 20
    Assert.Equal<float[]>(numbers same, numbers other)
    let first, second = branches landscape (Random.key 3) 20 10
    Assert.NotEqual<float[]>(numbers first, numbers second)

[<Fact>]
let ``loss and curvature on a line are those of the network`` () =
    let a, b = landscape.Start(Random.key 4).Parameters, landscape.Start(Random.key 5).Parameters
    let line = landscape.Line 4 a b
    Assert.Equal(landscape.Value a, line.Losses[0], 1e-14)
    Assert.Equal(landscape.LossOnFirst 1797 b |> _.item(), line.Losses[4], 1e-12)
    Assert.Equal(line.Losses[2] - 0.5 * (line.Losses[0] + line.Losses[4]), landscape.Middle a b, 1e-14)
    let h = 1e-4
    let at s = landscape.Value(Connectivity.between a b (Tensor.scalar s))
    let difference = (at (0.5 + h) - 2.0 * at 0.5 + at (0.5 - h)) / (h * h)
    Assert.Equal(difference, landscape.Curvature a b 0.5, 1e-5 * (1.0 + abs difference))

[<Fact>]
let ``a layer of another network replaces that layer alone`` () =
    let a, b = landscape.Start(Random.key 4).Parameters, landscape.Start(Random.key 5).Parameters
    let mixed = withLayer 1 a b
    Assert.Same(a[0], mixed[0])
    Assert.Same(b[1], mixed[1])
    Assert.Same(a[2], mixed[2])
