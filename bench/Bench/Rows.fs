/// The computations that both sides do.
module Hesse.Bench.Rows

open Hesse
open Hesse.Bench.Networks

/// The gradient on numbers that `convert` brings to a precision; `suffix` goes to the row's name.
let private gradientIn (suffix: string) (convert: Tensor -> Tensor) (widths: int list) (samples: int) : Row =
    let problem = regression 1 widths samples
    let parameters, x, y = Array.map convert problem.Parameters, convert problem.X, convert problem.Y

    {
        Name = $"grad-{show widths}{suffix}"
        Title = $"gradient, MLP {show widths} tanh, n = {samples}, mean square error"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ Variant.compiled "compiled" (Diff.grad (meanSquare x y)) parameters ]
        Target = None
    }

/// The gradient of the mean square error.
let gradient = gradientIn "" id
let private gradient32 = gradientIn "-float32" Tensor.toFloat32

/// The product of the Hessian of the mean square error with a vector.
let hessianVector (widths: int list) (samples: int) : Row =
    let { Parameters = parameters; Direction = direction; X = x; Y = y } = regression 2 widths samples
    let product (p, v) = Diff.hvp (meanSquare x y) p v

    {
        Name = $"hvp-{show widths}"
        Title = $"Hessian-vector product, MLP {show widths} tanh, n = {samples}, mean square error"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters @ named "v" direction
        Variants = [ Variant.compiled "compiled" product (parameters, direction) ]
        Target = None
    }

/// The full Hessian of the mean square error.
let hessian (widths: int list) (samples: int) (slow: bool) : Row =
    let { Parameters = parameters; X = x; Y = y } = regression 3 widths samples
    let f p = [| Diff.hessian (meanSquare x y) p |]
    let size = parameters |> Array.sumBy (fun p -> p.Size)

    {
        Name = $"hessian-{show widths}"
        Title = $"full Hessian, MLP {show widths} tanh, n = {samples}, {size} parameters"
        Slow = slow
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ Variant.compiled "compiled" f parameters ]
        Target = None
    }

/// The empirical neural tangent kernel of all outputs.
let tangentKernel (widths: int list) (samples: int) : Row =
    let { Parameters = parameters; X = x; Y = y } = regression 4 widths samples

    let byJacobian (p: Tensor[]) =
        let jacobian = Diff.jacobian (fun p -> Tensor.flatten (network p x)) p
        [| Tensor.matmul jacobian (Tensor.transpose jacobian) |]

    let perSample (p: Tensor[]) =
        let gradients = Diff.vmap (fun xi -> Diff.grad (fun p -> Tensor.sum (network p xi)) p) x
        gradients |> Array.map (fun g -> Tensor.reshape [ samples; -1 ] g)

    let byGradients (p: Tensor[]) =
        let gram = perSample p |> Array.map (fun g -> Tensor.matmul g (Tensor.transpose g)) |> Array.reduce (+)
        [| gram |]

    {
        Name = $"ntk-{show widths}"
        Title = $"empirical neural tangent kernel, MLP {show widths} tanh, n = {samples}"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [
            Variant.compiled "jacobian" byJacobian parameters
            Variant.compiled "per-sample" byGradients parameters
        ]
        Target = None
    }

let private perSampleGradients (data: Tensor * Tensor) : Row =
    let widths = [ 64; 32; 10 ]
    let parameters = parametersOf (Random.key 5) widths
    let x, y = data

    let loss (p: Tensor[]) (xi: Tensor, yi: Tensor) = -Tensor.sum(yi * Tensor.logSoftmax 0 (network p xi))

    let f (p: Tensor[]) = Diff.vmap (fun sample -> Diff.grad (fun p -> loss p sample) p) (x, y)

    {
        Name = "per-sample-64-32-10"
        Title = $"per-sample gradients, MLP 64-32-10 tanh, softmax cross-entropy, digits, n = {x.Shape[0]}"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ Variant.compiled "compiled" f parameters ]
        Target = None
    }

/// The derivative of an order along a direction of the input, by Taylor mode.
let directional (order: int) (widths: int list) (samples: int) : Row =
    let { Parameters = parameters; X = x } = regression 6 widths samples
    let v = Random.normal (Random.key 7) [ samples; List.head widths ] / sqrt (float (List.head widths))
    let f (x, v) = [| (Diff.jet order (network parameters) x v)[order] |]

    {
        Name = $"jet{order}-{show widths}"
        Title = $"derivative number {order} along a direction of the input, MLP {show widths} tanh, n = {samples}"
        Slow = false
        Inputs = ("x", x) :: ("v", v) :: named "p" parameters
        Variants = [ Variant.compiled "compiled" f (x, v) ]
        Target = None
    }

/// Full-batch gradient descent as one plan: a loop whose step is the gradient.
let private descent (steps: int) (widths: int list) (samples: int) : Row =
    let { Parameters = parameters; X = x; Y = y } = regression 8 widths samples
    let rate = 0.05

    let f (p: Tensor[]) =
        p
        |> Diff.iterate steps (fun p -> Array.map2 (fun w g -> w - rate * g) p (Diff.grad (meanSquare x y) p))

    {
        Name = $"descent-{show widths}"
        Title =
            $"{steps} steps of full-batch gradient descent, MLP {show widths} tanh, n = {samples}, mean square error"
        Slow = false
        Inputs = ("x", x) :: ("y", y) :: named "p" parameters
        Variants = [ Variant.compiled "one plan" f parameters ]
        Target = None
    }

let private atLeast (target: float) (row: Row) = { row with Target = Some target }

/// Every row.
/// data: the folder that holds digits.csv.gz.
let all (data: string) : Row list =
    let digits = digits data

    [
        gradient [ 2; 16; 1 ] 64 |> atLeast 15.0
        gradient [ 784; 256; 256; 10 ] 256
        gradient32 [ 784; 256; 256; 10 ] 256
        hessianVector [ 10; 64; 64; 1 ] 128 |> atLeast 15.0
        hessianVector [ 10; 32; 32; 1 ] 100 |> atLeast 18.0
        hessianVector [ 784; 256; 256; 10 ] 256 |> atLeast 2.0
        hessian [ 10; 32; 32; 1 ] 100 false |> atLeast 20.0
        tangentKernel [ 10; 64; 64; 1 ] 128 |> atLeast 20.0
        perSampleGradients digits |> atLeast 4.0
        descent 1000 [ 10; 32; 32; 1 ] 100 |> atLeast 10.0
        LanczosRow.row digits 16 40 |> atLeast 8.0
        directional 6 [ 10; 64; 64; 1 ] 128 |> atLeast 50.0
        hessian [ 10; 64; 64; 1 ] 128 true |> atLeast 10.0
    ]
