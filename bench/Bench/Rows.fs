/// The computations. Every input comes from a seed, except the digits, which are data/digits.csv.gz.
module Hesse.Bench.Rows

open System
open System.IO
open System.IO.Compression
open Hesse

/// A tanh network with a linear last layer; parameters W₁, b₁, W₂, b₂, … with Wₗ of shape [in; out].
let private network (parameters: Tensor[]) (x: Tensor) : Tensor =
    let depth = parameters.Length / 2

    let layer (h: Tensor) l =
        let z = Tensor.matmul h parameters[2 * l] + parameters[2 * l + 1]
        if l < depth - 1 then Tensor.tanh z else z

    Seq.fold layer x (seq { 0 .. depth - 1 })

let private meanSquare (x: Tensor) (y: Tensor) (parameters: Tensor[]) : Tensor =
    Tensor.mean (Tensor.square (network parameters x - y))

/// Standard normal weights over the square root of the inputs, and normal biases of size 0.1.
let private parametersOf (key: Key) (widths: int list) : Tensor[] =
    let keys = Random.split (2 * (widths.Length - 1)) key

    List.pairwise widths
    |> List.mapi (fun l (inputs, outputs) -> [|
        Random.normal keys[2 * l] [ inputs; outputs ] / sqrt (float inputs)
        0.1 * Random.normal keys[2 * l + 1] [ outputs ]
    |])
    |> Array.concat

let private named (prefix: string) (tensors: Tensor[]) =
    tensors |> Array.mapi (fun i t -> $"{prefix}{i}", t) |> List.ofArray

/// A regression problem: parameters, a second set of parameters as a direction, inputs, targets.
let private regression (seed: int) (widths: int list) (samples: int) =
    let keys = Random.split 4 (Random.key seed)

    parametersOf keys[0] widths,
    parametersOf keys[1] widths,
    Random.normal keys[2] [ samples; List.head widths ],
    Random.normal keys[3] [ samples; List.last widths ]

let private show (widths: int list) = String.Join("-", widths)

/// The gradient on numbers that `convert` brings to a precision; `suffix` goes to the row's name.
let private gradientIn (suffix: string) (convert: Tensor -> Tensor) (widths: int list) (samples: int) : Row =
    let parameters, _, x, y = regression 1 widths samples
    let parameters, x, y = Array.map convert parameters, convert x, convert y
    let f = Diff.grad (meanSquare x y)
    let step = Diff.compile f

    {
        Name = $"grad-{show widths}{suffix}"
        Title = $"gradient, MLP {show widths} tanh, n = {samples}, mean square error"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ { Name = "compiled"; Compute = fun () -> step parameters } ]
        Plan = fun () -> Diff.explain f parameters
    }

let private gradient = gradientIn "" id
let private gradient32 = gradientIn "-float32" Tensor.toFloat32

let private hessianVector (widths: int list) (samples: int) : Row =
    let parameters, direction, x, y = regression 2 widths samples
    let f (p, v) = Diff.hvp (meanSquare x y) p v
    let product = Diff.compile f

    {
        Name = $"hvp-{show widths}"
        Title = $"Hessian-vector product, MLP {show widths} tanh, n = {samples}, mean square error"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters @ named "v" direction
        Variants = [ { Name = "compiled"; Compute = fun () -> product (parameters, direction) } ]
        Plan = fun () -> Diff.explain f (parameters, direction)
    }

let private hessian (widths: int list) (samples: int) (slow: bool) : Row =
    let parameters, _, x, y = regression 3 widths samples
    let f = Diff.hessian (meanSquare x y)
    let whole = Diff.compile f
    let size = parameters |> Array.sumBy (fun p -> p.Size)
    let blocks = { Name = "in blocks"; Compute = fun () -> [| f parameters |] }
    let compiled = { Name = "compiled"; Compute = fun () -> [| whole parameters |] }

    {
        Name = $"hessian-{show widths}"
        Title = $"full Hessian, MLP {show widths} tanh, n = {samples}, {size} parameters"
        Slow = slow
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        // One batch of all directions would need gigabytes for the slow row.
        Variants = if slow then [ blocks ] else [ blocks; compiled ]
        Plan = if slow then (fun () -> "") else (fun () -> Diff.explain f parameters)
    }

