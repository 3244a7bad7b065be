namespace Hesse

open Hesse.Kernels

/// A closed graph that an operation runs (the body of a loop); one is equal only to itself.
[<AbstractClass; AllowNullLiteral>]
type internal SubGraph() =
    /// Elements of the result that are there for derivatives only: what was before each step.
    abstract KeptElements: int64

    default _.KeptElements = 0L

/// Windows of the last axes of a tensor, one entry for each axis.
type internal WindowAttr = {
    Size: int[]
    /// Distance between neighbouring windows.
    Stride: int[]
    /// Distance between neighbours in a window.
    Dilation: int[]
    /// Axis lengths of the tensor that is cut.
    Lengths: int[]
}

/// What an operation is told besides its arguments. Compared by value, so that equal operations are one node.
type internal Attr =
    | NoAttr
    /// Axes of a reduction, a permutation, a concatenation axis.
    | Axes of int[]
    /// A result shape (reshape).
    | ToShape of int[]
    /// Result shape, and for every input axis the result axis that it becomes.
    | Spread of shape: int[] * axes: int[]
    /// Start, stop (exclusive) and positive step for every axis.
    | Window of start: int[] * stop: int[] * step: int[]
    /// Zeros before, after, and between neighbours, for every axis.
    | Padding of low: int[] * high: int[] * interior: int[]
    /// Index labels of the two operands and of the result of a contraction.
    | Labels of a: int[] * b: int[] * out: int[]
    /// An axis, and its length in the result (scatter-add).
    | Along of axis: int * size: int
    /// Which triangle of a matrix is meant, and whether its transpose is.
    | Triangle of lower: bool * transposed: bool
    /// Whether the transpose of a matrix is meant, and what an error is called after.
    | Transposed of bool * operation: string
    /// An axis, and whether it is gone through from its end (for sorting: descending).
    | Directed of axis: int * reverse: bool
    /// A distribution, and the shape of what is drawn from each key.
    | Drawn of law: RandomLaw * shape: int[]
    /// A limit below which numbers count as zero.
    | Limit of float
    /// The graph that the operation runs.
    | Body of SubGraph
    /// Whether the inverse is meant.
    | Inverse of bool
    /// Windows that are cut, or put back.
    | Cut of WindowAttr
