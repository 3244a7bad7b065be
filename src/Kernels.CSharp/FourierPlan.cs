using System;
using System.Collections.Generic;
using System.Numerics;

namespace Hesse.Kernels;

/// <summary>The discrete Fourier transform of one length, with its tables: X[k] = Σ x[j] e^(−2πi jk/n), without a factor.</summary>
/// <remarks>
/// Lengths with small prime factors go by Stockham's mixed radices, in O(n log n) and in order; others by Bluestein's convolution with a chirp,
/// which is a product of transforms whose length is a power of two. The inverse without its factor is the same transform with real and
/// imaginary parts exchanged. Thread-safe: working memory is the caller's.
/// </remarks>
internal sealed unsafe class FourierPlan
{
    /// <summary>A butterfly of prime order p costs p² operations; above this a chirp is cheaper.</summary>
    private const int LargestRadix = 31;

    private readonly int n;
    private readonly int[] radices;

    /// <summary>cos and −sin of 2πt/n.</summary>
    private readonly double[] cosine;
    private readonly double[] sine;

    private readonly FourierPlan? chirped;

    /// <summary>e^(−πi j²/n), and the transform of its conjugate, periodic and divided by its length.</summary>
    private readonly double[] chirpRe = [];
    private readonly double[] chirpIm = [];
    private readonly double[] filterRe = [];
    private readonly double[] filterIm = [];

    /// <summary>Makes the tables.</summary>
    /// <param name="n">The length, at least 1.</param>
    public FourierPlan(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        this.n = n;
        radices = Factors(n);
        cosine = [];
        sine = [];
        if (radices.Length == 0 || radices[^1] <= LargestRadix)
        {
            cosine = new double[n];
            sine = new double[n];
            for (int t = 0; t < n; t++)
            {
                (double s, double c) = double.SinCosPi(2.0 * t / n);
                (cosine[t], sine[t]) = (c, -s);
            }

            return;
        }

        int length = (int)BitOperations.RoundUpToPowerOf2((uint)((2 * n) - 1));
        chirped = new FourierPlan(length);
        chirpRe = new double[n];
        chirpIm = new double[n];
        filterRe = new double[length];
        filterIm = new double[length];
        for (int j = 0; j < n; j++)
        {
            (double s, double c) = double.SinCosPi((long)j * j % (2L * n) / (double)n);
            (chirpRe[j], chirpIm[j]) = (c, -s);
            filterRe[j] = filterRe[(length - j) % length] = c / length;
            filterIm[j] = filterIm[(length - j) % length] = s / length;
        }

        double[] work = new double[chirped.WorkSize];
        fixed (double* re = filterRe, im = filterIm, w = work)
        {
            chirped.Transform(re, im, w);
        }
    }

    /// <summary>Elements of working memory that <see cref="Transform"/> needs.</summary>
    public long WorkSize => chirped is null ? 2L * n : (2L * filterRe.Length) + chirped.WorkSize;

    /// <summary>Multiplications and additions of one transform, about.</summary>
    public long Flops => chirped is null ? (long)(5.0 * n * Math.Log2(Math.Max(2, n))) : (2 * chirped.Flops) + (6L * filterRe.Length);

    /// <summary>Transforms in place.</summary>
    /// <param name="re">Real parts.</param>
    /// <param name="im">Imaginary parts.</param>
    /// <param name="work">Working memory of <see cref="WorkSize"/> elements.</param>
    public void Transform(double* re, double* im, double* work)
    {
        if (chirped is not null)
        {
            ByChirp(re, im, work);
            return;
        }

        int done = 1;
        for (int pass = 0; pass < radices.Length; pass++)
        {
            // The passes go to and fro between the data and the working memory.
            bool there = pass % 2 == 0;
            double* fromRe = there ? re : work, fromIm = there ? im : work + n;
            double* toRe = there ? work : re, toIm = there ? work + n : im;
            int radix = radices[pass];
            int groups = n / (radix * done);
            switch (radix)
            {
                case 2:
                    Two(fromRe, fromIm, toRe, toIm, groups, done);
                    break;
                case 4:
                    Four(fromRe, fromIm, toRe, toIm, groups, done);
                    break;
                default:
                    Any(radix, fromRe, fromIm, toRe, toIm, groups, done);
                    break;
            }

            done *= radix;
        }

        if (radices.Length % 2 == 1)
        {
            Memory.Copy(work, re, n);
            Memory.Copy(work + n, im, n);
        }
    }

    /// <summary>Radices of a length: fours, then primes ascending.</summary>
    private static int[] Factors(int n)
    {
        List<int> factors = [];
        while (n % 4 == 0)
        {
            factors.Add(4);
            n /= 4;
        }

        for (int p = 2; n > 1; p++)
        {
            if ((long)p * p > n)
            {
                p = n;
            }

            while (n % p == 0)
            {
                factors.Add(p);
                n /= p;
            }
        }

        return [.. factors];
    }

