namespace Hesse.Tests

open Hesse

/// Functions of a tensor at every order, and over a batch.
[<AutoOpen>]
module internal Orders =
    /// The order-th derivative along v by nested jvp.
    let rec nested (order: int) (f: Tensor -> Tensor) (x: Tensor) (v: Tensor) : Tensor =
        if order = 0 then
            f x
        else
            nested (order - 1) (fun x -> snd (Diff.jvp f x v)) x v

    /// Jets to order 3 against nested forward mode, and the first order and a gradient against differences.
    let checkOrders (what: string) (f: Tensor -> Tensor) (x: Tensor) =
        let v = varied 77 (List.ofArray x.Shape)
        let jet = Diff.jet 3 f x v

        for k in 0..3 do
            Check.tensors $"{what}, order {k}" 1e-10 (nested k f x v) jet[k]

        for k in 1..3 do
            let slope = Check.difference 2e-3 (fun t -> (nested (k - 1) f (x + t * v) v).toArray())
            Check.arrays $"{what}, order {k}, differences" 1e-7 slope (jet[k].toArray())

        let weights = varied 5 (List.ofArray jet[0].Shape)
        let g = Diff.grad (fun x -> Tensor.sum (weights * f x)) x
        Check.number $"{what}, reverse" 1e-11 (Check.inner weights jet[1]) (Check.inner g v)

    /// A function of a batch is the function of each.
    let checkBatch (what: string) (f: Tensor -> Tensor) (xs: Tensor list) =
        let expected = Tensor.stack 0 (xs |> List.map f)
        let batch = Tensor.stack 0 xs
        Check.tensors $"{what}, leading axis" 1e-13 expected (f batch)
        Check.tensors $"{what}, vmap" 1e-13 expected (Diff.vmap f batch)
        Check.tensors $"{what}, compiled" 1e-13 expected (Diff.compile f batch)
