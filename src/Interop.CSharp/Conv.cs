using System;
using Microsoft.FSharp.Collections;
using CoreConv = Hesse.Conv;

namespace Hesse.Interop;

/// <summary>Convolution and pooling along the last one or two axes; a convolution is a cross-correlation, as everywhere in deep learning.</summary>
/// <remarks>One number stands for all spatial axes. Without a padding there are as many zeros as make ⌈length / stride⌉ windows.</remarks>
public static class Conv
{
    /// <summary>One-dimensional convolution with a bank of kernels.</summary>
    /// <param name="x">Shape [batch; channels; length], or [channels; length].</param>
    /// <param name="kernel">Shape [outputs; channels / groups; window].</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Zeros on either side of the axis; null for ⌈length / stride⌉ windows.</param>
    /// <param name="dilation">Distance between neighbours of the kernel's window.</param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <returns>Shape [batch; outputs; places], or without the batch axis.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">Shapes and numbers do not fit.</exception>
    public static Tensor Conv1D(Tensor x, Tensor kernel, int stride = 1, int? padding = 0, int dilation = 1, int groups = 1) =>
        new(CoreConv.conv1d(Options(stride, padding, dilation, groups), Tensor.Unwrap(x, nameof(x)), Tensor.Unwrap(kernel, nameof(kernel))));

    /// <summary>Two-dimensional convolution with a bank of kernels.</summary>
    /// <param name="x">Shape [batch; channels; height; width], or [channels; height; width].</param>
    /// <param name="kernel">Shape [outputs; channels / groups; rows; columns].</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Zeros on each side; null for ⌈length / stride⌉ windows along each axis.</param>
    /// <param name="dilation">Distance between neighbours of the kernel's window.</param>
    /// <param name="groups">Number of groups of channels.</param>
    /// <returns>Shape [batch; outputs; places down; places across], or without the batch axis.</returns>
    /// <exception cref="ArgumentNullException">A tensor is null.</exception>
    /// <exception cref="HesseException">Shapes and numbers do not fit.</exception>
    public static Tensor Conv2D(Tensor x, Tensor kernel, int stride = 1, int? padding = 0, int dilation = 1, int groups = 1) =>
        new(CoreConv.conv2d(Options(stride, padding, dilation, groups), Tensor.Unwrap(x, nameof(x)), Tensor.Unwrap(kernel, nameof(kernel))));

    /// <summary>The largest element of each window of the last axis; ties share the derivative equally.</summary>
    /// <param name="x">Shape [..., length].</param>
    /// <param name="window">Length of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Places on either side that never are the largest; null for ⌈length / stride⌉ windows.</param>
    /// <returns>Shape [..., places].</returns>
    /// <exception cref="ArgumentNullException">The tensor is null.</exception>
    /// <exception cref="HesseException">No window fits, or one lies in the padding altogether.</exception>
    public static Tensor MaxPool1D(Tensor x, int window, int stride, int? padding = 0) =>
        new(CoreConv.maxPool1d(window, stride, Around(padding), Tensor.Unwrap(x, nameof(x))));

    /// <summary>The largest element of each window of the last two axes; ties share the derivative equally.</summary>
    /// <param name="x">Shape [..., height, width].</param>
    /// <param name="window">Rows and columns of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Places on each side that never are the largest; null for ⌈length / stride⌉ windows along each axis.</param>
    /// <returns>Shape [..., places down, places across].</returns>
    /// <exception cref="ArgumentNullException">The tensor is null.</exception>
    /// <exception cref="HesseException">No window fits, or one lies in the padding altogether.</exception>
    public static Tensor MaxPool2D(Tensor x, int window, int stride, int? padding = 0) =>
        new(CoreConv.maxPool2d(One(window), One(stride), Around(padding), Tensor.Unwrap(x, nameof(x))));

    /// <summary>The mean of each window of the last axis; zeros of the padding count.</summary>
    /// <param name="x">Shape [..., length].</param>
    /// <param name="window">Length of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Zeros on either side; null for ⌈length / stride⌉ windows.</param>
    /// <returns>Shape [..., places].</returns>
    /// <exception cref="ArgumentNullException">The tensor is null.</exception>
    /// <exception cref="HesseException">No window fits, or one lies in the padding altogether.</exception>
    public static Tensor AvgPool1D(Tensor x, int window, int stride, int? padding = 0) =>
        new(CoreConv.avgPool1d(window, stride, Around(padding), Tensor.Unwrap(x, nameof(x))));

    /// <summary>The mean of each window of the last two axes; zeros of the padding count.</summary>
    /// <param name="x">Shape [..., height, width].</param>
    /// <param name="window">Rows and columns of a window.</param>
    /// <param name="stride">Distance between neighbouring windows.</param>
    /// <param name="padding">Zeros on each side; null for ⌈length / stride⌉ windows along each axis.</param>
    /// <returns>Shape [..., places down, places across].</returns>
    /// <exception cref="ArgumentNullException">The tensor is null.</exception>
    /// <exception cref="HesseException">No window fits, or one lies in the padding altogether.</exception>
    public static Tensor AvgPool2D(Tensor x, int window, int stride, int? padding = 0) =>
        new(CoreConv.avgPool2d(One(window), One(stride), Around(padding), Tensor.Unwrap(x, nameof(x))));

    private static FSharpList<int> One(int value) => ListModule.Singleton(value);

    private static ConvPadding Around(int? padding) =>
        padding is { } zeros ? ConvPadding.NewExplicit(ListModule.Singleton(Tuple.Create(zeros, zeros))) : ConvPadding.Same;

    private static ConvOptions Options(int stride, int? padding, int dilation, int groups) =>
        new(One(stride), Around(padding), One(1), One(dilation), groups);
}
