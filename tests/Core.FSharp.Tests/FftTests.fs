module Hesse.Tests.FftTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private lengths = [ 1; 2; 3; 5; 8; 12; 37 ]
let private pair seed shape = varied seed shape, varied (seed + 50) shape

let private near what tolerance (a: Tensor, b: Tensor) (c: Tensor, d: Tensor) =
    Check.tensors $"{what}, real" tolerance a c
    Check.tensors $"{what}, imaginary" tolerance b d

let private squares (re: Tensor, im: Tensor) = (Tensor.sum (re * re) + Tensor.sum (im * im)).item()

/// Products of complex numbers.
let private times (a: Tensor, b: Tensor) (c: Tensor, d: Tensor) = a * c - b * d, a * d + b * c

[<Fact>]
let ``the transform by its definition, along any axis`` () =
    for n in lengths do
        let re, im = pair 1 [ 2; n; 3 ]

        let table f =
            Tensor.create
                [ n; n ]
                (Array.init (n * n) (fun i -> f (2.0 * Math.PI * float (i / n * (i % n) % n) / float n)))

        let c, s = table Math.Cos, table Math.Sin
        let apply t x = Tensor.einsum "kj,ajb->akb" [ t; x ]
        let expected = apply c re + apply s im, apply c im - apply s re
        near $"length {n}" 1e-13 expected (Fft.fft 1 (re, im))
        near $"length {n}, negative axis" 0.0 (Fft.fft 1 (re, im)) (Fft.fft -2 (re, im))

[<Fact>]
let ``inverses`` () =
    for n in lengths do
        let z = pair 2 [ 3; n ]
        near "ifft ∘ fft" 1e-14 z (Fft.ifft 1 (Fft.fft 1 z))
        near "fft ∘ ifft" 1e-14 z (Fft.fft 1 (Fft.ifft 1 z))
        let x = varied 3 [ n; 2 ]
        Check.tensors "irfft ∘ rfft" 1e-14 x (Fft.irfft 0 n (Fft.rfft 0 x))

    let z = pair 4 [ 2; 3; 5 ]
    near "two axes" 1e-14 z (Fft.ifft2 (Fft.fft2 z))

[<Fact>]
let ``the real transform is the first half of the complex one`` () =
    for n in lengths do
        let x = varied 3 [ n ]
        let re, im = Fft.fft 0 (x, Tensor.zeros [ n ])
        let half (t: Tensor) = Tensor.slice 0 0 (n / 2 + 1) 1 t
        near $"length {n}" 0.0 (half re, half im) (Fft.rfft 0 x)

[<Fact>]
let ``Parseval, shift and convolution theorems`` () =
    for n in lengths do
        let z = pair 1 [ n ]
        Check.number "Parseval" 1e-13 (float n * squares z) (squares (Fft.fft 0 z))

        // A shift by one place turns component k by −2πk/n.
        let rolled (t: Tensor) = Tensor.gather 0 (Tensor.ofArray (Array.init n (fun i -> float ((i + n - 1) % n)))) t
        let angle = -2.0 * Math.PI * Fft.fftfreq n 1.0
        let turned = times (Fft.fft 0 z) (Tensor.cos angle, Tensor.sin angle)
        near "shift" 1e-13 turned (Fft.fft 0 (rolled (fst z), rolled (snd z)))

        // Circular convolution.
        let x, y = varied 5 [ n ], varied 6 [ n ]
        let a, b = x.toArray (), y.toArray ()
        let direct = Array.init n (fun i -> Seq.sum (seq { for j in 0 .. n - 1 -> a[j] * b[(i - j + n) % n] }))
        let product = times (Fft.rfft 0 x) (Fft.rfft 0 y)
        Check.arrays "convolution" 1e-13 direct ((Fft.irfft 0 n product).toArray())

[<Fact>]
let ``gradients are transforms, and every order agrees`` () =
    let x = varied 1 [ 6 ]

    // ∂/∂x Σ |X|² = 2 n x.
    let energy x =
        let re, im = Fft.fft 0 (x, Tensor.zeros [ 6 ])
        Tensor.sum (re * re + im * im)

    Check.tensors "energy" 1e-13 (12.0 * x) (Diff.grad energy x)
    checkOrders "rfft" (fun x -> let re, im = Fft.rfft 0 x in re * im * re) x
    checkOrders "irfft" (fun x -> Fft.irfft 0 10 (x * x, Tensor.sin x)) x
    checkOrders "fft2" (fun x -> Fft.fft2 (x, x * x) |> snd |> Tensor.square) (varied 2 [ 2; 3 ])
    let f x = Fft.rfft 0 x |> fst
    Check.tensors "vmap" 0.0 (Tensor.stack 0 [ f x; f (x * x) ]) (Diff.vmap f (Tensor.stack 0 [ x; x * x ]))
    Check.tensors "compiled" 0.0 (f x) (Diff.compile f x)

[<Fact>]
let ``imaginary parts that no real numbers have are not read`` () =
    let re, im = Fft.rfft 0 (varied 1 [ 6 ])
    let changed = im + vector [ 5.0; 0.0; 0.0; -7.0 ]
    Check.tensors "even length" 1e-14 (Fft.irfft 0 6 (re, im)) (Fft.irfft 0 6 (re, changed))

[<Fact>]
let ``frequencies`` () =
    Check.tensors "even" 1e-15 (vector [ 0.0; 0.5; -1.0; -0.5 ]) (Fft.fftfreq 4 0.5)
    Check.tensors "odd" 1e-15 (vector [ 0.0; 0.2; 0.4; -0.4; -0.2 ]) (Fft.fftfreq 5 1.0)
    Check.tensors "real" 1e-15 (vector [ 0.0; 0.25; 0.5 ]) (Fft.rfftfreq 4 1.0)

[<Fact>]
let ``a NaN is in every component of its row, and in no other row`` () =
    for n in [ 4; 6; 37 ] do
        let x =
            Tensor.concat 0 [ varied 1 [ 1; n ]; Tensor.concat 1 [ varied 2 [ 1; n - 1 ]; Tensor.full [ 1; 1 ] nan ] ]

        let re, im = Fft.fft 1 (x, Tensor.zeros [ 2; n ])
        let first, _ = Fft.fft 0 (x[0], Tensor.zeros [ n ])
        Check.tensors "other row" 0.0 first re[0]
        let parts = Array.zip (re[1].toArray()) (im[1].toArray())
        Assert.All(parts, fun (x, y) -> Assert.False(Double.IsFinite x && Double.IsFinite y))

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    Check.fails "fft: expected real and imaginary parts of one shape, got [3] and [4]" (fun () ->
        Fft.fft 0 (varied 1 [ 3 ], varied 1 [ 4 ]))

    Check.fails
        "irfft: axis 0 of shape [3] does not hold half of a transform of length 6; want ⌊6/2⌋ + 1 elements"
        (fun () -> Fft.irfft 0 6 (varied 1 [ 3 ], varied 1 [ 3 ]))

    Check.fails "rfft: axis 1 of shape [2; 0] is empty; want at least one element" (fun () ->
        Fft.rfft 1 (Tensor.zeros [ 2; 0 ]))

    Check.fails "fftfreq: length 0 is less than 1" (fun () -> Fft.fftfreq 0 1.0)

    Check.fails "fourier: expected pairs [..., 2, n], got shape [3; 4]" (fun () ->
        Fourier.transform false (varied 1 [ 3; 4 ]).Node)
