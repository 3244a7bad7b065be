using System.Collections.Generic;
using System.Linq;

namespace Hesse.Interop;

/// <summary>A matrix in compressed sparse rows.</summary>
public sealed class SparseMatrix
{
    private readonly Hesse.SparseMatrix _matrix;

    internal SparseMatrix(Hesse.SparseMatrix matrix) => _matrix = matrix;

    /// <summary>Number of rows.</summary>
    public int RowCount => _matrix.Pattern.Rows;

    /// <summary>Number of columns.</summary>
    public int ColumnCount => _matrix.Pattern.Columns;

    /// <summary>Where each row begins; RowCount + 1 numbers.</summary>
    public IReadOnlyList<int> RowPointers => _matrix.Pattern.RowPointers;

    /// <summary>The columns of all rows, one row after the other.</summary>
    public IReadOnlyList<int> ColumnIndices => _matrix.Pattern.ColumnIndices;

    /// <summary>One value for each of ColumnIndices; a value may happen to be 0.</summary>
    public IReadOnlyList<double> Values => _matrix.Values;

    /// <summary>How many directional derivatives it took.</summary>
    public int Colours => _matrix.Colours;

    /// <summary>All elements, zeros included.</summary>
    /// <returns>Shape [RowCount; ColumnCount].</returns>
    public double[,] ToDense() => _matrix.ToDense();

    internal static int[][] Rows(SparsityPattern pattern) =>
        [.. Enumerable.Range(0, pattern.Rows).Select(i => pattern.ColumnIndices[pattern.RowPointers[i]..pattern.RowPointers[i + 1]])];
}
