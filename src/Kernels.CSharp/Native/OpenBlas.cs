using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>The OpenBLAS library, looked for once per process.</summary>
internal sealed unsafe class OpenBlas
{
    private const int RowMajor = 101;
    private const int NoTranspose = 111;
    private const int Transposed = 112;

    private static readonly string[] Names =
        ["libopenblas.so.0", "libopenblas.so", "openblas", "libopenblas.dll", "libopenblas.dylib"];

    private static readonly Lazy<OpenBlas?> Found = new(Find, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>
    /// Multiply-adds from which all threads are used. Below it, waking the second thread costs about what it saves on an
    /// idle machine, and many times the product itself on a busy one (the library's threads spin while they wait).
    /// </summary>
    private const long ThreadingLimit = 1 << 22;

    private readonly delegate* unmanaged[Cdecl]<int, void> setThreads;
    private volatile int threadsInUse;

    private readonly delegate* unmanaged[Cdecl]<
        int, int, int, int, int, int, double, double*, int, double*, int, double, double*, int, void> gemm;

    private readonly delegate* unmanaged[Cdecl]<
        int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> singleGemm;

    private OpenBlas(nint library, nint gemm, nint singleGemm)
    {
        this.singleGemm = (delegate* unmanaged[Cdecl]<
            int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)singleGemm;
        this.gemm = (delegate* unmanaged[Cdecl]<
            int, int, int, int, int, int, double, double*, int, double*, int, double, double*, int, void>)gemm;
        Version = "unknown version";
        Threads = 1;
        if (NativeLibrary.TryGetExport(library, "openblas_get_config", out nint config))
        {
            // The text starts with "OpenBLAS 0.3.21 ...".
            string text = Marshal.PtrToStringAnsi(((delegate* unmanaged[Cdecl]<nint>)config)()) ?? "";
            string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Version = words.Length > 1 ? words[1] : Version;
        }

        if (NativeLibrary.TryGetExport(library, "openblas_get_num_threads", out nint threads))
        {
            Threads = ((delegate* unmanaged[Cdecl]<int>)threads)();
        }

        threadsInUse = Threads;
        if (NativeLibrary.TryGetExport(library, "openblas_set_num_threads", out nint set))
        {
            setThreads = (delegate* unmanaged[Cdecl]<int, void>)set;
        }

        Lapack = NativeLapack.TryLoad(library);
    }

    /// <summary>The library, or null when it is absent or HESSE_BLAS=managed.</summary>
    public static OpenBlas? Instance => Found.Value;

    /// <summary>Version number.</summary>
    public string Version { get; }

    /// <summary>Threads that it uses for large products.</summary>
    public int Threads { get; }

    /// <summary>Its LAPACK, or null when that part is absent.</summary>
    public NativeLapack? Lapack { get; }

    /// <summary>LAPACK for matrices of order <paramref name="n"/>, with one thread for small ones, or null when it is absent.</summary>
    public static NativeLapack? LapackFor(int n)
    {
        OpenBlas? blas = Instance;
        blas?.UseThreads((long)n * n * n >= ThreadingLimit ? blas.Threads : 1);
        return blas?.Lapack;
    }

    /// <summary>c = op(a) op(b); arguments as in <see cref="Gemm.Multiply(bool, bool, int, int, int, double*, int, double*, int, double*, int)"/>, all sizes at least 1; a share of a larger product stays on its thread.</summary>
    public void Multiply(
        bool transA, bool transB, int m, int n, int k, double* a, int lda, double* b, int ldb, double* c, int ldc, bool isShare)
    {
        UseThreads(!isShare && (long)m * n * k >= ThreadingLimit ? Threads : 1);
        gemm(RowMajor, transA ? Transposed : NoTranspose, transB ? Transposed : NoTranspose, m, n, k, 1.0, a, lda, b, ldb, 0.0, c, ldc);
    }

    /// <summary>c = op(a) op(b) in float32; arguments as in <see cref="Gemm.Multiply(bool, bool, int, int, int, float*, int, float*, int, float*, int)"/>.</summary>
    public void Multiply(
        bool transA, bool transB, int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc, bool isShare)
    {
        UseThreads(!isShare && (long)m * n * k >= ThreadingLimit ? Threads : 1);
        singleGemm(
            RowMajor, transA ? Transposed : NoTranspose, transB ? Transposed : NoTranspose, m, n, k, 1f, a, lda, b, ldb, 0f, c, ldc);
    }

    /// <summary>Sets how many threads the next call may use; calls from several threads may race, which changes only speed.</summary>
    public void UseThreads(int count)
    {
        if (setThreads != null && threadsInUse != count)
        {
            threadsInUse = count;
            setThreads(count);
        }
    }

    private static OpenBlas? Find()
    {
        if (string.Equals(Environment.GetEnvironmentVariable("HESSE_BLAS"), "managed", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        foreach (string name in Names)
        {
            if (NativeLibrary.TryLoad(name, out nint library)
                && NativeLibrary.TryGetExport(library, "cblas_dgemm", out nint gemm)
                && NativeLibrary.TryGetExport(library, "cblas_sgemm", out nint singleGemm))
            {
                return new OpenBlas(library, gemm, singleGemm);
            }
        }

        return null;
    }
}
