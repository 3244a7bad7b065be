module Hesse.Reproductions.Tests.CatalogueTests

open System
open System.Collections.Generic
open System.IO
open System.Threading
open Hesse.Reproductions
open Xunit

let private dataDirectory = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "data")

let private context seed (claims: List<Claim>) (figures: List<Figure>) (cancellation: CancellationToken) progress = {
    Seed = seed
    Quick = true
    DataDirectory = dataDirectory
    Cancellation = cancellation
    Progress = progress
    Record = claims.Add
    Draw = figures.Add
}

let ids: TheoryData<string> =
    let data = TheoryData<string>()
    Catalogue.all |> List.iter (fun r -> data.Add r.Id)
    data

let private find id = Catalogue.all |> List.find (fun r -> r.Id = id)

[<Fact>]
let ``identifiers are unique and lower case with dashes`` () =
    let isName (s: string) =
        s.Length > 0
        && s |> Seq.forall (fun c -> Char.IsAsciiLetterLower c || Char.IsAsciiDigit c || c = '-')

    for r in Catalogue.all do
        Assert.True(isName r.Id, r.Id)
        Assert.All(r.Claims, fun c -> Assert.True(isName c, c))
        Assert.Equal(r.Claims.Length, (List.distinct r.Claims).Length)

    Assert.Equal(Catalogue.all.Length, (Catalogue.all |> List.distinctBy (fun r -> r.Id)).Length)

[<Theory>]
[<MemberData(nameof ids)>]
let ``a quick run records the declared claims in order, and each holds`` (id: string) =
    let reproduction = find id
    let claims, figures = List<Claim>(), List<Figure>()
    let fractions = List<float>()
    reproduction.Run(context 1 claims figures CancellationToken.None (fun fraction _ -> fractions.Add fraction))
    Assert.Equal<string list>(reproduction.Claims, [ for c in claims -> c.Claim ])

    for c in claims do
        Assert.True(
            c.Holds,
            $"{c.Paper}/{c.Claim}: measured {c.Measured}, predicted {c.Predicted}, tolerance {c.Tolerance}. {c.Detail}"
        )

        Assert.Equal(id, c.Paper)
        Assert.Equal(1, c.Seed)

        Assert.False(
            String.IsNullOrWhiteSpace c.Statement
            || String.IsNullOrWhiteSpace c.Formula
            || String.IsNullOrWhiteSpace c.Detail
        )

    Assert.NotEmpty figures

    for f in figures do
        for s in f.Series do
            Assert.Equal(s.X.Length, s.Y.Length)

    Assert.All(fractions, fun fraction -> Assert.InRange(fraction, 0.0, 1.0))

[<Theory>]
[<MemberData(nameof ids)>]
let ``a cancelled run stops with an OperationCanceledException`` (id: string) =
    use source = new CancellationTokenSource()
    let claims = List<Claim>()
    // Cancelled at the first sign of progress, in the middle of the work.
    let context = context 1 claims (List<Figure>()) source.Token (fun _ _ -> source.Cancel())
    Assert.ThrowsAny<OperationCanceledException>(fun () -> (find id).Run context) |> ignore
    Assert.True(claims.Count < (find id).Claims.Length)
