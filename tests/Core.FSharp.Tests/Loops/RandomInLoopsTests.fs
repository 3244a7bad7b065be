/// Keys inside of loops, branches and checkpoints: the draws are those outside, eagerly, mapped and compiled.
module Hesse.Tests.RandomInLoopsTests

open Hesse
open Xunit

let private key = Random.key 11
let private steps = 5

/// The draw of one step.
let private draw (key: Key) = Random.normal key [ 3 ]

/// A value of a key is the same eagerly, compiled, and for every key of a batch; it is that of `outside`.
let private sameAs (outside: Key -> Tensor) (inside: Key -> Tensor) =
    let expected = outside key
    Check.tensors "eager" 0.0 expected (inside key)
    Check.tensors "compiled" 0.0 expected (Diff.compile inside key)
    let keys = Random.splitKeys 4 key
    let each = Tensor.stack 0 (Random.split 4 key |> Array.map outside)
    Check.tensors "mapped" 0.0 each (Diff.vmap inside keys)
    Check.tensors "mapped and compiled" 0.0 each (Diff.compile (Diff.vmap inside) keys)

let private each (key: Key) = Random.split steps key |> Array.map draw

[<Fact>]
let ``scan over split keys`` () =
    sameAs (each >> Tensor.stack 0) (fun key ->
        snd (Diff.scan (fun () key -> (), draw key) () (Random.splitKeys steps key)))

[<Fact>]
let ``scan that folds a traced step number into a key from outside`` () =
    sameAs (each >> Tensor.stack 0) (fun key ->
        snd (Diff.scan (fun () i -> (), draw (Random.foldIn i key)) () (Tensor.arange steps)))

[<Fact>]
let ``a key as the carry of a scan`` () =
    let next (key: Key) = Random.fold 1 key

    let outside key = Seq.unfold (fun k -> Some(draw (Random.fold 0 k), next k)) key |> Seq.take steps |> Tensor.stack 0

    sameAs outside (fun key ->
        snd (Diff.scan (fun key (_: Tensor) -> next key, draw (Random.fold 0 key)) key (Tensor.arange steps)))

[<Fact>]
let ``while loops that count their steps`` () =
    let inside key =
        let going (i: Tensor, _: Tensor) = Tensor.less i (Tensor.scalar (float steps))
        let body (i: Tensor, total: Tensor) = i + 1.0, total + draw (Random.foldIn i key)
        let start = Tensor.scalar 0.0, Tensor.zeros [ 3 ]
        Tensor.stack 0 [ snd (Diff.whileLoop going body start); snd (fst (Diff.boundedWhile 100 going body start)) ]

    let outside key =
        let total = Array.fold (+) (Tensor.zeros [ 3 ]) (each key)
        Tensor.stack 0 [ total; total ]

    sameAs outside inside

[<Fact>]
let ``branches and checkpoints`` () =
    let heads (key: Key) = Tensor.greater (Random.uniform (Random.fold 0 key) []) (Tensor.scalar 0.5)
    let one (key: Key) = draw (Random.fold 1 key)
    let other (key: Key) = -(draw (Random.fold 2 key))

    sameAs (fun key -> if (heads key).item() = 1.0 then one key else other key) (fun key ->
        Diff.cond (heads key) one other key)

    sameAs draw (Diff.checkpoint draw)

[<Fact>]
let ``derivatives see the same draws in both passes`` () =
    // Dropout inside a scan: the derivative of Σ x · mask is the sum of the masks.
    let mask (i: Tensor) key = Random.bernoulli (Random.foldIn i key) (Tensor.scalar 0.5) [ 3 ]

    let inside (options: ScanOptions) key x =
        let step total i = total + Tensor.sum (x * mask i key), ()
        fst (Diff.scanWith options step (Tensor.scalar 0.0) (Tensor.arange steps))

    let expected key = Array.init steps (fun i -> mask (Tensor.scalar (float i)) key) |> Array.reduce (+)

    for snapshots in [ []; [ 2 ] ] do
        let options = { Reverse = false; Snapshots = snapshots }
        sameAs expected (fun key -> Diff.grad (inside options key) (Tensor.ones [ 3 ]))
        sameAs expected (fun key -> Diff.grad (Diff.checkpoint (inside options key)) (Tensor.ones [ 3 ]))
