/// What is differentiated: networks, losses and data. Every input comes from a seed, except the digits, which are data/digits.csv.gz.
module Hesse.Bench.Networks

open System
open System.IO
open System.IO.Compression
open Hesse

/// A tanh network with a linear last layer; parameters W₁, b₁, W₂, b₂, … with Wₗ of shape [in; out].
let network (parameters: Tensor[]) (x: Tensor) : Tensor =
    let depth = parameters.Length / 2

    let layer (h: Tensor) l =
        let z = Tensor.matmul h parameters[2 * l] + parameters[2 * l + 1]
        if l < depth - 1 then Tensor.tanh z else z

    Seq.fold layer x (seq { 0 .. depth - 1 })

/// The mean over samples and outputs of the squared error.
let meanSquare (x: Tensor) (y: Tensor) (parameters: Tensor[]) : Tensor =
    Tensor.mean (Tensor.square (network parameters x - y))

/// Standard normal weights over the square root of the inputs, and normal biases of size 0.1.
let parametersOf (key: Key) (widths: int list) : Tensor[] =
    let keys = Random.split (2 * (widths.Length - 1)) key

    List.pairwise widths
    |> List.mapi (fun l (inputs, outputs) -> [|
        Random.normal keys[2 * l] [ inputs; outputs ] / sqrt (float inputs)
        0.1 * Random.normal keys[2 * l + 1] [ outputs ]
    |])
    |> Array.concat

/// A regression problem.
type Regression = {
    Parameters: Tensor[]
    /// A second set of parameters.
    Direction: Tensor[]
    /// Inputs, [samples; first width].
    X: Tensor
    /// Targets, [samples; last width].
    Y: Tensor
}

/// A regression problem from a seed.
let regression (seed: int) (widths: int list) (samples: int) : Regression =
    let keys = Random.split 4 (Random.key seed)

    {
        Parameters = parametersOf keys[0] widths
        Direction = parametersOf keys[1] widths
        X = Random.normal keys[2] [ samples; List.head widths ]
        Y = Random.normal keys[3] [ samples; List.last widths ]
    }

/// Widths as in 10-64-64-1.
let show (widths: int list) = String.Join("-", widths)

/// Tensors under the names p0, p1, …
let named (prefix: string) (tensors: Tensor[]) = tensors |> Array.mapi (fun i t -> $"{prefix}{i}", t) |> List.ofArray

/// Pixels in [0, 1], shape [1797; 64], and one-hot labels, shape [1797; 10].
let digits (folder: string) : Tensor * Tensor =
    use file = File.OpenRead(Path.Combine(folder, "digits.csv.gz"))
    use text = new StreamReader(new GZipStream(file, CompressionMode.Decompress))
    let lines = text.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
    let numbers = lines |> Array.map (fun line -> line.Split(',') |> Array.map float)
    let label (k: int) (row: float[]) = if int row[64] = k then 1.0 else 0.0

    Tensor.create [ numbers.Length; 64 ] (numbers |> Array.collect (fun row -> row[..63])) / 16.0,
    Tensor.create [ numbers.Length; 10 ] (numbers |> Array.collect (fun row -> Array.init 10 (fun k -> label k row)))
