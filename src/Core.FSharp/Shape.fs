namespace Hesse

open System

/// Shapes, strides and the errors about them. A shape is an array of axis lengths, outermost first; data is row-major.
module internal Shape =
    /// Raises the one user-facing exception.
    let fail (message: string) : 'a = raise (HesseException message)

    let show (shape: int[]) = "[" + String.Join("; ", shape) + "]"

    let showAll (shapes: int[][]) = String.Join(", ", Array.map show shapes)

    /// Number of elements.
    let size (shape: int[]) =
        let mutable n = 1L

        for d in shape do
            n <- n * int64 d

        n

    /// Number of elements as an int; an array in .NET holds at most 2³¹ elements.
    let length (op: string) (shape: int[]) =
        let n = size shape

        if n > int64 Array.MaxLength then
            fail
                $"{op}: a tensor of shape {show shape} would hold {n} elements, more than one array can ({Array.MaxLength}); split it into smaller batches"

        int n

    /// Raises an error unless an array of `count` elements fits the shape.
    let checkHolds (op: string) (shape: int[]) (count: int) =
        if shape |> Array.exists (fun d -> d < 0) || size shape <> int64 count then
            fail $"{op}: shape {show shape} does not hold {count} elements; want {size shape}"

    /// Row-major strides, in elements.
    let strides (shape: int[]) : int64[] =
        let s = Array.zeroCreate<int64> shape.Length
        let mutable acc = 1L

        for i in shape.Length - 1 .. -1 .. 0 do
            s[i] <- acc
            acc <- acc * int64 shape[i]

        s

    /// NumPy-style common shape of several shapes.
    let broadcast (op: string) (shapes: int[][]) : int[] =
        let rank = shapes |> Array.fold (fun r s -> max r s.Length) 0

        Array.init rank (fun i ->
            let mutable d = 1

            for s in shapes do
                let j = i - (rank - s.Length)

                if j >= 0 && s[j] <> 1 then
                    if d = 1 then
                        d <- s[j]
                    elif d <> s[j] then
                        fail
                            $"{op}: shapes {showAll shapes} do not broadcast: axis {i - rank} has sizes {d} and {s[j]}; reshape one of them, or insert an axis of size 1"

            d)

    /// Resolves a possibly negative axis.
    let axis (op: string) (rank: int) (axis: int) =
        let a = if axis < 0 then axis + rank else axis

        if a < 0 || a >= rank then
            fail $"{op}: axis {axis} is out of range for a tensor of rank {rank}; use {-rank} .. {rank - 1}"

        a

    /// Resolves a set of axes: sorted, distinct, non-negative.
    let axes (op: string) (rank: int) (axes: int[]) =
        let resolved = axes |> Array.map (axis op rank) |> Array.sort

        for i in 1 .. resolved.Length - 1 do
            if resolved[i] = resolved[i - 1] then
                fail $"{op}: axis {resolved[i]} is given twice in {show axes}; name each axis once"

        resolved

    let removeAxes (axes: int[]) (shape: int[]) = [|
        for i in 0 .. shape.Length - 1 do
            if not (Array.contains i axes) then
                shape[i]
    |]

    let same (op: string) (shapes: int[][]) =
        for s in shapes do
            if s <> shapes[0] then
                fail $"{op}: expected arguments of one shape, got {showAll shapes}; broadcast them first"

        shapes[0]

    let isIdentity (permutation: int[]) = permutation |> Array.indexed |> Array.forall (fun (i, p) -> i = p)
