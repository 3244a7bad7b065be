module Hesse.Reproductions.Tests.RecorderTests

open Hesse.Reproductions
open Xunit

[<Fact>]
let ``slope of a line is exact, and noise that is orthogonal to x does not move it`` () =
    let x = [| 1.0; 2.0; 3.0; 4.0 |]
    Assert.Equal(-2.5, Fit.slope x (x |> Array.map (fun v -> 7.0 - 2.5 * v)), 12)
    let noise = [| 1.0; -1.0; -1.0; 1.0 |]
    Assert.Equal(3.0, Fit.slope x (Array.map2 (fun v e -> 3.0 * v + e) x noise), 12)

[<Fact>]
let ``exponent of a power law`` () =
    let x = [| 8.0; 16.0; 32.0; 64.0 |]
    Assert.Equal(-0.75, Fit.exponent x (x |> Array.map (fun v -> 5.0 * v ** -0.75)), 12)

[<Fact>]
let ``Kendall's tau is 1 for the same order, -1 for the reverse, and counts discordant pairs`` () =
    let x = [| 1.0; 2.0; 3.0; 4.0 |]
    Assert.Equal(1.0, Fit.kendall x [| 10.0; 20.0; 30.0; 45.0 |])
    Assert.Equal(-1.0, Fit.kendall x [| 4.0; 3.0; 2.0; 1.0 |])
    // One of six pairs is in the other order: (5 − 1) / 6.
    Assert.Equal(4.0 / 6.0, Fit.kendall x [| 1.0; 3.0; 2.0; 4.0 |], 12)

[<Fact>]
let ``area under the curve counts pairs in the right order, ties by half`` () =
    let positive = [| true; false; true; false |]
    Assert.Equal(1.0, Fit.areaUnderCurve positive [| 3.0; 1.0; 4.0; 2.0 |])
    Assert.Equal(0.0, Fit.areaUnderCurve positive [| 1.0; 3.0; 2.0; 4.0 |])
    // Pairs (2, 1), (2, 2), (1, 1), (1, 2): one right, two ties, one wrong.
    Assert.Equal(0.5, Fit.areaUnderCurve positive [| 2.0; 1.0; 1.0; 2.0 |])

[<Fact>]
let ``rank correlation does not see a monotone change of scale, linear correlation and cosine do`` () =
    let x = [| 1.0; 2.0; 3.0; 4.0; 5.0 |]
    let y = x |> Array.map exp
    Assert.Equal(1.0, Fit.spearman x y, 12)
    Assert.InRange(Fit.correlation x y, 0.8, 0.95)
    Assert.Equal(-1.0, Fit.correlation x (x |> Array.map (fun v -> 3.0 - 2.0 * v)), 12)
    Assert.Equal(0.0, Fit.cosine [| 1.0; 1.0 |] [| 2.0; -2.0 |], 12)

[<Fact>]
let ``standard error of a mean`` () =
    // Deviations 1, 1, 1, 1 about 3: variance 4/3, over four values.
    let mean, error = Fit.meanAndError [| 2.0; 4.0; 2.0; 4.0 |]
    Assert.Equal(3.0, mean, 12)
    Assert.Equal(sqrt (4.0 / 3.0 / 4.0), error, 12)
