/// Matrices and comparisons that the tests of operators share.
module Hesse.Theory.Tests.Curvature.OperatorCases

open Xunit
open Hesse
open Hesse.Theory

/// Entries as close as the tolerance, relative to the largest one expected (at least 1).
let close (tolerance: float) (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)
    let scale = expected |> Array.fold (fun m x -> max m (abs x)) 1.0

    Array.iteri2
        (fun i a b -> Assert.True(abs (a - b) <= tolerance * scale, $"entry {i}: expected {a}, got {b}"))
        expected
        actual

let fails (parts: string list) (action: unit -> unit) =
    let e = Assert.Throws<HesseException> action

    for part in parts do
        Assert.Contains(part, e.Message)

let normal seed (shape: int list) = (Random.normal (Random.key seed) shape).toArray()

/// A random symmetric matrix, row-major.
let symmetric seed n =
    let a = normal seed [ n; n ]
    Array.init (n * n) (fun q -> a[q] + a[(q % n) * n + q / n])

let transposed rows columns (a: float[]) = Array.init (rows * columns) (fun q -> a[q % rows * columns + q / rows])

/// [m; k] times [k; n].
let product m k n (a: float[]) (b: float[]) =
    (Tensor.matmul (Tensor.create [ m; k ] a) (Tensor.create [ k; n ] b)).toArray()

/// The operator is the dense matrix: by single products, batches, transposes and as a whole.
let isMatrix (tolerance: float) (dense: float[]) (operator: LinearOperator) =
    let m, n = operator.Rows, operator.Columns
    Assert.Equal(m * n, dense.Length)
    let v, u = normal 101 [ 3; n ], normal 102 [ 3; m ]
    let forward, backward = product 3 n m v (transposed m n dense), product 3 m n u dense
    close tolerance forward (operator.ApplyRows v 3)
    close tolerance forward[.. m - 1] (operator.Apply v[.. n - 1])
    close tolerance backward (operator.ApplyTransposeRows u 3)
    close tolerance backward[.. n - 1] (operator.ApplyTranspose u[.. m - 1])
    close tolerance dense (LinearOperator.toDense 4 operator)
    close tolerance (transposed m n dense) (LinearOperator.toDense 3 operator.Transpose)

    if operator.Symmetric then
        close tolerance dense (transposed m n dense)
