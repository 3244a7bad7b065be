module Hesse.Tests.Primitives.ContractionTests

open System
open Hesse
open Hesse.Tests
open Xunit

/// The definition, as a loop over all labels.
let private reference (la: int[]) (lb: int[]) (lo: int[]) (a: Tensor) (b: Tensor) =
    let lengths = Map.ofSeq (Seq.append (Seq.zip la a.Shape) (Seq.zip lb b.Shape))
    let labels = lengths.Keys |> Array.ofSeq
    let da, db = a.toArray (), b.toArray ()
    let shape = lo |> Array.map (fun l -> lengths[l])
    let result = Array.zeroCreate (Array.fold (*) 1 shape)
    let index = Collections.Generic.Dictionary<int, int>()
    let offset (ls: int[]) = ls |> Array.fold (fun at l -> at * lengths[l] + index[l]) 0

    let rec loop k =
        if k = labels.Length then
            let at = offset lo
            result[at] <- result[at] + da[offset la] * db[offset lb]
        else
            for i in 0 .. lengths[labels[k]] - 1 do
                index[labels[k]] <- i
                loop (k + 1)

    loop 0
    Tensor.create shape result

let private permutations (items: int[]) =
    let rec all (rest: int list) =
        match rest with
        | [] -> [ [] ]
        | _ -> [
            for x in rest do
                for tail in all (List.except [ x ] rest) -> x :: tail
          ]

    all (List.ofArray items) |> List.map Array.ofList

[<Fact>]
let ``every order of axes of a batched matrix product`` () =
    // Labels: 0 batch, 1 row, 2 column, 3 summed.
    let length =
        function
        | 0 -> 2
        | 1 -> 3
        | 2 -> 4
        | _ -> 5

    for la in permutations [| 0; 1; 3 |] do
        for lb in permutations [| 0; 3; 2 |] do
            let a = varied 1 [ for l in la -> length l ]
            let b = varied 2 [ for l in lb -> length l ]
            let orders = permutations [| 0; 1; 2 |]
            // All result orders in one compiled plan.
            let f (a: Tensor, b: Tensor) = [ for lo in orders -> Tensor(Contraction.contract la lb lo a.Node b.Node) ]
            let expected = [ for lo in orders -> reference la lb lo a b ]
            Check.trees $"{la} {lb}, eager" 1e-14 expected (f (a, b))
            Check.trees $"{la} {lb}, compiled" 1e-14 expected (Diff.compile f (a, b))

[<Fact>]
let ``random labels: several batch, free, summed and dropped axes`` () =
    let random = Random 5

    for case in 1..300 do
        let length = Array.init 7 (fun _ -> 1 + random.Next 3)

        let shuffle (xs: int[]) =
            let ys = Array.copy xs in
            random.Shuffle ys
            ys

        let some n = shuffle [| 0..6 |] |> Array.truncate (random.Next(n + 1))
        let la, lb = some 4, some 4
        let lo = Array.distinct (Array.append la lb) |> shuffle |> Array.filter (fun _ -> random.Next 3 > 0)
        let a = varied case [ for l in la -> length[l] ]
        let b = varied (case + 1) [ for l in lb -> length[l] ]
        let f (a: Tensor, b: Tensor) = Tensor(Contraction.contract la lb lo a.Node b.Node)
        let what = $"{Shape.show la} {Shape.show lb} to {Shape.show lo}"
        let expected = reference la lb lo a b
        Check.tensors what 1e-13 expected (f (a, b))
        Check.tensors $"{what}, compiled" 1e-13 expected (Diff.compile f (a, b))
        let ct = varied (case + 2) (List.ofArray expected.Shape)
        let da, db = (snd (Diff.vjp f (a, b))) ct
        Check.number $"{what}, transpose in a" 1e-12 (Check.inner ct expected) (Check.inner a da)
        Check.number $"{what}, transpose in b" 1e-12 (Check.inner ct expected) (Check.inner b db)

[<Fact>]
let ``sizes around the blocks of the matrix kernels`` () =
    let random = Random 9
    let sizes = [| 1; 2; 3; 4; 5; 7; 8; 9; 15; 16; 17; 31; 33; 63; 65; 130; 257 |]

    for _ in 1..60 do
        let pick () = sizes[random.Next sizes.Length]
        let m, n, k = pick (), pick (), pick ()
        let a, b = varied 1 [ m; k ], varied 2 [ k; n ]
        let da, db = a.toArray (), b.toArray ()

        let expected =
            Array.init (m * n) (fun ij ->
                let i, j = ij / n, ij % n
                let mutable s = 0.0

                for l in 0 .. k - 1 do
                    s <- s + da[i * k + l] * db[l * n + j]

                s)

        let ta, tb = Tensor.transpose a, Tensor.transpose b
        let check what (c: Tensor) = Check.arrays $"{what} {m} {n} {k}" 1e-13 expected (c.toArray ())
        check "A B" (Tensor.matmul a b)
        check "Aᵀᵀ B" (Diff.compile (fun (a, b) -> Tensor.matmul (Tensor.transpose a) b) (ta, b))
        check "A Bᵀᵀ" (Diff.compile (fun (a, b) -> Tensor.matmul a (Tensor.transpose b)) (a, tb))
        check "(Bᵀ Aᵀ)ᵀ" (Diff.compile (fun (a, b) -> Tensor.transpose (Tensor.matmul b a)) (ta, tb))

