namespace Hesse

open Hesse.Kernels

/// The discrete Fourier transform over any number system that has sines: by its definition.
module internal FourierRule =
    /// cos and sin of 2π j/n for j = 0 … n − 1.
    let private circle (n: Arithmetic<'N>) (length: int) : ('N * 'N)[] =
        let ofInt (k: int) = n.OfFloat(float k)
        let pi = Arithmetic.mul n (ofInt 4) (Arithmetic.apply1 n TileOp.Atan (ofInt 1))

        Array.init length (fun j ->
            let angle = Arithmetic.div n (Arithmetic.mul n (ofInt (2 * j)) pi) (ofInt length)
            Arithmetic.apply1 n TileOp.Cos angle, Arithmetic.apply1 n TileOp.Sin angle)

    let private transform (n: Arithmetic<'N>) (inverse: bool) (shape: int[]) (x: 'N[]) : 'N[] =
        let length = Array.last shape
        let roots = circle n length
        let result = Array.create x.Length (Arithmetic.zero n)

        for pair in 0 .. x.Length / max 1 (2 * length) - 1 do
            let re, im = 2 * pair * length, (2 * pair + 1) * length

            for k in 0 .. length - 1 do
                for j in 0 .. length - 1 do
                    let c, s = roots[int (int64 j * int64 k % int64 length)]
                    let s = if inverse then s else Arithmetic.apply1 n TileOp.Neg s
                    let a, b = x[re + j], x[im + j]

                    result[re + k] <-
                        Arithmetic.add
                            n
                            (result[re + k])
                            (Arithmetic.sub n (Arithmetic.mul n a c) (Arithmetic.mul n b s))

                    result[im + k] <-
                        Arithmetic.add
                            n
                            (result[im + k])
                            (Arithmetic.add n (Arithmetic.mul n a s) (Arithmetic.mul n b c))

        result

    let rules (n: Arithmetic<'N>) : (string * MatrixAlgebra.Rule<'N>) list = [
        if not (n.Missing.Contains TileOp.Sin || n.Missing.Contains TileOp.Atan) then
            Fourier.fourierP.Name,
            fun attr s _ args ->
                match attr with
                | Inverse inverse -> transform n inverse s[0] args[0]
                | _ -> args[0]
    ]
