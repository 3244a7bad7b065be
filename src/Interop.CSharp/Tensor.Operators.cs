namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>Sum.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public static Tensor operator +(Tensor a, Tensor b) => new(Unwrap(a, nameof(a)) + Unwrap(b, nameof(b)));

    /// <summary>Sum.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">A number.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator +(Tensor a, double b) => new(Unwrap(a, nameof(a)) + b);

    /// <summary>Sum.</summary>
    /// <param name="a">A number.</param>
    /// <param name="b">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator +(double a, Tensor b) => new(a + Unwrap(b, nameof(b)));

    /// <summary>Difference.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public static Tensor operator -(Tensor a, Tensor b) => new(Unwrap(a, nameof(a)) - Unwrap(b, nameof(b)));

    /// <summary>Difference.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">A number.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator -(Tensor a, double b) => new(Unwrap(a, nameof(a)) - b);

    /// <summary>Difference.</summary>
    /// <param name="a">A number.</param>
    /// <param name="b">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator -(double a, Tensor b) => new(a - Unwrap(b, nameof(b)));

    /// <summary>Elementwise product.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public static Tensor operator *(Tensor a, Tensor b) => new(Unwrap(a, nameof(a)) * Unwrap(b, nameof(b)));

    /// <summary>Elementwise product.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">A number.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator *(Tensor a, double b) => new(Unwrap(a, nameof(a)) * b);

    /// <summary>Elementwise product.</summary>
    /// <param name="a">A number.</param>
    /// <param name="b">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator *(double a, Tensor b) => new(a * Unwrap(b, nameof(b)));

    /// <summary>Elementwise quotient.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public static Tensor operator /(Tensor a, Tensor b) => new(Unwrap(a, nameof(a)) / Unwrap(b, nameof(b)));

    /// <summary>Elementwise quotient.</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">A number.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator /(Tensor a, double b) => new(Unwrap(a, nameof(a)) / b);

    /// <summary>Elementwise quotient.</summary>
    /// <param name="a">A number.</param>
    /// <param name="b">Any shape.</param>
    /// <returns>The shape of the tensor.</returns>
    public static Tensor operator /(double a, Tensor b) => new(a / Unwrap(b, nameof(b)));

    /// <summary>Negative.</summary>
    /// <param name="a">Any shape.</param>
    /// <returns>The same shape.</returns>
    public static Tensor operator -(Tensor a) => new(-Unwrap(a, nameof(a)));
}
