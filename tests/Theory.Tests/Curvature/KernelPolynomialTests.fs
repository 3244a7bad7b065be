module Hesse.Theory.Tests.Curvature.KernelPolynomialTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private spread = Array.init 300 (fun i -> 2.0 + 3.0 * cos (Math.PI * (float i + 0.5) / 300.0))
let private operator = diagonal spread

[<Fact>]
let ``the interval holds the spectrum and is tight`` () =
    let a, b = KernelPolynomial.interval operator (Random.key 1) 25
    Assert.InRange(a, -2.0, Array.min spread)
    Assert.InRange(b, Array.max spread, 6.0)

[<Fact>]
let ``moments are those of the spectrum within their intervals`` () =
    let interval = -1.5, 5.5
    let density = KernelPolynomial.estimate interval operator (Random.key 2) 40 15
    Assert.Equal(40 * 8, density.Products)

    for n in 0..15 do
        let exact = spread |> Array.averageBy (fun x -> cos (float n * acos ((x - 2.0) / 3.5)))
        let e = KernelPolynomial.moment density n
        Assert.True(abs (e.Value - exact) <= 4.5 * e.StandardError + 1e-12, $"{n}: {e.Value} for {exact}")

[<Fact>]
let ``moments of one probe by the doubled recurrence are those by the plain one`` () =
    let key = Random.key 3

    for degree in [ 1; 2; 7; 8 ] do
        let density = KernelPolynomial.estimate (-1.5, 5.5) operator key 1 degree
        let v = Probes.spherical key 300 1

        for n in 0..degree do
            let plain =
                Array.fold2 (fun s x (c: float) -> s + x * x * cos (float n * acos ((c - 2.0) / 3.5))) 0.0 v spread
                / 300.0

            Assert.Equal(plain, density.Moments[0].[n], 11)

[<Fact>]
let ``the density is positive, integrates to one and agrees with Lanczos quadrature`` () =
    let key = Random.key 4
    let kpm = KernelPolynomial.estimate (-1.5, 5.5) operator key 30 60
    let slq = SpectralDensity.estimate operator key 30 40
    let count = 4000
    let step = 7.0 / float count
    let grid = Array.init count (fun i -> -1.5 + step * (float i + 0.5))
    let values = grid |> Array.map (fun x -> (KernelPolynomial.value kpm x).Value)
    Assert.All(values, fun v -> Assert.True(v > -1e-9))
    Assert.InRange(step * Array.sum values, 0.999, 1.001)
    Assert.Equal(0.0, (KernelPolynomial.value kpm 6.0).Value)

    for x in [ -0.5; 1.0; 2.0; 3.5; 4.5 ] do
        let a, b = KernelPolynomial.cumulative kpm x, SpectralDensity.cdf slq x
        Assert.True(abs (a.Value - b) < 0.03, $"{x}: {a.Value} and {b}")
        let sum = step * (Array.zip grid values |> Array.sumBy (fun (y, v) -> if y <= x then v else 0.0))
        Assert.Equal(sum, a.Value, 2)

    Assert.Equal(1.0, (KernelPolynomial.cumulative kpm 9.0).Value, 12)

[<Fact>]
let ``Jackson's kernel is positive and of the known width`` () =
    let degree = 50
    let g = KernelPolynomial.jackson degree
    Assert.Equal(1.0, g[0], 13)
    let kernel angle = 1.0 + 2.0 * Seq.sum (seq { for n in 1..degree -> g[n] * cos (float n * angle) })

    for i in 0..200 do
        Assert.True(kernel (Math.PI * float i / 200.0) > -1e-12)

    // The first factor is cos(π/(N + 2)): the variance of the angle is about (π/N)².
    Assert.Equal(cos (Math.PI / float (degree + 2)), g[1], 12)

[<Fact>]
let ``an eigenvalue outside is noticed, and other mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "widen the interval",
        message (fun () -> KernelPolynomial.estimate (-0.5, 4.0) operator (Random.key 1) 2 40)
    )

    Assert.Contains("not empty", message (fun () -> KernelPolynomial.estimate (1.0, 1.0) operator (Random.key 1) 2 4))
    let density = KernelPolynomial.estimate (-1.5, 5.5) operator (Random.key 1) 1 4
    Assert.Contains("at least two probes", message (fun () -> KernelPolynomial.value density 0.0))
    Assert.Contains("0 to 4", message (fun () -> KernelPolynomial.moment density 5))