let private tangentKernel (widths: int list) (samples: int) : Row =
    let parameters, _, x, y = regression 4 widths samples

    let f (p: Tensor[]) =
        let jacobian = Diff.jacobian (fun p -> Tensor.flatten (network p x)) p
        Tensor.matmul jacobian (Tensor.transpose jacobian)

    let perSample (p: Tensor[]) =
        let gradients = Diff.vmap (fun xi -> Diff.grad (fun p -> Tensor.sum (network p xi)) p) x
        gradients |> Array.map (fun g -> Tensor.reshape [ samples; -1 ] g)

    let gram (p: Tensor[]) =
        perSample p |> Array.map (fun g -> Tensor.matmul g (Tensor.transpose g)) |> Array.reduce (+)

    let byJacobian, byGradients = Diff.compile f, Diff.compile gram

    {
        Name = $"ntk-{show widths}"
        Title = $"empirical neural tangent kernel, MLP {show widths} tanh, n = {samples}"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [
            { Name = "jacobian"; Compute = fun () -> [| byJacobian parameters |] }
            { Name = "per-sample"; Compute = fun () -> [| byGradients parameters |] }
        ]
        Plan = fun () -> Diff.explain gram parameters
    }

/// Pixels in [0, 1], shape [1797; 64], and one-hot labels, shape [1797; 10].
let private digits (folder: string) : Tensor * Tensor =
    use file = File.OpenRead(Path.Combine(folder, "digits.csv.gz"))
    use text = new StreamReader(new GZipStream(file, CompressionMode.Decompress))
    let lines = text.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
    let numbers = lines |> Array.map (fun line -> line.Split(',') |> Array.map float)
    let label (k: int) (row: float[]) = if int row[64] = k then 1.0 else 0.0

    Tensor.create [ numbers.Length; 64 ] (numbers |> Array.collect (fun row -> row[..63])) / 16.0,
    Tensor.create [ numbers.Length; 10 ] (numbers |> Array.collect (fun row -> Array.init 10 (fun k -> label k row)))

let private perSampleGradients (data: string) : Row =
    let widths = [ 64; 32; 10 ]
    let parameters = parametersOf (Random.key 5) widths
    let x, y = digits data

    let loss (p: Tensor[]) (xi: Tensor, yi: Tensor) = -Tensor.sum(yi * Tensor.logSoftmax 0 (network p xi))

    let f (p: Tensor[]) = Diff.vmap (fun sample -> Diff.grad (fun p -> loss p sample) p) (x, y)
    let gradients = Diff.compile f

    {
        Name = "per-sample-64-32-10"
        Title = $"per-sample gradients, MLP 64-32-10 tanh, softmax cross-entropy, digits, n = {x.Shape[0]}"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ { Name = "compiled"; Compute = fun () -> gradients parameters } ]
        Plan = fun () -> Diff.explain f parameters
    }

let private directional (order: int) (widths: int list) (samples: int) : Row =
    let parameters, _, x, _ = regression 6 widths samples
    let v = Random.normal (Random.key 7) [ samples; List.head widths ] / sqrt (float (List.head widths))
    let f (x, v) = (Diff.jet order (network parameters) x v)[order]
    let derivative = Diff.compile f

    {
        Name = $"jet{order}-{show widths}"
        Title = $"derivative number {order} along a direction of the input, MLP {show widths} tanh, n = {samples}"
        Slow = false
        Inputs = ("x", x) :: ("v", v) :: named "p" parameters
        Variants = [ { Name = "compiled"; Compute = fun () -> [| derivative (x, v) |] } ]
        Plan = fun () -> Diff.explain f (x, v)
    }

/// Every row.
/// data: the folder that holds digits.csv.gz.
let all (data: string) : Row list = [
    gradient [ 2; 16; 1 ] 64
    gradient [ 784; 256; 256; 10 ] 256
    gradient32 [ 784; 256; 256; 10 ] 256
    hessianVector [ 10; 64; 64; 1 ] 128
    hessianVector [ 10; 32; 32; 1 ] 100
    hessian [ 10; 32; 32; 1 ] 100 false
    tangentKernel [ 10; 64; 64; 1 ] 128
    perSampleGradients data
    directional 6 [ 10; 64; 64; 1 ] 128
    hessian [ 10; 64; 64; 1 ] 128 true
]
