/// Costs of derivatives in terms of cheaper computations: both sides are Hesse.
module Hesse.Bench.Within

open Hesse
open Hesse.Bench.Measure
open Hesse.Bench.Networks

/// What a quotient of two times is meant to be.
type Target =
    | AtMost of float
    | AtLeast of float

/// A quotient of the times of two computations.
type Quotient = {
    Name: string
    Title: string
    /// Ways to compute what is above the line; the fastest is measured.
    Above: Variant list
    /// Ways to compute what is below the line.
    Below: Variant list
    Target: Target
}

/// A measured quotient.
type Outcome = {
    Quotient: Quotient
    Above: Timing
    Below: Timing
    /// Quotient of the counted floating-point operations, which no load of the machine changes.
    FlopRatio: float
} with

    /// Quotient of the medians.
    member o.Ratio = o.Above.Median / o.Below.Median

/// Measures one quotient.
let measure (effort: Effort) (quotient: Quotient) : Outcome =
    let above, aboveSide = fastest quotient.Above
    let below, belowSide = fastest quotient.Below

    match alternate effort [ aboveSide; belowSide ] with
    | [ a; b ] -> {
        Quotient = quotient
        Above = a
        Below = b
        FlopRatio = above.Flops() / below.Flops()
      }
    | _ -> failwith "two sides have two timings"

let private compiled name f x = [ Variant.compiled name f x ]

let private perGradient (kind: string) (title: string) (target: float) product widths samples =
    let { Parameters = p; Direction = v } as problem = regression 2 widths samples

    {
        Name = $"{kind}-over-gradient-{show widths}"
        Title = $"{title} over gradient, MLP {show widths} tanh, n = {samples}, mean square error"
        Above = compiled "compiled" (product problem) (p, v)
        Below = compiled "gradient" (Diff.grad (meanSquare problem.X problem.Y)) p
        Target = AtMost target
    }

let private hessianVector =
    perGradient "hvp" "Hessian-vector product" 3.0 (fun problem (p, v) -> Diff.hvp (meanSquare problem.X problem.Y) p v)

/// Jᵀ ∇²ℓ J v: forward, through the Hessian of the loss in the outputs, and back.
let private gaussNewton =
    perGradient "ggn" "Gauss-Newton product" 2.2 (fun problem (p: Tensor[], v: Tensor[]) ->
        let model p = network p problem.X
        let loss outputs = Tensor.mean (Tensor.square (outputs - problem.Y))
        let outputs, tangent = Diff.jvp model p v
        let _, pullback = Diff.vjp model p
        pullback (Diff.hvp loss outputs tangent))

let private taylor (order: int) (target: float) (widths: int list) (samples: int) =
    let { Parameters = p; X = x } = regression 6 widths samples
    let v = Random.normal (Random.key 7) [ samples; widths.Head ] / sqrt (float widths.Head)

    {
        Name = $"jet{order}-over-forward-{show widths}"
        Title = $"jet of order {order} (all coefficients) over forward pass, MLP {show widths} tanh, n = {samples}"
        Above = compiled "compiled" (fun (x, v) -> Diff.jet order (network p) x v) (x, v)
        Below = compiled "forward" (fun x -> [| network p x |]) x
        Target = AtMost target
    }

/// The loop is the fastest of three: calls of a compiled product from the host, a loop within a plan, and one batch of all directions.
let private laplacian (target: float) (depth: int) (width: int) (samples: int) =
    let widths = List.replicate (depth + 1) width @ [ 1 ]
    let { Parameters = p; X = x } = regression 10 widths samples
    let scalar (x: Tensor) = Tensor.sum (network p x)
    let identity = Tensor.eye width

    // A direction is the same for all samples, whose outputs are independent: entry [b] of the sum belongs to sample b.
    let second (x: Tensor) (e: Tensor) =
        let direction = Tensor.broadcastTo [ samples; width ] e
        Tensor.sumAxis 1 (e * Diff.hvp scalar x direction)

    let directions = [| for i in 0 .. width - 1 -> Tensor.reshape [ width ] (Tensor.slice 0 i (i + 1) 1 identity) |]

    let scanned =
        Variant.compiled
            "loop in a plan"
            (fun x -> [| fst (Diff.scan (fun sum e -> sum + second x e, ()) (Tensor.zeros [ samples ]) identity) |])
            x

    let product = Diff.compile (fun (x, e) -> second x e)

    let hosted = {
        scanned with
            Name = "loop of products"
            Compute = fun () -> [| directions |> Array.map (fun e -> product (x, e)) |> Array.reduce (+) |]
    }

    {
        Name = $"loop-over-laplacian-{depth}x{width}-n{samples}"
        Title =
            $"loop of {width} Hessian-vector products over forward Laplacian, MLP with {depth} hidden layers of {width} tanh, input {width}, n = {samples}"
        Above = [ hosted; scanned ]
        Below = compiled "forward Laplacian" (fun x -> [| Diff.vmap (Diff.laplacian scalar) x |]) x
        Target = AtLeast target
    }

/// Every quotient.
let all () : Quotient list = [
    hessianVector [ 10; 64; 64; 1 ] 128
    hessianVector [ 784; 256; 256; 10 ] 256
    gaussNewton [ 10; 64; 64; 1 ] 128
    gaussNewton [ 784; 256; 256; 10 ] 256
    taylor 10 60.0 [ 10; 64; 64; 1 ] 128
    laplacian 4.6 10 100 1
    laplacian 4.6 10 100 20
]
