module Hesse.Theory.Tests.Curvature.SpectrumTests

open System
open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``eigenvalues of a known matrix descend`` () =
    // The path graph: 2 − 2 cos(π j / (n + 1)).
    let n = 6

    let a =
        Array.init (n * n) (fun q ->
            match abs (q / n - q % n) with
            | 0 -> 2.0
            | 1 -> -1.0
            | _ -> 0.0)

    let expected = Array.init n (fun j -> 2.0 - 2.0 * cos (Math.PI * float (n - j) / float (n + 1)))
    Array.iter2 (fun (x: float) (y: float) -> Assert.Equal(x, y, 12)) expected (Spectrum.eigenvalues n a)
    let values, vectors = Spectrum.leading n a 2
    Array.iter2 (fun (x: float) (y: float) -> Assert.Equal(x, y, 12)) expected values

    for c in 0..1 do
        for i in 0 .. n - 1 do
            let product = Seq.sum (seq { for j in 0 .. n - 1 -> a[i * n + j] * vectors[c].[j] })
            Assert.Equal(values[c] * vectors[c].[i], product, 12)

[<Fact>]
let ``outliers are counted at the widest gap on the logarithmic axis`` () =
    let spectrum = [| 10.0; 9.0; 8.0; 1.0; 0.9; 0.8; 0.7; 1e-9; 0.0 |]
    // The far gap 0.7 → 1e-9 lies outside a window of six.
    Assert.Equal((3, 8.0), Spectrum.outliers 6 spectrum)
    Assert.Equal(7, fst (Spectrum.outliers 7 spectrum))
    let e = Assert.Throws<HesseException>(fun () -> Spectrum.outliers 8 spectrum |> ignore)
    Assert.Contains("needs 9 positive eigenvalues", e.Message)

[<Fact>]
let ``rank and negative mass`` () =
    let values = [| 4.0; 1.0; 1e-13; 0.0; -1.0 |]
    Assert.Equal(3, Spectrum.rank 1e-10 values)
    Assert.Equal(1.0 / 6.0, Spectrum.negativeMass values, 12)

[<Fact>]
let ``overlap is the mean squared cosine of the principal angles`` () =
    let e i = Array.init 5 (fun j -> if i = j then 1.0 else 0.0)
    Assert.Equal(1.0, Spectrum.overlap [| e 0; e 1 |] [| e 1; e 0; e 3 |], 12)
    Assert.Equal(0.5, Spectrum.overlap [| e 0; e 1 |] [| e 1; e 2 |], 12)
    let angle = 0.3
    let tilted = Array.map2 (fun a b -> cos angle * a + sin angle * b) (e 0) (e 4)
    Assert.Equal(cos angle * cos angle, Spectrum.overlap [| e 0 |] [| tilted |], 12)
    // Neither length nor the choice of basis matters.
    let scaled = [| Array.map2 (fun a b -> 3.0 * a + b) (e 0) (e 1); Array.map (fun a -> -2.0 * a) (e 1) |]
    Assert.Equal(0.5, Spectrum.overlap scaled [| e 1; e 2 |], 12)

[<Fact>]
let ``random spaces overlap by the ratio of the dimensions`` () =
    let vectors seed count =
        Array.init count (fun c -> (Random.normal (Random.fold c (Random.key seed)) [ 400 ]).toArray())

    Assert.InRange(Spectrum.overlap (vectors 1 10) (vectors 2 40), 0.07, 0.13)

[<Fact>]
let ``principal angles, small ones to all digits`` () =
    let e i = Array.init 7 (fun j -> if i = j then 1.0 else 0.0)
    let tilt angle a b = Array.map2 (fun x y -> cos angle * x + sin angle * y) a b
    let angles = [| 1e-9; 0.3; 1.2 |]
    let space = [| e 0; e 1; e 2 |]
    let other = [| tilt angles[2] (e 2) (e 5); tilt angles[0] (e 0) (e 3); tilt angles[1] (e 1) (e 4); e 6 |]

    for found in [ Spectrum.principalAngles space other; Spectrum.principalAngles other space ] do
        Array.iter2 (fun (a: float) b -> Assert.Equal(1.0, a / b, 6)) found angles

    Assert.Equal(1e-9, (Spectrum.principalAngles space other)[0], 15)
    Assert.Equal(Math.PI / 2.0, (Spectrum.principalAngles [| e 0 |] [| e 1 |])[0], 14)
    let mean = angles |> Array.averageBy (fun a -> cos a * cos a)
    Assert.Equal(mean, Spectrum.overlap space other, 12)

[<Fact>]
let ``participation and localisation`` () =
    Assert.Equal(5.0, Spectrum.participationRatio (Array.create 5 0.3), 12)
    Assert.Equal(1.0, Spectrum.participationRatio [| 0.0; 4.0; 0.0 |], 12)
    Assert.Equal(1.0, Spectrum.localisation [| 0.0; -3.0; 0.0 |], 12)
    Assert.Equal(0.01, Spectrum.localisation (Array.create 100 2.0), 12)
    let random = (Random.normal (Random.key 5) [ 20000 ]).toArray()
    Assert.InRange(20000.0 * Spectrum.localisation random, 2.8, 3.2)

[<Fact>]
let ``dependent vectors span no space of their number`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let v = [| 1.0; 2.0; 3.0 |]

    Assert.Contains(
        "dimension 1",
        message (fun () -> Spectrum.principalAngles [| v; Array.map (fun x -> 2.0 * x) v |] [| v |])
    )

    Assert.Contains("without vectors", message (fun () -> Spectrum.overlap [||] [| v |]))
    Assert.Contains("one length", message (fun () -> Spectrum.principalAngles [| v |] [| [| 1.0; 0.0 |] |]))
