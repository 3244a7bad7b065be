/// The spectral density of a Hessian by stochastic Lanczos quadrature.
module Hesse.Bench.LanczosRow

open Hesse
open Hesse.Bench.Networks
open Hesse.Theory

/// What can be compared. Single Ritz values inside the spectrum depend on the last bits of the products, moments do not: the
/// largest |node| ρ, and M ρ times the moments of order 1 to 20 of λ/ρ for each probe, which all are of the size of ρ.
let private summary (size: int) (nodes: float[][]) (weights: float[][]) : Tensor[] =
    let radius = nodes |> Array.concat |> Array.fold (fun m x -> max m (abs x)) 0.0

    let moment k = Array.fold2 (fun sum x w -> sum + float size * radius * w * pown (x / radius) k) 0.0

    let moments = Array.map2 (fun x w -> Array.init 20 (fun k -> moment (k + 1) x w)) nodes weights
    [| Tensor.ofArray (Array.append [| radius |] (Array.concat moments)) |]

/// data: pixels and labels.
let row (data: Tensor * Tensor) (probes: int) (steps: int) : Row =
    let widths = [ 64; 32; 10 ]
    let parameters = parametersOf (Random.key 5) widths
    let x, y = data
    let loss (p: Tensor[]) = Losses.crossEntropy (network p x) y
    let operator = LinearOperator.hessian loss parameters
    let key = Random.key 9

    let starts = Random.split probes key |> Array.map (fun k -> Random.normal k [ operator.Size ])

    let hosted = starts |> Array.map (fun t -> t.toArray ())

    let probeByProbe () =
        let rules =
            hosted |> Array.map (fun start -> Lanczos.tridiagonalEigen (Lanczos.factorise operator start steps))

        let squares (_, first, _) = Array.map (fun c -> c * c) first
        summary operator.Size (rules |> Array.map (fun (nodes, _, _) -> nodes)) (Array.map squares rules)

    // With bases of this size, the estimate multiplies the vectors of all probes at once.
    let allTogether () =
        let density = SpectralDensity.estimate operator key probes steps
        summary operator.Size density.Nodes density.Weights

    let theta, unravel = Tree.ravel parameters
    let product = Diff.vmap (fun v -> Diff.hvp (fun t -> loss (unravel t)) theta v)
    let plan () = Diff.plan product (Tensor.stack 0 starts)
    // Two dot products and two updates of length M for each earlier vector, 2 M operations each.
    let orthogonalisation = float (8 * operator.Size * probes * steps * (steps + 1) / 2)
    let text () = (plan ()).ToString()
    let flops () = float steps * float (plan ()).Flops + orthogonalisation

    {
        Name = $"lanczos-{show widths}"
        Title =
            $"stochastic Lanczos density of the Hessian, MLP {show widths}, digits, {probes} probes of {steps} steps"
        Slow = true
        Inputs = ("x", x) :: ("y", y) :: ("starts", Tensor.stack 0 starts) :: named "p" parameters
        Variants = [
            { Name = "probe by probe"; Compute = probeByProbe; Plan = text; Flops = flops }
            { Name = "probes together"; Compute = allTogether; Plan = text; Flops = flops }
        ]
        Target = None
    }
