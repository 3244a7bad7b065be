namespace Hesse

open System

/// Key of a random stream: same key, same numbers, on every machine and executor. It is a tensor in disguise, and a tree: an argument
/// of vmap, compile and every other transformation, whose derivative is zero. Make one with `Random.key`.
[<Sealed>]
type Key internal (words: Tensor) =
    /// The key as four whole numbers below 2³², lowest word first; shape [4], or [..., 4] for an array of keys.
    member _.Words = words

    /// True when the numbers of the stream are known; false inside a function that a transformation traces.
    member _.IsConcrete = words.IsConcrete

    /// Whether two keys are the same stream: the same words, or the same value inside a transformation.
    override _.Equals other =
        match other with
        | :? Key as k ->
            obj.ReferenceEquals(words.Node, k.Words.Node)
            || (words.IsConcrete
                && k.IsConcrete
                && words.Node.Shape = k.Words.Node.Shape
                && words.Node.Data = k.Words.Node.Data)
        | _ -> false

    override _.GetHashCode() =
        if words.IsConcrete then
            let mutable hash = HashCode()
            words.Node.Data |> Array.iter hash.Add
            hash.ToHashCode()
        else
            words.Node.Id.GetHashCode()

    override _.ToString() = $"Key {words}"
