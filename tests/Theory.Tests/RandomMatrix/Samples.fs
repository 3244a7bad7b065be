/// Sampled random matrices.
module Hesse.Theory.Tests.RandomMatrix.Samples

open Hesse
open Hesse.Kernels

let eigen (n: int) (a: float[]) : float[] =
    let struct (values, _) = LinearAlgebra.SymmetricEigen(a, n, false)
    values

/// Symmetric with entries of variance 1/n (2/n on the diagonal).
let wigner seed n : float[] =
    let g = (Random.normal (Random.key seed) [ n; n ]).toArray()
    Array.init (n * n) (fun q -> (g[q] + g[q % n * n + q / n]) / sqrt (2.0 * float n))

/// XXᵀ/n with X = diag(scales) · Gaussian [p; n].
let covariance seed (scales: float[]) n : float[] =
    let p = scales.Length
    let x = Random.normal (Random.key seed) [ p; n ] * Tensor.reshape [ p; 1 ] (Tensor.ofArray scales)
    (Tensor.matmul x (Tensor.transpose x) / float n).toArray()

/// Q diag(values) Qᵀ with a Haar orthogonal Q.
let rotated seed (values: float[]) : float[] =
    let q = Random.orthogonal (Random.key seed) values.Length values.Length
    (Tensor.matmul (q * Tensor.ofArray values) (Tensor.transpose q)).toArray()
