namespace Hesse.Cli;

/// <summary>The numerical libraries in use, as the kernels name them.</summary>
/// <param name="MatrixProduct">What multiplies matrices, e.g. "OpenBLAS 0.3.21".</param>
/// <param name="LinearAlgebra">What decomposes them, e.g. "LAPACK (OpenBLAS 0.3.21)".</param>
internal sealed record BackendNames(string MatrixProduct, string LinearAlgebra);
