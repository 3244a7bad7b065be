namespace Hesse

open System.Collections.Generic

/// The terms that a truncated power series in m variables keeps: multi-indices, and with each one every smaller one. They are
/// numbered by degree, 0 first; all tables that products and derivatives of series need are made once.
[<Sealed>]
type internal Monomials private (name: string, variables: int, indices: int[][]) =
    let indices = indices |> Array.sortBy (fun a -> Array.sum a, Array.map (~-) a)

    let places =
        let table = Dictionary<int[], int>(HashIdentity.Structural)
        indices |> Array.iteri (fun p index -> table[index] <- p)
        table

    let place index =
        match places.TryGetValue index with
        | true, p -> p
        | _ -> -1

    let products =
        indices
        |> Array.mapi (fun p total -> [|
            for first in 0..p do
                let rest = Array.map2 (-) total indices[first]

                if Array.forall (fun n -> n >= 0) rest then
                    struct (first, place rest)
        |])

    let raised =
        indices
        |> Array.map (fun index -> Array.init variables (fun i -> place (Array.updateAt i (index[i] + 1) index)))

    /// Says which terms they are.
    member _.Name = name

    /// Number of terms.
    member _.Count = indices.Length

    /// The exponents of a term.
    member _.Item
        with get (p: int) = indices[p]

    /// The number of the term with these exponents; −1 when it is cut off.
    member _.Place(index: int[]) = place index

    /// All pairs of terms whose product is term p, the first of them ascending.
    member _.Products(p: int) = products[p]

    /// The number of term p times variable i; −1 when it is cut off.
    member _.Raised(p: int, i: int) = raised[p][i]

    /// For a term besides 0: a variable in it, the term with one power of it less, and that power.
    member _.Lowered(p: int) : struct (int * int * int) =
        let i = indices[p] |> Array.findIndex (fun n -> n > 0)
        struct (i, place (Array.updateAt i (indices[p][i] - 1) indices[p]), indices[p][i])

    /// The product of the factorials of the exponents of term p: a coefficient times this is a derivative.
    member _.Factorial(p: int) =
        indices[p] |> Array.fold (fun product n -> Seq.fold (fun f k -> f * float k) product [ 1..n ]) 1.0

    /// 1, t, …, t^order.
    static member Line(order: int) = Monomials($"line {order}", 1, Array.init (order + 1) Array.singleton)

    /// All terms with exponent i at most orders[i].
    static member Box(orders: int[]) =
        let extend (heads: int[][]) order =
            heads |> Array.collect (fun head -> Array.init (order + 1) (fun n -> Array.append head [| n |]))

        Monomials($"box {Shape.show orders}", orders.Length, orders |> Array.fold extend [| [||] |])

    /// All terms of at most this degree in so many variables.
    static member Degree(variables: int, order: int) =
        let rec terms count left =
            if count = 0 then
                [ [] ]
            else
                [
                    for n in 0..left do
                        for rest in terms (count - 1) (left - n) -> n :: rest
                ]

        Monomials(
            $"degree {order} in {variables}",
            variables,
            terms variables order |> List.map Array.ofList |> Array.ofList
        )
