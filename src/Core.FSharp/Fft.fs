namespace Hesse

open Hesse.Linear
open Hesse.Movement

/// Discrete Fourier transforms along an axis of any length; complex tensors are pairs of real ones.
///
/// The forward transform is X[k] = Σ x[j] e^(−2πi jk/n) without a factor, the inverse has the factor 1/n. All are linear, so every
/// derivative is a transform again. A transform costs O(n log n), for lengths with a prime factor above 31 by way of a longer one.
[<RequireQualifiedAccess>]
module Fft =
    let private checkPair op (re: Tensor) (im: Tensor) =
        if re.Node.Shape <> im.Node.Shape then
            Shape.fail
                $"{op}: expected real and imaginary parts of one shape, got {Shape.show re.Node.Shape} and {Shape.show im.Node.Shape}"

    /// The permutation that moves an axis to the end, and its inverse.
    let private toEnd axis rank =
        let there = Array.append (Array.except [ axis ] [| 0 .. rank - 1 |]) [| axis |]
        there, Array.init rank (fun d -> System.Array.IndexOf(there, d))

    let private rowOf (x: Node) = reshape (Array.insertAt (x.Shape.Length - 1) 1 x.Shape) x

    /// Real or imaginary parts of pairs, up to `count` of the last axis.
    let private part index count (pairs: Node) =
        let r = pairs.Shape.Length
        let low = Array.init r (fun d -> if d = r - 2 then index else 0)

        let high =
            Array.init r (fun d ->
                if d = r - 2 then index + 1
                elif d = r - 1 then count
                else pairs.Shape[d])

        let cut = slice low high (Array.create r 1) pairs
        reshape (Array.removeAt (r - 2) cut.Shape) cut

    /// Parts with the axis at the end to parts with the axis at the end, the first `count` places.
    let private rows inverse count (re: Node) (im: Node) =
        let result = Fourier.transform inverse (concat (re.Shape.Length - 1) [| rowOf re; rowOf im |])
        part 0 count result, part 1 count result

    let private notEmpty op (x: Tensor) axis =
        let n = x.Node.Shape[axis]

        if n = 0 then
            Shape.fail $"{op}: axis {axis} of shape {Shape.show x.Node.Shape} is empty; want at least one element"

        n

    let private complex op inverse axis (re: Tensor, im: Tensor) =
        checkPair op re im
        let axis = Shape.axis op re.Rank axis
        let n = notEmpty op re axis
        let there, back = toEnd axis re.Rank
        let a, b = rows inverse n (transpose there re.Node) (transpose there im.Node)
        let factor = if inverse then 1.0 / float n else 1.0
        let result x = Tensor(scale factor (transpose back x))
        result a, result b

    /// <summary>Fourier transform along an axis: X[k] = Σ x[j] e^(−2πi jk/n).</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="re">Real parts, any shape.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, or the axis is out of range or empty.</exception>
    let fft (axis: int) (re: Tensor, im: Tensor) : Tensor * Tensor = complex "fft" false axis (re, im)

    /// <summary>Inverse Fourier transform along an axis: x[j] = 1/n Σ X[k] e^(2πi jk/n).</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="re">Real parts, any shape.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, or the axis is out of range or empty.</exception>
    let ifft (axis: int) (re: Tensor, im: Tensor) : Tensor * Tensor = complex "ifft" true axis (re, im)

    /// <summary>The first half of the Fourier transform of real numbers, k = 0 … ⌊n/2⌋; the other half is its mirrored conjugate.</summary>
    /// <remarks>Costs as much as `fft`.</remarks>
    /// <param name="axis">The axis, of length n; negative counts from the end.</param>
    /// <param name="x">Any shape.</param>
    /// <returns>Real and imaginary parts; the axis has length ⌊n/2⌋ + 1.</returns>
    /// <exception cref="T:Hesse.HesseException">The axis is out of range or empty.</exception>
    let rfft (axis: int) (x: Tensor) : Tensor * Tensor =
        let axis = Shape.axis "rfft" x.Rank axis
        let n = notEmpty "rfft" x axis
        let there, back = toEnd axis x.Rank
        let row = transpose there x.Node
        let re, im = rows false (n / 2 + 1) row (Graph.zeros row.Shape)
        Tensor(transpose back re), Tensor(transpose back im)

    /// <summary>The real numbers whose Fourier transform has this first half: the inverse of `rfft`.</summary>
    /// <remarks>The imaginary parts at k = 0 and, for even n, at n/2 belong to no real numbers, and are not read.</remarks>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="n">Length of the axis in the result.</param>
    /// <param name="re">Real parts; the axis has length ⌊n/2⌋ + 1.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>The axis has length n.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, or do not fit n.</exception>
    let irfft (axis: int) (n: int) (re: Tensor, im: Tensor) : Tensor =
        checkPair "irfft" re im
        let axis = Shape.axis "irfft" re.Rank axis
        let count = re.Node.Shape[axis]

        if n < 1 || count <> n / 2 + 1 then
            Shape.fail
                $"irfft: axis {axis} of shape {Shape.show re.Node.Shape} does not hold half of a transform of length {n}; want ⌊{n}/2⌋ + 1 elements"

        let there, back = toEnd axis re.Rank

        // Every k but 0 and n/2 stands for −k too.
        let weights =
            Graph.weak [| count |] (Array.init count (fun k -> (if k = 0 || 2 * k = n then 1.0 else 2.0) / float n))

        let whole (x: Tensor) =
            let row = transpose there x.Node
            let r = row.Shape.Length
            let high = Array.init r (fun d -> if d = r - 1 then n - count else 0)
            pad (Array.zeroCreate r) high (Array.zeroCreate r) (mul row (broadcast row.Shape [| r - 1 |] weights))

        let x, _ = rows true n (whole re) (whole im)
        Tensor(transpose back x)

    /// <summary>Fourier transform along the last two axes.</summary>
    /// <param name="re">Real parts, shape [..., m, n].</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, or there are fewer than two axes, or one is empty.</exception>
    let fft2 (re: Tensor, im: Tensor) : Tensor * Tensor = (re, im) |> fft -1 |> fft -2

    /// <summary>Inverse Fourier transform along the last two axes.</summary>
    /// <param name="re">Real parts, shape [..., m, n].</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ, or there are fewer than two axes, or one is empty.</exception>
    let ifft2 (re: Tensor, im: Tensor) : Tensor * Tensor = (re, im) |> ifft -1 |> ifft -2

    /// <summary>Frequencies that belong to the places of `fft`: 0, 1, …, −2, −1 over n · spacing.</summary>
    /// <param name="n">Length of the transform, at least 1.</param>
    /// <param name="spacing">Distance between samples, in the unit whose inverse the frequencies have.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="T:Hesse.HesseException">The length is less than 1.</exception>
    let fftfreq (n: int) (spacing: float) : Tensor =
        if n < 1 then
            Shape.fail $"fftfreq: length {n} is less than 1"

        Tensor.ofArray (Array.init n (fun k -> float (if k < (n + 1) / 2 then k else k - n) / (float n * spacing)))

    /// <summary>Frequencies that belong to the places of `rfft`: 0, 1, …, ⌊n/2⌋ over n · spacing.</summary>
    /// <param name="n">Length of the real axis, at least 1.</param>
    /// <param name="spacing">Distance between samples, in the unit whose inverse the frequencies have.</param>
    /// <returns>Shape [⌊n/2⌋ + 1].</returns>
    /// <exception cref="T:Hesse.HesseException">The length is less than 1.</exception>
    let rfftfreq (n: int) (spacing: float) : Tensor =
        if n < 1 then
            Shape.fail $"rfftfreq: length {n} is less than 1"

        Tensor.ofArray (Array.init (n / 2 + 1) (fun k -> float k / (float n * spacing)))
