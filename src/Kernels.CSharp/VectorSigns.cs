using System;

namespace Hesse.Kernels;

/// <summary>The choice of sign of eigenvectors and singular vectors.</summary>
internal static unsafe class VectorSigns
{
    /// <summary>Makes the first of the largest elements of each column (to 10⁻⁸) positive, so that the libraries agree.</summary>
    /// <param name="vectors">Vectors in columns, shape [rows; columns]; changed in place.</param>
    /// <param name="rows">Length of a vector.</param>
    /// <param name="columns">Number of vectors.</param>
    /// <param name="partners">Further vectors in columns that change sign with them, or null.</param>
    /// <param name="partnerRows">Length of a partner.</param>
    public static void Fix(double* vectors, int rows, int columns, double* partners, int partnerRows)
    {
        for (int j = 0; j < columns; j++)
        {
            double largest = 0;
            for (int i = 0; i < rows; i++)
            {
                double x = vectors[((long)i * columns) + j];
                largest = Math.Abs(x) > Math.Abs(largest) * (1 + 1e-8) ? x : largest;
            }

            if (largest < 0)
            {
                Negate(vectors + j, rows, columns);
                Negate(partners + j, partnerRows, columns);
            }
        }
    }

    private static void Negate(double* x, int count, int stride)
    {
        for (int i = 0; i < count; i++)
        {
            x[(long)i * stride] = -x[(long)i * stride];
        }
    }
}
