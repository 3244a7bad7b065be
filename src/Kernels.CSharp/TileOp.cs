namespace Hesse.Kernels;

/// <summary>Elementwise micro-operations of a fused loop, on float64. Comparisons return 1.0 or 0.0.</summary>
public enum TileOp
{
    /// <summary>a.</summary>
    Copy,

    /// <summary>-a.</summary>
    Neg,

    /// <summary>e^a.</summary>
    Exp,

    /// <summary>e^a - 1, accurate near 0.</summary>
    Expm1,

    /// <summary>Natural logarithm; NaN below 0, -infinity at 0.</summary>
    Log,

    /// <summary>log(1 + a), accurate near 0.</summary>
    Log1p,

    /// <summary>Square root; NaN below 0.</summary>
    Sqrt,

    /// <summary>Sine of a in radians.</summary>
    Sin,

    /// <summary>Cosine of a in radians.</summary>
    Cos,

    /// <summary>Hyperbolic tangent.</summary>
    Tanh,

    /// <summary>Logistic function 1 / (1 + e^-a).</summary>
    Sigmoid,

    /// <summary>Error function 2/sqrt(pi) ∫₀^a e^(-t²) dt.</summary>
    Erf,

    /// <summary>Complementary error function 1 - erf a, accurate in the right tail.</summary>
    Erfc,

    /// <summary>Scaled complementary error function e^(a²) erfc a.</summary>
    Erfcx,

    /// <summary>Logarithm of the standard normal distribution function, accurate in both tails.</summary>
    LogNormalCdf,

    /// <summary>log(1 + e^a), without overflow.</summary>
    Softplus,

    /// <summary>Hyperbolic sine.</summary>
    Sinh,

    /// <summary>Hyperbolic cosine.</summary>
    Cosh,

    /// <summary>Inverse sine; NaN outside [-1, 1].</summary>
    Asin,

    /// <summary>Inverse cosine; NaN outside [-1, 1].</summary>
    Acos,

    /// <summary>Inverse tangent.</summary>
    Atan,

    /// <summary>Inverse hyperbolic sine.</summary>
    Asinh,

    /// <summary>Inverse hyperbolic cosine; NaN below 1.</summary>
    Acosh,

    /// <summary>Inverse hyperbolic tangent; NaN outside [-1, 1].</summary>
    Atanh,

    /// <summary>Cube root.</summary>
    Cbrt,

    /// <summary>log |Γ(a)|; +infinity at the poles.</summary>
    LogGamma,

    /// <summary>|a|.</summary>
    Abs,

    /// <summary>1 above 0, -1 below 0, and a itself where a is ±0 or NaN.</summary>
    Sign,

    /// <summary>Largest integer not above a.</summary>
    Floor,

    /// <summary>a rounded to float32.</summary>
    Narrow,

    /// <summary>a, a float32 number, as it is.</summary>
    Widen,

    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Sub,

    /// <summary>a · b.</summary>
    Mul,

    /// <summary>a / b.</summary>
    Div,

    /// <summary>a^b with the special values of IEEE 754 pow.</summary>
    Pow,

    /// <summary>The angle of the point (b, a), in (-π, π]; 0 or ±π at the origin, by the signs of the zeros.</summary>
    Atan2,

    /// <summary>Derivative of order a (whole, 0 to 170) of the digamma function at b.</summary>
    Polygamma,

    /// <summary>The larger of a and b; NaN when either is NaN; +0 is larger than -0.</summary>
    Max,

    /// <summary>The smaller of a and b; NaN when either is NaN; -0 is smaller than +0.</summary>
    Min,

    /// <summary>1.0 where a &gt; b, else 0.0 (also with NaN).</summary>
    Greater,

    /// <summary>1.0 where a ≥ b, else 0.0 (also with NaN).</summary>
    GreaterEqual,

    /// <summary>1.0 where a = b, else 0.0 (also with NaN).</summary>
    Equal,

    /// <summary>b where a ≠ 0 (NaN counts as not 0), else c.</summary>
    Select,
}
