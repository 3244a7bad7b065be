module Hesse.Tests.NetworkTests

open System
open Hesse
open Xunit

/// Σ over all label values of the product of the elements: the definition.
let private bruteForce (extent: int -> int) (operands: Network.Operand[]) (out: int[]) : float[] =
    let labels =
        operands |> Seq.collect (fun x -> x.Labels) |> Seq.append out |> Seq.distinct |> Seq.toArray

    let result = Array.zeroCreate (out |> Array.fold (fun n l -> n * extent l) 1)

    let offset (at: int[]) (own: int[]) = own |> Array.fold (fun o l -> o * extent l + at[Array.IndexOf(labels, l)]) 0

    let rec walk (at: int[]) depth =
        if depth = labels.Length then
            let product = operands |> Array.fold (fun p x -> p * x.Node.Data[offset at x.Labels]) 1.0
            let o = offset at out
            result[o] <- result[o] + product
        else
            for i in 0 .. extent labels[depth] - 1 do
                walk (Array.updateAt depth i at) (depth + 1)

    walk (Array.zeroCreate labels.Length) 0
    result

let private operand extent (seed: int) (labels: int[]) : Network.Operand = {
    Node = (varied seed (labels |> Array.map extent |> List.ofArray)).Node
    Labels = labels
}

[<Fact>]
let ``products of random operands equal the sum over all labels`` () =
    let random = Random 11
    let lengths = [| 2; 3; 1; 4; 2 |]
    let extent l = lengths[l]

    for trial in 1..300 do
        let operands =
            Array.init (random.Next(1, 5)) (fun i ->
                let labels = [| 0..4 |] |> Array.filter (fun _ -> random.Next 2 = 0)
                random.Shuffle labels
                operand extent (trial + 50 * i) labels)

        let out = [| 0..4 |] |> Array.filter (fun _ -> random.Next 2 = 0)
        random.Shuffle out
        let result = Network.contract extent operands out
        Assert.Equal<int[]>(out |> Array.map extent, result.Shape)

        Array.iter2
            (fun (expected: float) actual -> Assert.Equal(expected, actual, 12))
            (bruteForce extent operands out)
            result.Data

/// Sum over chains of matrices of lengths given; label i between matrix i − 1 and i.
let private chain (lengths: int[]) =
    Array.init (lengths.Length - 1) (fun i -> [| i; i + 1 |]), [| 0; lengths.Length - 1 |]

[<Fact>]
let ``a product of matrices and a vector goes from the vector`` () =
    let lengths = [| 100; 100; 100; 1 |]
    let operands, out = chain lengths
    let order, _ = Network.plan (fun l -> lengths[l]) operands out

    Assert.Equal(Network.Pair(Network.Operand 0, Network.Pair(Network.Operand 1, Network.Operand 2)), order)

[<Fact>]
let ``the Gram form of per-sample gradients is found`` () =
    // δ[n, h] x[n, d] δ[m, h] x[m, d] summed over h and d: never all of n, h, d.
    let n, m, h, d = 0, 1, 2, 3
    let extent l = if l < 2 then 128 else 64
    let _, cost = Network.plan extent [| [| n; h |]; [| n; d |]; [| m; h |]; [| m; d |] |] [| n; m |]
    let gram = 2.0 * 2.0 * 128.0 * 128.0 * 64.0
    Assert.InRange(cost, gram, 2.0 * gram)

[<Fact>]
let ``many operands are put together without trying every order`` () =
    let lengths = Array.init 13 (fun i -> 2 + i % 3)
    let operands, out = chain lengths
    let extent l = lengths[l]
    let made = operands |> Array.mapi (fun i labels -> operand extent i labels)
    let expected = made |> Array.map (fun x -> Tensor x.Node) |> Array.reduce Tensor.matmul
    let actual = Network.contract extent made out
    Array.iter2 (fun (e: float) a -> Assert.Equal(e, a, 10)) (expected.toArray ()) actual.Data
