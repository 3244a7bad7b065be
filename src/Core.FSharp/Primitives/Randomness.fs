namespace Hesse

open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear

/// Random numbers as operations on keys, so that they are drawn inside batches and plans. A key is a row of four words of 32 bits; axes
/// before it are a batch of keys. All derivatives are zero.
module internal Randomness =
    /// Words in a key.
    [<Literal>]
    let words = 4

    /// The batch axes of an array of keys.
    let batchOf (op: string) (keys: int[]) =
        if keys.Length = 0 || keys[keys.Length - 1] <> words then
            Shape.fail
                $"{op}: expected keys of shape [..., {words}], got shape {Shape.show keys}; make them with Random.key"

        keys[.. keys.Length - 2]

    let private drawn attr =
        match attr with
        | Drawn(law, shape) -> struct (law, shape)
        | _ -> struct (RandomLaw(), [||])

    let randomP: Primitive = {
        Name = "random"
        Doc = "Numbers of a distribution, drawn from each key."
        Shape =
            fun attr s ->
                let struct (_, shape) = drawn attr
                Array.append (batchOf "Random" s[0]) shape
        Derivative = Derivative.Zero
        Transpose = None
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let struct (law, shape) = drawn attr
                let keys = Shape.length "Random" (batchOf "Random" s[0])
                [ RandomStep(law, keys, Shape.length "Random" shape, slots[0], out) ])
    }

    let foldKeyP: Primitive = {
        Name = "foldKey"
        Doc = "The child of each key that a whole number names."
        Shape =
            fun _ s ->
                if batchOf "Random.foldIn" s[0] <> s[1] then
                    Shape.fail
                        $"Random.foldIn: indices of shape {Shape.show s[1]} do not fit keys of shape {Shape.show s[0]}; give one index per key"

                s[0]
        Derivative = Derivative.Zero
        Transpose = None
        Batch = batchElementwise
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun _ s _ slots out -> [
                FoldKeyStep(Shape.length "Random.foldIn" s[1], slots[0], slots[1], out)
            ])
    }

    let random (family: RandomFamily) (lower: float) (upper: float) (shape: int[]) (key: Node) =
        bind randomP (Drawn(RandomLaw(family, lower, upper), shape)) [| key |]

    let foldKey (index: Node) (key: Node) = bind foldKeyP NoAttr [| key; index |]

    /// The primitives of this file, in order.
    let primitives = [ randomP; foldKeyP ]
