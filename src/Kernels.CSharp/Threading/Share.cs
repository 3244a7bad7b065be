using System;

namespace Hesse.Kernels;

/// <summary>One member's share of a step's work: the part with a number among so many of about equal size.</summary>
/// <param name="Index">Its number, from 0 on; also the number of the thread that runs it in a team.</param>
/// <param name="Count">How many shares there are.</param>
internal readonly record struct Share(int Index, int Count)
{
    /// <summary>Rows per share from which borders are put at multiples of <see cref="Block"/>.</summary>
    private const int Coarse = 16;

    /// <summary>Rows of a register block of the matrix product.</summary>
    private const int Block = 8;

    /// <summary>Everything, for one thread.</summary>
    public static Share Whole => new(0, 1);

    /// <summary>First of <paramref name="rows"/> rows that belongs to this share.</summary>
    /// <remarks>All steps over the same number of rows have the same borders, so that a thread goes on with what it made itself.</remarks>
    public int First(int rows) => Border(rows, Index);

    /// <summary>First row that no longer belongs to this share.</summary>
    public int End(int rows) => Border(rows, Index + 1);

    /// <summary>First of <paramref name="count"/> elements in pieces of <paramref name="piece"/> that belongs to this share.</summary>
    public long First(long count, long piece) => Border(count, piece, Index);

    /// <summary>First element that no longer belongs to this share.</summary>
    public long End(long count, long piece) => Border(count, piece, Index + 1);

    private int Border(int rows, int index)
    {
        int border = (int)((long)rows * index / Count);
        return index < Count && rows >= Coarse * Count ? (border + (Block / 2)) / Block * Block : border;
    }

    private long Border(long count, long piece, int index)
    {
        long pieces = (count + piece - 1) / piece;
        return Math.Min(count, pieces * index / Count * piece);
    }
}
