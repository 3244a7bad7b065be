module Hesse.Reproductions.Tests.DropoutStabilityTests

open System.Threading
open Hesse
open Hesse.Theory
open Hesse.Reproductions
open Hesse.Reproductions.DropoutStabilityRuns
open Xunit

let private context = {
    Seed = 1
    Quick = true
    DataDirectory = ""
    Cancellation = CancellationToken.None
    Progress = fun _ _ -> ()
    Record = ignore
    Draw = ignore
}

let private problem = teacher (Random.key 1) 4 1.0 30
let private networks = Random.split 3 (Random.key 2) |> Array.map (fun k -> MeanField.init k 2.0 6 4 1)

[<Fact>]
let ``each path and line goes from a network to the next, whatever the order of the neurons`` () =
    let risks = networks |> Array.map (risk problem)
    let connections = connect context problem 2 (Random.key 3) networks
    Assert.Equal(6, connections.Length)

    connections
    |> List.iteri (fun i c ->
        for profile in [ c.Path; c.Line ] do
            Assert.Equal(risks[i % 3], profile.Losses[0], 1e-13)
            Assert.Equal(risks[(i + 1) % 3], Array.last profile.Losses, 1e-13)
            Assert.Equal(profile.Places.Length, profile.Losses.Length)
            Assert.Equal(1.0, Array.last profile.Places)

        Assert.True(Array.max c.Path.Losses <= c.Worst * (1.0 + 1e-12)))

    // Another order is another path.
    Assert.NotEqual<float[]>(connections[0].Path.Losses, connections[3].Path.Losses)

[<Fact>]
let ``the teacher gives every sample once and scales its steps with the dimension`` () =
    Assert.Equal(0.025, problem.Step, 1e-15)
    Assert.Equal(40, problem.Steps)
    Assert.Equal<int[]>([| 40; 4 |], problem.Inputs.Shape)
    Assert.Equal<int[]>([| 30; 1 |], problem.TestTargets.Shape)

[<Fact>]
let ``training lowers the risk, and keeping all neurons costs nothing`` () =
    let longer = teacher (Random.key 5) 3 10.0 100
    let w = solve context longer 30 (Random.key 6)
    let mean = (Tensor.mean (Tensor.square longer.TestTargets)).item()
    Assert.True(risk longer w < 0.5 * mean)
    Assert.All(rises longer (Random.key 7) 3 30 w, fun rise -> Assert.Equal(0.0, rise, 1e-13))
