module Hesse.Tests.EinsumTests

open System
open Hesse
open Xunit

/// The definition: a loop over all values of all letters.
let private reference (spec: string) (operands: Tensor list) : Tensor =
    let parts = spec.Split "->"
    let labels = parts[0].Split ','

    let sizes = Seq.zip labels operands |> Seq.collect (fun (ls, x) -> Seq.zip ls x.Shape) |> Map.ofSeq

    let letters = sizes |> Map.toArray |> Array.map fst
    let data = operands |> List.map (fun x -> x.toArray ())

    let offset (ls: string) (index: Map<char, int>) = ls |> Seq.fold (fun at l -> at * sizes[l] + index[l]) 0

    let shape = parts[1] |> Seq.map (fun l -> sizes[l]) |> List.ofSeq
    let result = Array.zeroCreate (List.fold (*) 1 shape)

    let rec loop k index =
        if k = letters.Length then
            let term = Seq.zip labels data |> Seq.fold (fun p (ls, d) -> p * d[offset ls index]) 1.0
            let at = offset parts[1] index
            result[at] <- result[at] + term
        else
            for i in 0 .. sizes[letters[k]] - 1 do
                loop (k + 1) (Map.add letters[k] i index)

    loop 0 Map.empty
    Tensor.create shape result

[<Theory>]
[<InlineData("ij,jk->ik", "23,34")>]
[<InlineData("ij,kj->ki", "23,43")>]
[<InlineData("ji,jk->ki", "32,34")>]
[<InlineData("i,i->", "3,3")>]
[<InlineData("i,j->ij", "3,4")>]
[<InlineData("i,j->ji", "3,4")>]
[<InlineData("ij->ji", "23")>]
[<InlineData("ij->", "23")>]
[<InlineData("ij->j", "23")>]
[<InlineData("ii->", "33")>]
[<InlineData("ii->i", "33")>]
[<InlineData("iij->j", "334")>]
[<InlineData("iji->ij", "343")>]
[<InlineData("iii->i", "333")>]
[<InlineData("iijj->ij", "3322")>]
[<InlineData("bij,bjk->bik", "223,234")>]
[<InlineData("bij,bjk->kbi", "223,234")>]
[<InlineData("ibj,kjb->bik", "223,432")>]
[<InlineData("bhqd,bhkd->bhqk", "2234,2244")>]
[<InlineData("ij,jk,kl->il", "23,34,42")>]
[<InlineData("ab,cd,ef->fdb", "23,32,22")>]
[<InlineData("ij,ij->ij", "23,23")>]
[<InlineData("ij,j->ij", "23,3")>]
[<InlineData("ij,k->ijk", "23,2")>]
[<InlineData("ij,kl->", "23,24")>]
[<InlineData("ij,ik,il->jkl", "23,24,22")>]
[<InlineData("abc,abd,abe->cde", "222,223,224")>]
[<InlineData(",ij->ij", ",23")>]
[<InlineData("->", "")>]
[<InlineData("ij,j->i", "20,0")>]
[<InlineData("ij,jk->ik", "03,32")>]
let ``equals the loop over all letters`` (spec: string) (shapes: string) =
    let operands =
        shapes.Split ','
        |> Array.mapi (fun k s -> varied k [ for c in s -> int c - int '0' ])
        |> List.ofArray

    let expected = reference spec operands
    Check.tensors spec 1e-13 expected (Tensor.einsum spec operands)
    // The same under compilation, where operands are variables and layouts become flags.
    let compiled = Diff.compile (fun (xs: Tensor[]) -> Tensor.einsum spec xs) (Array.ofList operands)
    Check.tensors $"{spec}, compiled" 1e-13 expected compiled

    if expected.Size > 0 then
        let f (xs: Tensor[]) = Tensor.einsum spec xs
        let xs = Array.ofList operands
        let v = xs |> Array.mapi (fun k x -> varied (k + 5) (List.ofArray x.Shape))
        let _, dy = Diff.jvp f xs v
        let slope = Check.difference 1e-3 (fun h -> (f (Check.along xs v h)).toArray())
        Check.arrays $"{spec}, jvp" 1e-10 slope (dy.toArray ())
        let ct = varied 9 (List.ofArray dy.Shape)
        Check.number $"{spec}, vjp" 1e-12 (Check.inner ct dy) (Check.inner ((snd (Diff.vjp f xs)) ct) v)

[<Fact>]
let ``without an arrow the result has the letters that occur once, sorted`` () =
    let a, b = varied 1 [ 2; 3 ], varied 2 [ 3; 4 ]
    Check.tensors "ij,jk" 1e-14 (Tensor.matmul a b) (Tensor.einsum "ij,jk" [ a; b ])
    Check.tensors "ba" 1e-14 (Tensor.transpose a) (Tensor.einsum "ba" [ a ])
    Check.tensors "ii" 1e-14 (Tensor.scalar (2.0 * 3.0)) (Tensor.einsum "ii" [ 3.0 * Tensor.eye 2 ])

[<Fact>]
let ``blanks are ignored`` () =
    let a, b = varied 1 [ 2; 3 ], varied 2 [ 3; 4 ]
    Check.tensors "spaces" 1e-14 (Tensor.matmul a b) (Tensor.einsum " i j , j k -> i k " [ a; b ])

[<Fact>]
let ``a long chain of matrices and a vector costs vectors, not matrices`` () =
    let n = 40
    let a, b, c, v = varied 1 [ n; n ], varied 2 [ n; n ], varied 3 [ n; n ], varied 4 [ n ]
    let chain (a, b, c, v) = Tensor.einsum "ij,jk,kl,l->i" [ a; b; c; v ]

    let text = Diff.explain chain (a, b, c, v)
    // Three matrix-vector products: 3 · 2n² operations, far below one matrix product's 2n³.
    let total = text.Substring(text.LastIndexOf('\n') + 1).Split(' ')
    let at = Array.IndexOf(total, "FLOPs,")
    let count = Int64.Parse total[at - 1]
    Assert.InRange(count, 1L, int64 (10 * n * n))

[<Fact>]
let ``errors name what is wrong with the subscripts`` () =
    let a, b = Tensor.zeros [ 2; 3 ], Tensor.zeros [ 4; 5 ]
    let tail = "; want subscripts like \"ij,jk->ik\", one letter per axis"

    let fails spec reason operands =
        Check.fails $"einsum: \"{spec}\" {reason}{tail}" (fun () -> Tensor.einsum spec operands)

    fails "ij->i->j" "has more than one arrow" [ a ]
    fails "ij,jk->ik" "names 2 operands, but 1 were given" [ a ]
    fails "i1->i" "has '1' where a letter was expected" [ a ]
    fails "ij->ii" "repeats a letter in its result \"ii\"" [ a ]
    fails "ij->ik" "has 'k' in the result but in no operand" [ a ]
    fails "ijk->i" "gives 3 letters to an operand of shape [2; 3]" [ a ]
    fails "ij,jk->ik" "uses 'j' for axes of length 3 and 4 (shapes [2; 3], [4; 5])" [ a; b ]
