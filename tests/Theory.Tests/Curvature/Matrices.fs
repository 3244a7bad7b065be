/// Matrices whose spectrum is known.
module Hesse.Theory.Tests.Curvature.Matrices

open Hesse
open Hesse.Theory

let dot (a: float[]) (b: float[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 a b

/// Q diag(values) Qᵀ with a random orthogonal Q, row-major.
let withSpectrum seed (values: float[]) : float[] =
    let q = Random.orthogonal (Random.key seed) values.Length values.Length
    (Tensor.matmul (q * Tensor.ofArray values) (Tensor.transpose q)).toArray()

/// The operator of `withSpectrum`.
let conjugated seed (values: float[]) : LinearOperator =
    LinearOperator.ofMatrix values.Length (withSpectrum seed values)

/// The diagonal operator of given values.
let diagonal (values: float[]) : LinearOperator =
    LinearOperator.ofFunction values.Length (fun v -> Tensor.ofArray values * v)