[<Fact>]
let ``matmul follows NumPy for vectors and batches`` () =
    let m, v = varied 1 [ 2; 3 ], varied 2 [ 3 ]
    let e spec xs = Tensor.einsum spec xs
    Check.tensors "matrix vector" 1e-14 (e "ij,j->i" [ m; v ]) (Tensor.matmul m v)
    Check.tensors "vector matrix" 1e-14 (e "j,ij->i" [ v; m ]) (Tensor.matmul v (Tensor.transpose m))
    Check.tensors "vector vector" 1e-14 (e "i,i->" [ v; v ]) (Tensor.matmul v v)
    let b, c = varied 3 [ 4; 2; 3 ], varied 4 [ 4; 3; 5 ]
    Check.tensors "batch" 1e-14 (e "bij,bjk->bik" [ b; c ]) (Tensor.matmul b c)

    Check.tensors
        "batch and matrix"
        1e-14
        (e "bij,jk->bik" [ b; varied 5 [ 3; 2 ] ])
        (Tensor.matmul b (varied 5 [ 3; 2 ]))

    Check.tensors "matrix and batch" 1e-14 (e "ij,bjk->bik" [ m; c ]) (Tensor.matmul m c)
    Check.tensors "batch and vector" 1e-14 (e "bij,j->bi" [ b; v ]) (Tensor.matmul b v)
    let two, three = varied 6 [ 2; 4; 2; 3 ], varied 7 [ 2; 4; 3; 5 ]
    Check.tensors "two batch axes" 1e-14 (e "abij,abjk->abik" [ two; three ]) (Tensor.matmul two three)

    Check.tensors
        "empty inner axis"
        0.0
        (Tensor.zeros [ 2; 3 ])
        (Tensor.matmul (Tensor.zeros [ 2; 0 ]) (Tensor.zeros [ 0; 3 ]))

[<Fact>]
let ``a transpose below a product moves no data`` () =
    let lines f x = (Diff.explain f x).Split('\n').Length
    let a, b = varied 1 [ 6; 5 ], varied 2 [ 6; 7 ]
    Assert.Equal(2, lines (fun (a, b) -> Tensor.matmul (Tensor.transpose a) b) (a, b))
    Assert.Equal(2, lines (fun (a, b) -> Tensor.matmul a (Tensor.transpose b)) (a, varied 3 [ 7; 5 ]))
    Assert.Equal(2, lines (fun (a, b) -> Tensor.einsum "ji,jk->ki" [ a; b ]) (a, b))

[<Fact>]
let ``errors name both shapes, the sizes and a remedy`` () =
    let z shape = Tensor.zeros shape

    Check.fails
        "matmul: cannot multiply [3; 4] with [5; 2]: inner sizes 4 and 5 differ (argument b); transpose or reshape one of them"
        (fun () -> Tensor.matmul (z [ 3; 4 ]) (z [ 5; 2 ]))

    Check.fails "matmul: cannot multiply [] with [3; 2]: a scalar is no matrix; use * for scaling" (fun () ->
        Tensor.matmul (z []) (z [ 3; 2 ]))

    Check.fails
        "matmul: cannot multiply [2; 3; 4] with [5; 4; 3]: the batch axes differ; broadcast one of them to the other's batch shape first"
        (fun () -> Tensor.matmul (z [ 2; 3; 4 ]) (z [ 5; 4; 3 ]))

[<Fact>]
let ``what sums nothing is an elementwise product, but for outer products`` () =
    let a, b = Graph.variable [| 4; 3 |], Graph.variable [| 3 |]
    let scaledColumns = Contraction.contract [| 0; 1 |] [| 1 |] [| 0; 1 |] a b
    Assert.Equal("mul", scaledColumns.Prim.Name)
    let outer = Contraction.contract [| 0; 1 |] [| 2 |] [| 0; 1; 2 |] a b
    Assert.Equal("contract", outer.Prim.Name)

[<Fact>]
let ``equal contractions are one node, however their labels are numbered`` () =
    let a, b = Graph.variable [| 4; 3 |], Graph.variable [| 3; 5 |]

    Assert.Same(
        Contraction.contract [| 0; 1 |] [| 1; 2 |] [| 0; 2 |] a b,
        Contraction.contract [| 7; 4 |] [| 4; 9 |] [| 7; 9 |] a b
    )
