using System;
using CoreFft = Hesse.Fft;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <summary>Discrete Fourier transforms along an axis of any length; complex tensors are pairs of real ones.</summary>
/// <remarks>The forward transform has no factor, the inverse has 1/n.</remarks>
public static class Fft
{
    /// <summary>Fourier transform along an axis: X[k] = Σ x[j] e^(−2πi jk/n).</summary>
    /// <param name="re">Real parts, any shape.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ, or the axis is out of range or empty.</exception>
    public static (Tensor Re, Tensor Im) Forward(Tensor re, Tensor im, int axis = -1) =>
        Pair(CoreFft.fft(axis, Tensor.Unwrap(re, nameof(re)), Tensor.Unwrap(im, nameof(im))));

    /// <summary>Inverse Fourier transform along an axis: x[j] = 1/n Σ X[k] e^(2πi jk/n).</summary>
    /// <param name="re">Real parts, any shape.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ, or the axis is out of range or empty.</exception>
    public static (Tensor Re, Tensor Im) Inverse(Tensor re, Tensor im, int axis = -1) =>
        Pair(CoreFft.ifft(axis, Tensor.Unwrap(re, nameof(re)), Tensor.Unwrap(im, nameof(im))));

    /// <summary>The first half of the Fourier transform of real numbers, k = 0 … ⌊n/2⌋.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="axis">The axis, of length n; negative counts from the end.</param>
    /// <returns>Real and imaginary parts; the axis has length ⌊n/2⌋ + 1.</returns>
    /// <exception cref="ArgumentNullException">The tensor is null.</exception>
    /// <exception cref="HesseException">The axis is out of range or empty.</exception>
    public static (Tensor Re, Tensor Im) RealForward(Tensor x, int axis = -1) => Pair(CoreFft.rfft(axis, Tensor.Unwrap(x, nameof(x))));

    /// <summary>The real numbers whose Fourier transform has this first half: the inverse of <see cref="RealForward"/>.</summary>
    /// <param name="re">Real parts; the axis has length ⌊n/2⌋ + 1.</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <param name="n">Length of the axis in the result.</param>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The axis has length n.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ, or do not fit n.</exception>
    public static Tensor RealInverse(Tensor re, Tensor im, int n, int axis = -1) =>
        new(CoreFft.irfft(axis, n, Tensor.Unwrap(re, nameof(re)), Tensor.Unwrap(im, nameof(im))));

    /// <summary>Fourier transform along the last two axes.</summary>
    /// <param name="re">Real parts, shape [..., m, n].</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ, or there are fewer than two axes, or one is empty.</exception>
    public static (Tensor Re, Tensor Im) Forward2D(Tensor re, Tensor im) =>
        Pair(CoreFft.fft2(Tensor.Unwrap(re, nameof(re)), Tensor.Unwrap(im, nameof(im))));

    /// <summary>Inverse Fourier transform along the last two axes.</summary>
    /// <param name="re">Real parts, shape [..., m, n].</param>
    /// <param name="im">Imaginary parts, the same shape.</param>
    /// <returns>Real and imaginary parts, the same shape.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ, or there are fewer than two axes, or one is empty.</exception>
    public static (Tensor Re, Tensor Im) Inverse2D(Tensor re, Tensor im) =>
        Pair(CoreFft.ifft2(Tensor.Unwrap(re, nameof(re)), Tensor.Unwrap(im, nameof(im))));

    /// <summary>Frequencies that belong to the places of <see cref="Forward"/>: 0, 1, …, −2, −1 over n · spacing.</summary>
    /// <param name="n">Length of the transform, at least 1.</param>
    /// <param name="spacing">Distance between samples, in the unit whose inverse the frequencies have.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="HesseException">The length is less than 1.</exception>
    public static Tensor Frequencies(int n, double spacing = 1.0) => new(CoreFft.fftfreq(n, spacing));

    /// <summary>Frequencies that belong to the places of <see cref="RealForward"/>: 0, 1, …, ⌊n/2⌋ over n · spacing.</summary>
    /// <param name="n">Length of the real axis, at least 1.</param>
    /// <param name="spacing">Distance between samples, in the unit whose inverse the frequencies have.</param>
    /// <returns>Shape [⌊n/2⌋ + 1].</returns>
    /// <exception cref="HesseException">The length is less than 1.</exception>
    public static Tensor RealFrequencies(int n, double spacing = 1.0) => new(CoreFft.rfftfreq(n, spacing));

    private static (Tensor Re, Tensor Im) Pair(Tuple<CoreTensor, CoreTensor> pair) => (new Tensor(pair.Item1), new Tensor(pair.Item2));
}
