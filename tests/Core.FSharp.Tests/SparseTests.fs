/// Sparse derivatives: known patterns and colour counts, and the dense ones on random programs.
module Hesse.Tests.SparseTests

open Hesse
open Xunit

let private dense (m: SparseMatrix) = m.ToDense() |> Seq.cast<float> |> Array.ofSeq

let private columns (p: SparsityPattern) i = p.ColumnIndices[p.RowPointers[i] .. p.RowPointers[i + 1] - 1]

let private n = 12
let private x = varied 1 [ n ]
let private part a b (x: Tensor) = Tensor.slice 0 a b 1 x

/// yᵢ from xᵢ, xᵢ₊₁ and xᵢ₊₂.
let private band (x: Tensor) = Tensor.sin (part 0 (n - 2) x) * part 1 (n - 1) x + part 2 n x ** 3.0

let private chain (x: Tensor) = Tensor.sum ((part 1 n x - part 0 (n - 1) x * part 0 (n - 1) x) ** 2.0)

let private arrow hub (x: Tensor) =
    let others = [ part 0 hub x; part (hub + 1) n x ] |> List.filter (fun t -> t.Size > 0)
    Tensor.sum (Tensor.exp (Tensor.concat 0 others * x[hub])) + x[hub] ** 4.0

/// Random programs of operations that patterns can go through.
let private programs =
    let has step =
        match step with
        | Apply(primitive, _, _) -> Interpreter.supports Sparse.dependences primitive
        | _ -> true

    seq { 1..700 }
    |> Seq.map ProgramGenerator.generate
    |> Seq.filter (fun p -> Array.forall has p.Steps)

[<Fact>]
let ``a band has its pattern and as many colours as its width`` () =
    let jacobian = Sparse.jacobian band x
    let p = Sparse.pattern band x
    Assert.Equal(p, jacobian.Pattern)
    Assert.Equal(3, jacobian.Colours)

    for i in 0 .. n - 3 do
        Assert.Equal<int[]>([| i; i + 1; i + 2 |], columns p i)

    Check.arrays "band" 1e-14 ((Diff.jacobian band x).toArray()) (dense jacobian)

[<Fact>]
let ``elementwise functions cost one direction, sums need all`` () =
    Assert.Equal(1, (Sparse.jacobian Tensor.tanh x).Colours)
    Assert.Equal(1, (Sparse.hessian (Tensor.tanh >> Tensor.sum) x).Colours)
    Assert.Equal(n, (Sparse.jacobian (fun x -> Tensor.reshape [ 1 ] (Tensor.sum x)) x).Colours)
    Assert.Equal(0, (Sparse.jacobian (fun _ -> vector [ 1.0; 2.0 ]) x).Pattern.ColumnIndices.Length)

[<Fact>]
let ``a constant matrix gives its own pattern`` () =
    let matrix = Tensor.create [ 2; 3 ] [| 0.0; 2.0; 0.0; 1.0; 0.0; 3.0 |]
    let p = Sparse.pattern (fun x -> Tensor.matmul matrix (Tensor.exp x)) (varied 1 [ 3 ])
    Assert.Equal<int[]>([| 1 |], columns p 0)
    Assert.Equal<int[]>([| 0; 2 |], columns p 1)

[<Fact>]
let ``tridiagonal Hessians take three products, arrows two`` () =
    let h = Sparse.hessian chain x
    Assert.Equal(3, h.Colours)
    Assert.Equal(3 * n - 2, h.Values.Length)
    Check.arrays "chain" 1e-13 ((Diff.hessian chain x).toArray()) (dense h)

    // The hub first, in the middle, last.
    for hub in [ 0; n / 2; n - 1 ] do
        let h = Sparse.hessian (arrow hub) x
        Assert.Equal(2, h.Colours)
        Assert.Equal(3 * n - 2, h.Values.Length)
        Check.arrays "arrow" 1e-13 ((Diff.hessian (arrow hub) x).toArray()) (dense h)

[<Fact>]
let ``random programs: sparse Jacobians equal dense ones`` () =
    let mutable zeros = 0

    for p in programs do
        let seed = p.Seed
        let f xs = RandomPrograms.run p xs |> Array.map Tensor.flatten |> Tensor.concat 0
        let xs = RandomPrograms.inputs p
        let sparse = Sparse.jacobian f xs

        if sparse.Colours < sparse.Pattern.Columns then
            zeros <- zeros + 1

        Check.arrays $"program {seed}" 1e-12 ((Diff.jacobian f xs).toArray()) (dense sparse)

    Assert.True(zeros > 100, $"only {zeros} programs are sparse")

[<Fact>]
let ``random programs: sparse Hessians equal dense ones`` () =
    let mutable saved = 0

    for p in programs do
        let seed = p.Seed
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let sparse = Sparse.hessian f xs

        if sparse.Colours < sparse.Pattern.Columns then
            saved <- saved + 1

        Check.arrays $"program {seed}" 1e-11 ((Diff.hessian f xs).toArray()) (dense sparse)

    Assert.True(saved > 60, $"only {saved} programs are sparse")

[<Fact>]
let ``the output of a Hessian must be a scalar`` () =
    Check.fails
        "Sparse.hessian: expected a scalar output, got shape [12]; use jacobian, or reduce it with Tensor.sum"
        (fun () -> Sparse.hessian Tensor.exp x)