    /// <summary>One pass of radix 2: the elements p and p + m of each of <paramref name="run"/> interleaved transforms.</summary>
    private void Two(double* xr, double* xi, double* yr, double* yi, int m, int run)
    {
        for (int p = 0; p < m; p++)
        {
            double wr = cosine[p * run], wi = sine[p * run];
            long a = (long)run * p, b = (long)run * (p + m), to = 2 * a;
            for (int q = 0; q < run; q++)
            {
                double dr = xr[a + q] - xr[b + q], di = xi[a + q] - xi[b + q];
                yr[to + q] = xr[a + q] + xr[b + q];
                yi[to + q] = xi[a + q] + xi[b + q];
                yr[to + run + q] = (dr * wr) - (di * wi);
                yi[to + run + q] = (dr * wi) + (di * wr);
            }
        }
    }

    private void Four(double* xr, double* xi, double* yr, double* yi, int m, int run)
    {
        for (int p = 0; p < m; p++)
        {
            double w1r = cosine[p * run], w1i = sine[p * run];
            double w2r = cosine[2 * p * run], w2i = sine[2 * p * run];
            double w3r = cosine[3 * p * run], w3i = sine[3 * p * run];
            long a = (long)run * p, step = (long)run * m, to = 4 * a;
            for (int q = 0; q < run; q++, a++, to++)
            {
                double sr = xr[a] + xr[a + (2 * step)], si = xi[a] + xi[a + (2 * step)];
                double dr = xr[a] - xr[a + (2 * step)], di = xi[a] - xi[a + (2 * step)];
                double tr = xr[a + step] + xr[a + (3 * step)], ti = xi[a + step] + xi[a + (3 * step)];

                // The difference of the odd ones, times −i.
                double er = xi[a + step] - xi[a + (3 * step)], ei = xr[a + (3 * step)] - xr[a + step];
                yr[to] = sr + tr;
                yi[to] = si + ti;
                yr[to + run] = ((dr + er) * w1r) - ((di + ei) * w1i);
                yi[to + run] = ((dr + er) * w1i) + ((di + ei) * w1r);
                yr[to + (2L * run)] = ((sr - tr) * w2r) - ((si - ti) * w2i);
                yi[to + (2L * run)] = ((sr - tr) * w2i) + ((si - ti) * w2r);
                yr[to + (3L * run)] = ((dr - er) * w3r) - ((di - ei) * w3i);
                yi[to + (3L * run)] = ((dr - er) * w3i) + ((di - ei) * w3r);
            }
        }
    }

    private void Any(int radix, double* xr, double* xi, double* yr, double* yi, int m, int run)
    {
        int turn = n / radix;
        for (int p = 0; p < m; p++)
        {
            for (int j = 0; j < radix; j++)
            {
                double wr = cosine[p * j * run], wi = sine[p * j * run];
                long to = (long)run * ((radix * (long)p) + j);
                for (int q = 0; q < run; q++)
                {
                    double sr = 0, si = 0;
                    for (int k = 0; k < radix; k++)
                    {
                        long at = q + ((long)run * (p + ((long)m * k)));
                        int t = j * k % radix * turn;
                        sr += (xr[at] * cosine[t]) - (xi[at] * sine[t]);
                        si += (xr[at] * sine[t]) + (xi[at] * cosine[t]);
                    }

                    yr[to + q] = (sr * wr) - (si * wi);
                    yi[to + q] = (sr * wi) + (si * wr);
                }
            }
        }
    }

    /// <summary>jk = (j² + k² − (k − j)²)/2 makes the transform a convolution with a chirp (Bluestein 1970).</summary>
    private void ByChirp(double* re, double* im, double* work)
    {
        int length = filterRe.Length;
        double* a = work, b = work + length, inner = work + (2L * length);
        Memory.Fill(work, 2L * length, 0.0);
        for (int j = 0; j < n; j++)
        {
            a[j] = (re[j] * chirpRe[j]) - (im[j] * chirpIm[j]);
            b[j] = (re[j] * chirpIm[j]) + (im[j] * chirpRe[j]);
        }

        chirped!.Transform(a, b, inner);
        for (int k = 0; k < length; k++)
        {
            double x = a[k];
            a[k] = (x * filterRe[k]) - (b[k] * filterIm[k]);
            b[k] = (x * filterIm[k]) + (b[k] * filterRe[k]);
        }

        chirped.Transform(b, a, inner);
        for (int k = 0; k < n; k++)
        {
            re[k] = (a[k] * chirpRe[k]) - (b[k] * chirpIm[k]);
            im[k] = (a[k] * chirpIm[k]) + (b[k] * chirpRe[k]);
        }
    }
}
