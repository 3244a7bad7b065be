namespace Hesse

open System.Collections.Generic
open System.Numerics
open Hesse.Kernels

/// Where a matrix may differ from zero, in compressed rows: row i has the columns ColumnIndices[RowPointers[i] .. RowPointers[i + 1] − 1], ascending.
type SparsityPattern = {
    /// Number of rows.
    Rows: int
    /// Number of columns.
    Columns: int
    /// Where each row begins; Rows + 1 numbers.
    RowPointers: int[]
    /// The columns of all rows, one row after the other.
    ColumnIndices: int[]
}

/// A matrix in compressed sparse rows.
type SparseMatrix = {
    /// Where the values stand.
    Pattern: SparsityPattern
    /// One value for each entry of Pattern.ColumnIndices; a value may happen to be 0.
    Values: float[]
    /// How many directional derivatives it took.
    Colours: int
} with

    /// All elements, zeros included.
    member m.ToDense() : float[,] =
        let dense = Array2D.zeroCreate m.Pattern.Rows m.Pattern.Columns

        for i in 0 .. m.Pattern.Rows - 1 do
            for k in m.Pattern.RowPointers[i] .. m.Pattern.RowPointers[i + 1] - 1 do
                dense[i, m.Pattern.ColumnIndices[k]] <- m.Values[k]

        dense

/// What pattern propagation knows of one number: which elements of the argument its derivative may depend on, as bits, and its
/// value where that is a constant.
[<Struct>]
type internal Dependence = { On: BigInteger; Value: float voption }

