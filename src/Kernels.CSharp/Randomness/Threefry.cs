using System.Numerics;

namespace Hesse.Kernels;

/// <summary>
/// The counter-based generator Threefry-2×64 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as
/// 1, 2, 3"): a block cipher whose key is the stream and whose text is the position in it.
/// </summary>
public static class Threefry
{
    /// <summary>Splitting and drawing use separate halves of the counter space.</summary>
    private const ulong Splitting = 0x8000000000000000;

    /// <summary>The key-schedule constant of the Skein hash function, which Threefry uses.</summary>
    private const ulong Parity = 0x1BD11BDAA9FC1A22;

    /// <summary>The 128 random bits for a counter under a key.</summary>
    /// <param name="key0">First half of the key.</param>
    /// <param name="key1">Second half of the key.</param>
    /// <param name="counter0">First half of the counter.</param>
    /// <param name="counter1">Second half of the counter.</param>
    /// <returns>Both halves of the bits.</returns>
    public static (ulong First, ulong Second) Block(ulong key0, ulong key1, ulong counter0, ulong counter1)
    {
        ulong key2 = key0 ^ key1 ^ Parity;
        ulong x = counter0 + key0, y = counter1 + key1;
        Mix(ref x, ref y, 16, 42, 12, 31);
        Inject(ref x, ref y, key1, key2, 1);
        Mix(ref x, ref y, 16, 32, 24, 21);
        Inject(ref x, ref y, key2, key0, 2);
        Mix(ref x, ref y, 16, 42, 12, 31);
        Inject(ref x, ref y, key0, key1, 3);
        Mix(ref x, ref y, 16, 32, 24, 21);
        Inject(ref x, ref y, key1, key2, 4);
        Mix(ref x, ref y, 16, 42, 12, 31);
        Inject(ref x, ref y, key2, key0, 5);
        return (x, y);
    }

    /// <summary>Key number <paramref name="index"/> of those that a key splits into.</summary>
    /// <param name="key0">First half of the parent.</param>
    /// <param name="key1">Second half of the parent.</param>
    /// <param name="index">Which one.</param>
    /// <returns>Both halves of the key.</returns>
    public static (ulong First, ulong Second) Fold(ulong key0, ulong key1, long index) =>
        Block(key0, key1, (ulong)index, Splitting);

    /// <summary>53 random bits as a number in [0, 1): a multiple of 2⁻⁵³.</summary>
    /// <param name="bits">64 random bits.</param>
    /// <returns>The number.</returns>
    public static double Unit(ulong bits) => (bits >> 11) * (1.0 / 9007199254740992.0);

    /// <summary>Both halves of a key from its four words of 32 bits, lowest first, each held in a float64.</summary>
    internal static unsafe (ulong First, ulong Second) Read(double* words) =>
        ((uint)words[0] | ((ulong)(uint)words[1] << 32), (uint)words[2] | ((ulong)(uint)words[3] << 32));

    /// <summary>The four words of a key.</summary>
    internal static unsafe void Write((ulong First, ulong Second) key, double* words)
    {
        words[0] = (uint)key.First;
        words[1] = (uint)(key.First >> 32);
        words[2] = (uint)key.Second;
        words[3] = (uint)(key.Second >> 32);
    }

    private static void Mix(ref ulong x, ref ulong y, int first, int second, int third, int fourth)
    {
        x += y;
        y = BitOperations.RotateLeft(y, first) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, second) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, third) ^ x;
        x += y;
        y = BitOperations.RotateLeft(y, fourth) ^ x;
    }

    private static void Inject(ref ulong x, ref ulong y, ulong toX, ulong toY, ulong round)
    {
        x += toX;
        y += toY + round;
    }
}
