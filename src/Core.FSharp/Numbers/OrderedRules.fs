namespace Hesse

open Hesse.Kernels

/// Running sums, linear recurrences and sorting over any number system.
module internal OrderedRules =
    /// Positions of the elements of every line along an axis, in its direction.
    let private lines (attr: Attr) (shape: int[]) : int[][] =
        let axis, reverse =
            match attr with
            | Directed(axis, reverse) -> axis, reverse
            | _ -> 0, false

        let product = Array.fold (*) 1
        let outer, size, inner = product shape[.. axis - 1], shape[axis], product shape[axis + 1 ..]

        [|
            for o in 0 .. outer - 1 do
                for i in 0 .. inner - 1 do
                    let line = Array.init size (fun j -> (o * size + j) * inner + i)
                    if reverse then Array.rev line else line
        |]

    /// z_i = factor_i z_{i−1} + b_i; without factors a running sum.
    let recurrence (n: Arithmetic<'N>) attr (shape: int[]) (factors: 'N[] option) (b: 'N[]) : 'N[] =
        let result = Array.copy b

        for line in lines attr shape do
            for j in 1 .. line.Length - 1 do
                let before = result[line[j - 1]]

                let moved =
                    match factors with
                    | Some a -> Arithmetic.mul n a[line[j]] before
                    | None -> before

                result[line[j]] <- Arithmetic.add n moved b[line[j]]

        result

    /// A stable order by a question that may raise an error (Array.sortWith would wrap it).
    let rec mergeSort (before: 'T -> 'T -> bool) (items: 'T list) : 'T list =
        let rec merge left right =
            match left, right with
            | l :: _, r :: rest when before r l -> r :: merge left rest
            | l :: rest, _ -> l :: merge rest right
            | [], _ -> right

        match items with
        | []
        | [ _ ] -> items
        | _ ->
            let left, right = List.splitAt (items.Length / 2) items
            merge (mergeSort before left) (mergeSort before right)

    let private isNaN (n: Arithmetic<'N>) a = Arithmetic.decide n TileOp.Equal a a = ValueSome false

    /// Whether b > a; refused when it is not certain.
    let private exceeds (n: Arithmetic<'N>) (operation: string) b a =
        match Arithmetic.decide n TileOp.Greater b a with
        | ValueSome answer -> answer
        | ValueNone ->
            Shape.fail
                $"{n.Name}: {operation}: {a} and {b} overlap, so their order is not certain; narrow the argument or use Exact.doubleDouble"

    /// The stable order of every row, NaN last; an order that is not certain is refused.
    let argsort (n: Arithmetic<'N>) attr (shape: int[]) (x: 'N[]) : 'N[] =
        let axis, descending =
            match attr with
            | Directed(axis, descending) -> axis, descending
            | _ -> 0, false

        let before i j =
            let a, b = if descending then x[j], x[i] else x[i], x[j]

            if isNaN n x[j] then not (isNaN n x[i])
            elif isNaN n x[i] then false
            else exceeds n "argsort" b a

        let result = Array.zeroCreate x.Length

        for row in lines (Directed(axis, false)) shape do
            match n.Unknown with
            | Some unknown -> row |> Array.iter (fun p -> result[p] <- unknown)
            | None ->
                let order = mergeSort before (List.ofArray row)
                let place (position: int) = n.OfFloat(float (System.Array.IndexOf(row, position)))
                order |> List.iteri (fun k position -> result[row[k]] <- place position)

        result

    /// The index of the first largest element up to each place of every row; NaN counts as largest.
    let runningArgMax (n: Arithmetic<'N>) (shape: int[]) (x: 'N[]) : 'N[] =
        let result = Array.zeroCreate x.Length

        for row in lines (Directed(shape.Length - 1, false)) shape do
            let mutable best = 0

            for j in 0 .. row.Length - 1 do
                match n.Unknown with
                | Some unknown -> result[row[j]] <- unknown
                | None ->
                    let here, largest = x[row[j]], x[row[best]]

                    if
                        not (isNaN n largest) && (isNaN n here || (j > best && exceeds n "runningArgMax" here largest))
                    then
                        best <- j

                    result[row[j]] <- n.OfFloat(float best)

        result
