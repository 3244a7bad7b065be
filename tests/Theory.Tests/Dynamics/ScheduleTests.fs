module Hesse.Theory.Tests.Dynamics.ScheduleTests

open Xunit
open Hesse
open Hesse.Theory

let private at (steps: int list) (schedule: int -> float) =
    steps |> List.map (fun k -> System.Math.Round(schedule k, 12))

[<Fact>]
let ``the schedules have their values`` () =
    Assert.Equal<float list>([ 0.3; 0.3 ], at [ 0; 99 ] (Schedule.constant 0.3))
    Assert.Equal<float list>([ 0.1; 0.2; 0.4; 0.4 ], at [ 0; 1; 3; 9 ] (Schedule.warmUp 4 (Schedule.constant 0.4)))
    Assert.Equal<float list>([ 8.0; 8.0; 4.0; 2.0 ], at [ 0; 2; 3; 8 ] (Schedule.decay 8.0 0.5 3))
    Assert.Equal<float list>([ 1.0; 0.55; 0.1; 0.1 ], at [ 0; 5; 10; 50 ] (Schedule.cosine 1.0 0.1 10))
    Assert.Equal<float list>([ 1.0; 0.5; 0.5; 0.1 ], at [ 1; 2; 4; 5 ] (Schedule.piecewise 1.0 [ 2, 0.5; 5, 0.1 ]))

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("Schedule.cosine: the length is 0", fails (fun () -> Schedule.cosine 1.0 0.0 0))
    Assert.Contains("Schedule.decay: the interval is 0", fails (fun () -> Schedule.decay 1.0 0.5 0))
    Assert.Contains("Schedule.warmUp: the length is 0", fails (fun () -> Schedule.warmUp 0 float))
    Assert.Contains("wanted ascending steps", fails (fun () -> Schedule.piecewise 1.0 [ 5, 0.5; 5, 0.1 ]))
