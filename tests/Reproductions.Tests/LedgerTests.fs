module Hesse.Reproductions.Tests.LedgerTests

open System
open Hesse.Reproductions
open Xunit

let private claim relation predicted tolerance measured = {
    Paper = "paper"
    Claim = "claim"
    Status = Status.Theorem
    Statement = "A statement."
    Formula = "a = b"
    Predicted = predicted
    Measured = measured
    Tolerance = tolerance
    Relation = relation
    Detail = ""
    Seed = 0
    Seconds = 0.0
}

[<Theory>]
[<InlineData(2.0, 0.5, 2.5, true)>]
[<InlineData(2.0, 0.5, 1.5, true)>]
[<InlineData(2.0, 0.5, 2.51, false)>]
[<InlineData(2.0, 0.0, 2.0, true)>]
let ``absolute: within the tolerance on both sides`` predicted tolerance measured holds =
    Assert.Equal(holds, (claim Relation.Absolute predicted tolerance measured).Holds)

[<Theory>]
[<InlineData(-4.0, 0.25, -5.0, true)>]
[<InlineData(-4.0, 0.25, -3.0, true)>]
[<InlineData(-4.0, 0.25, -2.9, false)>]
[<InlineData(0.0, 0.25, 1e-9, false)>]
let ``relative: within a share of the size of the prediction`` predicted tolerance measured holds =
    Assert.Equal(holds, (claim Relation.Relative predicted tolerance measured).Holds)

[<Theory>]
[<InlineData(1.0, 0.1, 1.1, true)>]
[<InlineData(1.0, 0.1, -100.0, true)>]
[<InlineData(1.0, 0.1, 1.2, false)>]
let ``at most: one-sided from above`` predicted tolerance measured holds =
    Assert.Equal(holds, (claim Relation.AtMost predicted tolerance measured).Holds)

[<Theory>]
[<InlineData(1.0, 0.25, 0.75, true)>]
[<InlineData(1.0, 0.25, 100.0, true)>]
[<InlineData(1.0, 0.25, 0.7, false)>]
let ``at least: one-sided from below`` predicted tolerance measured holds =
    Assert.Equal(holds, (claim Relation.AtLeast predicted tolerance measured).Holds)

[<Fact>]
let ``a measurement that is not finite never holds`` () =
    for relation in [ Relation.Absolute; Relation.Relative; Relation.AtMost; Relation.AtLeast ] do
        for measured in [ Double.NaN; Double.PositiveInfinity; Double.NegativeInfinity ] do
            Assert.False((claim relation 1.0 Double.MaxValue measured).Holds)
