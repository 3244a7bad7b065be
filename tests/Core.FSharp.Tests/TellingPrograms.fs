namespace Hesse.Tests

open Hesse

/// A function at an argument: its graph, and one call of it.
type internal TellingProgram = {
    Name: string
    /// Variables, values and outputs.
    Trace: unit -> Node[] * Node[] * Node[]
    /// A compiled function at its argument, to be called again and again.
    Call: unit -> unit -> unit
}

/// Programs of deep-learning theory that together say most about what the compiler does.
module internal TellingPrograms =
    /// A tanh network with a linear last layer; parameters W₁, b₁, W₂, b₂, …
    let network (parameters: Tensor[]) (x: Tensor) : Tensor =
        let depth = parameters.Length / 2

        let layer (h: Tensor) l =
            let z = Tensor.matmul h parameters[2 * l] + parameters[2 * l + 1]
            if l < depth - 1 then Tensor.tanh z else z

        Seq.fold layer x (seq { 0 .. depth - 1 })

    let parametersOf (widths: int list) : Tensor[] =
        List.pairwise widths
        |> List.mapi (fun l (i, o) -> [| 0.5 * varied (l + 1) [ i; o ]; 0.1 * varied (l + 9) [ o ] |])
        |> Array.concat

    let meanSquare (x: Tensor) (y: Tensor) (parameters: Tensor[]) : Tensor =
        Tensor.mean (Tensor.square (network parameters x - y))

    let crossEntropy (x: Tensor) (labels: Tensor) (parameters: Tensor[]) : Tensor =
        -(Tensor.sum (labels * Tensor.logSoftmax 1 (network parameters x)) / float x.Shape[0])

    /// Gradients of every sample's loss, stacked.
    let perSample (x: Tensor) (y: Tensor) (parameters: Tensor[]) : Tensor[] =
        let gradient (x, y) = Diff.grad (meanSquare x y) parameters
        Diff.vmap gradient (x, y)

    let private rows (t: Tensor) = Tensor.reshape [ t.Shape[0]; -1 ] t

    let gradientNorms (x: Tensor) (y: Tensor) (parameters: Tensor[]) : Tensor =
        perSample x y parameters
        |> Array.map (fun g -> Tensor.sumAxis 1 (Tensor.square (rows g)))
        |> Array.reduce (+)

    /// K = Σ J Jᵀ over the parameters, of a network with one output.
    let kernel (x: Tensor) (parameters: Tensor[]) : Tensor =
        Diff.vmap (fun x -> Diff.grad (fun p -> Tensor.sum (network p x)) parameters) x
        |> Array.map (fun j -> let j = rows j in Tensor.matmul j (Tensor.transpose j))
        |> Array.reduce (+)

    /// Jᵀ ∇²ℓ J v.
    let gaussNewton (x: Tensor) (y: Tensor) (parameters: Tensor[], v: Tensor[]) : Tensor[] =
        let model p = network p x
        let outputs, tangent = Diff.jvp model parameters v
        let _, pullback = Diff.vjp model parameters
        pullback (Diff.hvp (fun o -> Tensor.mean (Tensor.square (o - y))) outputs tangent)

    let gradientDescent (steps: int) (rate: float) (loss: Tensor[] -> Tensor) (parameters: Tensor[]) : Tensor[] =
        Diff.iterate steps (fun p -> Array.map2 (fun (p: Tensor) g -> p - rate * g) p (Diff.grad loss p)) parameters

    let private telling (name: string) (f: 'X -> 'Y) (x: 'X) = {
        Name = name
        Trace =
            fun () ->
                let t = Tracing.trace f x
                t.Variables, t.Values, t.Outputs
        Call =
            fun () ->
                let compiled = Diff.compile f
                fun () -> compiled x |> ignore
    }

    let private n = 24
    let private x = varied 31 [ n; 5 ]
    let private y = varied 32 [ n; 3 ]
    let private p = parametersOf [ 5; 8; 6; 3 ]

    let private direction =
        parametersOf [ 5; 8; 6; 3 ] |> Array.mapi (fun i t -> varied i (List.ofArray t.Shape))

    let private scalarNetwork = parametersOf [ 5; 8; 6; 1 ]

    let private labels =
        Tensor.create [ n; 3 ] (Array.init (3 * n) (fun i -> if (i / 3) % 3 = i % 3 then 1.0 else 0.0))

    let all: TellingProgram list = [
        telling "ntk-gram" (kernel x) scalarNetwork
        telling "hvp" (fun (p, v) -> Diff.hvp (meanSquare x y) p v) (p, direction)
        telling "per-sample-gradients" (perSample x y) p
        telling "gradient-norms" (gradientNorms x y) p
        telling "gradient-descent" (gradientDescent 20 0.1 (meanSquare x y)) p
        telling "hessian" (Diff.hessian (meanSquare x y)) (parametersOf [ 5; 4; 3 ])
        telling "jet" (fun (x, v) -> Diff.jet 4 (network p) x v) (x, varied 33 [ n; 5 ])
        telling "laplacian" (Diff.vmap (Diff.laplacian (fun x -> Tensor.sum (network scalarNetwork x)))) x
        telling "cross-entropy-gradient" (Diff.grad (crossEntropy x labels)) p
        telling "gauss-newton" (gaussNewton x y) (p, direction)
    ]