/// Jacobians and Hessians with many zeros, from few directional derivatives.
///
/// The pattern comes from the graph alone, by propagating index sets through every operation, so it holds at every x: entries
/// outside are zero wherever the derivative exists. It may be larger than needed: cancellation (x − x) is not seen, nor is stopGradient.
[<RequireQualifiedAccess>]
module Sparse =
    let private constant x = { On = BigInteger.Zero; Value = ValueSome x }
    let private dependent on = { On = on; Value = ValueNone }

    /// Index sets as a number system for the interpreter.
    let internal dependences: Arithmetic<Dependence> = {
        Name = "Sparse.pattern"
        Missing = Set.empty
        OfFloat = constant
        Eval =
            fun op a b c ->
                match op, a.Value, b.Value with
                | (TileOp.Greater | TileOp.GreaterEqual | TileOp.Equal | TileOp.Sign | TileOp.Floor), _, _ ->
                    dependent BigInteger.Zero
                | TileOp.Mul, ValueSome 0.0, _
                | TileOp.Mul, _, ValueSome 0.0 -> constant 0.0
                | TileOp.Add, ValueSome 0.0, _ -> b
                | TileOp.Add, _, ValueSome 0.0 -> a
                | TileOp.Select, ValueSome mask, _ -> if mask <> 0.0 then b else c
                | TileOp.Select, ValueNone, _ -> dependent (b.On ||| c.On)
                | _ -> dependent (a.On ||| b.On ||| c.On)
        Index =
            fun a ->
                match a.Value with
                | ValueSome v when v = System.Math.Floor v -> struct (bigint v, bigint v)
                | ValueSome _ -> struct (1I, 0I)
                | ValueNone -> struct (-1I, bigint System.Int32.MaxValue)
        Size = fun _ -> 0.0
        HasIterations = false
        Join = fun a b -> dependent (a.On ||| b.On)
        Unknown = Some(dependent BigInteger.Zero)
    }

    let private size (nodes: Node[]) = nodes |> Array.sumBy (fun n -> Shape.length "Sparse" n.Shape)

    /// The columns that each output element may depend on.
    let private columnsOf (variables: Node[]) (outputs: Node[]) : int[][] =
        let starts = variables |> Array.scan (fun at v -> at + Shape.length "Sparse" v.Shape) 0

        let seeds =
            variables
            |> Array.mapi (fun i v ->
                Array.init (Shape.length "Sparse" v.Shape) (fun k -> dependent (BigInteger.One <<< (starts[i] + k))))

        let count = size variables

        Interpreter.run dependences variables seeds outputs
        |> Array.concat
        |> Array.map (fun d ->
            let bytes = d.On.ToByteArray()

            [|
                for j in 0 .. min count (8 * bytes.Length) - 1 do
                    if bytes[j / 8] >>> (j % 8) &&& 1uy = 1uy then
                        j
            |])

    let private compress (columns: int) (rows: int[][]) = {
        Rows = rows.Length
        Columns = columns
        RowPointers = rows |> Array.scan (fun at row -> at + row.Length) 0
        ColumnIndices = Array.concat rows
    }

    /// The rows that hold each column.
    let private transpose (columns: int) (rows: int[][]) : int[][] =
        let result = Array.init columns (fun _ -> List<int>())
        rows |> Array.iteri (fun i row -> row |> Array.iter (fun j -> result[j].Add i))
        result |> Array.map (fun r -> r.ToArray())

    /// The smallest colour that is not forbidden.
    let private smallest (forbidden: HashSet<int>) = Seq.initInfinite id |> Seq.find (forbidden.Contains >> not)

    /// Columns that share a row get different colours (Curtis, Powell and Reid 1974), greedily from the left.
    let private colourColumns (columns: int) (rows: int[][]) : int[] =
        let users = transpose columns rows
        let colours = Array.create columns -1

        for j in 0 .. columns - 1 do
            let forbidden = HashSet<int>()

            for i in users[j] do
                for k in rows[i] do
                    forbidden.Add colours[k] |> ignore

            colours[j] <- smallest forbidden

        colours

    /// A star colouring of the symmetric pattern: neighbours differ, and every path of four has at least three colours
    /// (Gebremedhin, Manne and Pothen 2005, algorithm 4.1), greedily, vertices of large degree first.
    let private colourStar (neighbours: int[][]) : int[] =
        let colours = Array.create neighbours.Length -1

        for v in [| 0 .. neighbours.Length - 1 |] |> Array.sortBy (fun v -> -neighbours[v].Length, v) do
            let forbidden = HashSet<int>()

            for w in neighbours[v] do
                if w <> v then
                    forbidden.Add colours[w] |> ignore

                    for x in neighbours[w] do
                        if x <> v && x <> w then
                            let closes =
                                colours[w] < 0
                                || neighbours[x] |> Array.exists (fun y -> y <> w && y <> x && colours[y] = colours[w])

                            if closes then
                                forbidden.Add colours[x] |> ignore

            colours[v] <- smallest forbidden

        colours

    let private colourCount (colours: int[]) = if colours.Length = 0 then 0 else 1 + Array.max colours

    /// The sums of the columns of each colour, colour by colour: the linear map `push` on one batch of 0-1 directions.
    let private compressed (leaves: Tensor[]) (colours: int[]) (push: Tensor[] -> Tensor[]) : float[][] =
        let count = colourCount colours

        if count = 0 then
            [||]
        else
            let starts = leaves |> Array.scan (fun at (t: Tensor) -> at + t.Size) 0

            let seeds =
                leaves
                |> Array.mapi (fun l t ->
                    let unit at = if colours[starts[l] + at % t.Size] = at / t.Size then 1.0 else 0.0
                    let shape = Array.append [| count |] t.Shape
                    Tensor(Graph.constantOf t.DType shape (Array.init (count * t.Size) unit)))

            let results = Diff.vmap push seeds |> Array.map (fun t -> t.toArray ())

            Array.init count (fun c ->
                results
                |> Array.collect (fun r ->
                    let width = r.Length / count
                    r[c * width .. (c + 1) * width - 1]))

    let private traced name (f: 'X -> Tensor) (x: 'X) =
        let t = Tracing.trace f x
        let leaves, _, rebuild = Tree.flatten x

        if leaves |> Array.exists (fun t -> not t.IsConcrete) then
            Shape.fail
                $"{name}: the argument has no value yet; apply it outside of grad, vmap and other transformations"

        t, leaves, rebuild >> f

    /// <summary>Where the Jacobian of a function may differ from zero, at every x of this shape.</summary>
    /// <param name="f">From a tree to a tensor with M elements.</param>
    /// <param name="x">An argument of the shapes in question; P elements in all.</param>
    /// <returns>The pattern of the M × P Jacobian, columns in the order of Tree.ravel.</returns>
    let pattern (f: 'X -> Tensor) (x: 'X) : SparsityPattern =
        let t, _, _ = traced "Sparse.pattern" f x
        columnsOf t.Variables t.Outputs |> compress (size t.Variables)

    /// How many directions the compressed Jacobian takes.
    let internal jacobianColours (t: Tracing.Trace<Tensor>) : int =
        columnsOf t.Variables t.Outputs |> colourColumns (size t.Variables) |> colourCount

    /// Rows of a pattern that is made symmetric.
    let private symmetricRows (columns: int) (found: int[][]) : int[][] =
        Array.map2 (fun a b -> Array.append a b |> Array.distinct |> Array.sort) found (transpose columns found)

    /// How many products the compressed Hessian takes, from the trace of the function and its gradient.
    let internal hessianColours (t: Tracing.Trace<Tensor>) (gradient: Node[]) : int =
        columnsOf t.Variables gradient |> symmetricRows (size t.Variables) |> colourStar |> colourCount

    /// <summary>The Jacobian in compressed rows, from one jvp per colour, in one batch.</summary>
    /// <param name="f">From a tree to a tensor with M elements.</param>
    /// <param name="x">Where; a concrete tree with P elements in all.</param>
    /// <returns>The M × P Jacobian, with the number of colours.</returns>
    /// <exception cref="T:Hesse.HesseException">x is symbolic.</exception>
    /// <remarks>Columns that meet in no row share a direction (Curtis, Powell and Reid 1974): a band of width b costs b directions, whatever P is.</remarks>
    let jacobian (f: 'X -> Tensor) (x: 'X) : SparseMatrix =
        let t, leaves, g = traced "Sparse.jacobian" f x
        let columns = size t.Variables
        let rows = columnsOf t.Variables t.Outputs
        let colours = colourColumns columns rows
        let sums = compressed leaves colours (fun v -> [| snd (Diff.jvp g leaves v) |])

        {
            Pattern = compress columns rows
            Values = rows |> Array.mapi (fun i row -> row |> Array.map (fun j -> sums[colours[j]][i])) |> Array.concat
            Colours = colourCount colours
        }

    /// <summary>The Hessian of a scalar function in compressed rows, from one Hessian-vector product per colour, in one batch.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; a concrete tree with P elements in all.</param>
    /// <returns>The P × P Hessian, exactly symmetric, with the number of colours.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar, or x is symbolic.</exception>
    /// <remarks>The pattern is that of the gradient's Jacobian. Star colouring with direct recovery (Coleman and Moré 1984;
    /// Gebremedhin, Manne and Pothen 2005): an arrow costs 2 products, a tridiagonal matrix 3, whatever P is.</remarks>
    let hessian (f: 'X -> Tensor) (x: 'X) : SparseMatrix =
        let t, leaves, g = traced "Sparse.hessian" f x
        let gradient = Tracing.gradient t.Variables (Tracing.scalarOutput "Sparse.hessian" t)
        let columns = size t.Variables
        let rows = columnsOf t.Variables gradient |> symmetricRows columns
        let colours = colourStar rows
        let sums = compressed leaves colours (Diff.hvp g leaves)

        // Column j alone has its colour in row i, or column i alone has its colour in row j.
        let alone i j = rows[i] |> Array.forall (fun k -> k = j || colours[k] <> colours[j])

        let entry i j =
            let i, j = min i j, max i j
            if alone i j then sums[colours[j]][i] else sums[colours[i]][j]

        {
            Pattern = compress columns rows
            Values = rows |> Array.mapi (fun i row -> row |> Array.map (entry i)) |> Array.concat
            Colours = colourCount colours
        }
