namespace Hesse

open Hesse.Kernels
open Hesse.Elimination

/// Matrix functions with their derivatives along several directions, in the algebra where the square of every direction's variable is 0.
module internal MatrixDirections =
    /// ∂ᵏ/∂t₁…∂tₖ exp(A + Σ tᵢEᵢ) at 0: Taylor's series of the scaled matrix, then squarings, in the algebra where every tᵢ² = 0. An element
    /// is one matrix for each set of the tᵢ, indexed by bits.
    let exponential (n: Arithmetic<'N>) (args: 'N[][][]) : 'N[][] =
        let order = args[0].Length
        let sets = 1 <<< (args.Length - 1)
        let zero = Array.init order (fun _ -> Array.create order (Arithmetic.zero n))
        let plus = Array.map2 (Array.map2 (Arithmetic.add n))
        let scale c = Array.map (Array.map (Arithmetic.mul n (n.OfFloat c)))

        let multiply (x: 'N[][][]) (y: 'N[][][]) =
            Array.init sets (fun set ->
                seq { 0..set }
                |> Seq.filter (fun part -> part &&& set = part)
                |> Seq.fold (fun total part -> plus total (times n (x[part]) (y[set ^^^ part]))) zero)

        let largest = args |> Seq.collect (Seq.collect (Seq.map n.Size)) |> Seq.fold max 1e-300
        let squarings = max 0 (int (System.Math.Ceiling(System.Math.Log2(largest * float order))) + 3)
        let down = System.Math.ScaleB(1.0, -squarings)

        let x =
            Array.init sets (fun set ->
                if set = 0 then
                    scale down args[0]
                elif System.Numerics.BitOperations.IsPow2 set then
                    scale down args[1 + System.Numerics.BitOperations.Log2(uint32 set)]
                else
                    zero)

        let identity =
            Array.init order (fun i -> Array.init order (fun j -> n.OfFloat(if i = j then 1.0 else 0.0)))

        let mutable term = Array.init sets (fun set -> if set = 0 then identity else zero)
        let mutable sum = term

        for k in 1..28 do
            let next = multiply term x
            term <- next |> Array.map (Array.map (Array.map (fun v -> Arithmetic.div n v (n.OfFloat(float k)))))
            sum <- Array.map2 plus sum term

        for _ in 1..squarings do
            sum <- multiply sum sum

        sum[sets - 1]

    /// ∂ᵏ/∂t₁…∂tₖ of the cofactors of A + Σ tᵢEᵢ, in the same algebra; determinants by Bird's algorithm, which divides by nothing
    /// (Bird 2011, "A simple division-free algorithm for computing determinants").
    let cofactors (n: Arithmetic<'N>) (args: 'N[][][]) : 'N[][] =
        let order = args[0].Length
        let sets = 1 <<< (args.Length - 1)
        let none = Array.create sets (Arithmetic.zero n)
        let add = Array.map2 (Arithmetic.add n)
        let neg = Array.map (Arithmetic.apply1 n TileOp.Neg)

        let mul (x: 'N[]) (y: 'N[]) =
            Array.init sets (fun set ->
                seq { 0..set }
                |> Seq.filter (fun part -> part &&& set = part)
                |> Seq.fold
                    (fun total part -> Arithmetic.add n total (Arithmetic.mul n (x[part]) (y[set ^^^ part])))
                    (Arithmetic.zero n))

        let element i j =
            Array.init sets (fun set ->
                if set = 0 then
                    args[0].[i].[j]
                elif System.Numerics.BitOperations.IsPow2 set then
                    args[1 + System.Numerics.BitOperations.Log2(uint32 set)].[i].[j]
                else
                    Arithmetic.zero n)

        let determinant (m: 'N[][][]) =
            let size = m.Length

            let step (x: 'N[][][]) =
                // Above the diagonal x itself, on it minus the sum of what follows on it.
                let upper i j =
                    if j > i then
                        x[i].[j]
                    elif j < i then
                        none
                    else
                        Seq.fold (fun t k -> add t (x[k].[k])) none (seq { i + 1 .. size - 1 }) |> neg

                Array.init size (fun i ->
                    Array.init size (fun j ->
                        Seq.fold (fun t k -> add t (mul (upper i k) (m[k].[j]))) none (seq { 0 .. size - 1 })))

            if size = 0 then
                Array.init sets (fun set -> n.OfFloat(if set = 0 then 1.0 else 0.0))
            else
                let last = Seq.fold (fun x _ -> step x) m (seq { 2..size })
                if size % 2 = 0 then neg (last[0].[0]) else last[0].[0]

        let all = Array.init order (fun i -> Array.init order (element i))

        Array.init order (fun i ->
            Array.init order (fun j ->
                let minor = all |> Array.removeAt i |> Array.map (Array.removeAt j)
                let value = (determinant minor)[sets - 1]
                if (i + j) % 2 = 0 then value else Arithmetic.apply1 n TileOp.Neg value))
