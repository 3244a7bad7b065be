using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Which libraries compute matrix products and decompositions in this process.</summary>
/// <remarks>OpenBLAS is looked for once. The environment variable HESSE_BLAS=managed keeps it out.</remarks>
public static class Backend
{
    /// <summary>Name of the matrix product, such as "OpenBLAS 0.3.21 (2 threads)" or "Hesse C# kernel (Vector512)".</summary>
    public static string MatrixProduct => OpenBlas.Instance is { } blas
        ? string.Create(CultureInfo.InvariantCulture, $"OpenBLAS {blas.Version} ({blas.Threads} threads)")
        : $"Hesse C# kernel ({ManagedGemm.Registers})";

    /// <summary>Name of the decompositions, such as "LAPACK of OpenBLAS 0.3.21" or "MathNet.Numerics 5.0.0".</summary>
    public static string LinearAlgebra => OpenBlas.Instance is { Lapack: not null } blas
        ? $"LAPACK of OpenBLAS {blas.Version}"
        : $"MathNet.Numerics {typeof(MathNet.Numerics.SpecialFunctions).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>Whether a native BLAS is in use.</summary>
    public static bool HasNativeBlas => OpenBlas.Instance is not null;

    /// <summary>Whether a native LAPACK is in use.</summary>
    public static bool HasNativeLapack => OpenBlas.Instance is { Lapack: not null };
}
