using System;

namespace Hesse.Cli;

/// <summary>The numerical libraries in use, as the kernels name them.</summary>
/// <param name="MatrixProduct">What multiplies matrices, e.g. "OpenBLAS 0.3.21".</param>
/// <param name="LinearAlgebra">What decomposes them, e.g. "LAPACK (OpenBLAS 0.3.21)".</param>
internal sealed record BackendNames(string MatrixProduct, string LinearAlgebra)
{
    /// <summary>Why matrices are slower than they could be and what to do about it; null when OpenBLAS is in use.</summary>
    /// <param name="managedWanted">Whether HESSE_BLAS=managed keeps OpenBLAS out.</param>
    public string? Advice(bool managedWanted)
    {
        if (MatrixProduct.Contains("OpenBLAS", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        return managedWanted
            ? "OpenBLAS is kept out by HESSE_BLAS=managed; large matrices are slower"
            : "OpenBLAS was not found, so large matrices are slower; " + Installation();
    }

    private static string Installation() =>
        OperatingSystem.IsMacOS() ? "brew install openblas"
        : OperatingSystem.IsWindows() ? "put libopenblas.dll in a folder on the PATH"
        : "install libopenblas (Debian and Ubuntu: apt install libopenblas0; Fedora: dnf install openblas)";
}
