// %% Derivatives in five minutes
//
// A tour of Hesse for someone who thinks about neural networks with pen and paper: gradients, Hessians, Taylor coefficients,
// tangent kernels and a conservation law, each computed exactly and compared with what theory says.
//
//     dotnet build src/Core.FSharp -c Release
//     dotnet fsi notebooks/DerivativesInFiveMinutes.fsx
//
// or eng/run-notebooks.sh, which runs every notebook. Each section prints its results and checks them; the script ends with exit
// code 1 if a check fails. The sections are cells for editors that know "// %%".

// If the next lines report that a file is not found, the build is missing: dotnet build src/Core.FSharp -c Release
#r "../artifacts/bin/Core.FSharp/release/Hesse.Kernels.dll"
#r "../artifacts/bin/Core.FSharp/release/Hesse.dll"

open System
open Hesse

/// Stops the script when a statement does not hold.
let check (statement: string) (holds: bool) =
    if holds then
        printfn "   ✓ %s" statement
    else
        eprintfn "   ✗ %s" statement
        exit 1

/// Largest absolute difference of two tensors.
let distance (a: Tensor) (b: Tensor) = (Tensor.max (Tensor.abs (a - b))).item()

let section (title: string) = printfn "\n%s" title

// %% 1. A gradient
//
// A function is ordinary F# on tensors. Diff.grad takes the function and the point; the answer is a number, not a graph.
// Take the log-partition function log Σ exp(θᵢ): its gradient is the softmax.

section "1. A gradient"
let theta = Tensor.ofArray [| 0.5; -1.0; 2.0 |]
let logZ = Tensor.logSumExp 0
let probabilities = Diff.grad logZ theta
printfn "   ∇ log Z = %O" probabilities
check "the gradient of log Z is the softmax" (distance probabilities (Tensor.softmax 0 theta) < 1e-15)

// %% 2. A Hessian
//
// The Hessian of log Z is the covariance of the indicator vector: diag(p) − p pᵀ. It is symmetric, and singular in the direction
// (1, 1, 1), because adding a constant to all θ changes nothing.

section "2. A Hessian"
let covariance = Diff.hessian logZ theta
let outer = Tensor.einsum "i,j->ij" [ probabilities; probabilities ]
let exact = Tensor.eye 3 * probabilities - outer
printfn "   ∇² log Z = %O" covariance
check "the Hessian is diag(p) − p pᵀ" (distance covariance exact < 1e-15)

check
    "constants are its null space"
    (distance (Tensor.matmul covariance (Tensor.ones [ 3 ])) (Tensor.zeros [ 3 ]) < 1e-15)

// %% 3. All orders at once: jets
//
// Nesting grad ten times costs 2¹⁰. A jet propagates a Taylor polynomial instead and costs 10². Its entries are derivatives,
// dᵏ/dtᵏ f(x + t v) at t = 0, without the 1/k!. For 1/(1 − x) they are k!/(1 − x)ᵏ⁺¹.

section "3. Jets"
let x0 = 0.25
let jet = Diff.jet 10 (fun x -> 1.0 / (1.0 - x)) (Tensor.scalar x0) (Tensor.scalar 1.0)

jet
|> Array.iteri (fun k derivative ->
    let factorial = Seq.fold (fun product j -> product * float j) 1.0 (seq { 1..k })
    let closedForm = factorial / (1.0 - x0) ** float (k + 1)
    let error = abs (derivative.item () / closedForm - 1.0)
    printfn "   order %2d   %18.8f   relative error %.1e" k (derivative.item ()) error

    if error > 1e-12 then
        check $"derivative {k} is k!/(1 − x)ᵏ⁺¹" false)

check "eleven derivatives agree with the closed form to 1e-12" (jet.Length = 11)

// %% 4. A network, and a gradient for every example
//
// Parameters are a record; a gradient of a record is a record. vmap turns a function of one example into a function of a batch,
// so that per-example gradients (for influence functions, gradient noise, kernels) are one line.

section "4. Per-example gradients"

type Mlp = { W1: Tensor; B1: Tensor; W2: Tensor }

let width = 16

let init seed =
    let keys = Random.split 3 (Random.key seed)

    {
        W1 = Random.normal keys[0] [ 3; width ] / sqrt 3.0
        B1 = 0.1 * Random.normal keys[1] [ width ]
        W2 = Random.normal keys[2] [ width ] / sqrt (float width)
    }

/// Scalar output for one input of shape [3].
let predict (net: Mlp) (x: Tensor) = Tensor.dot net.W2 (Tensor.tanh (Tensor.matmul x net.W1 + net.B1))

let net = init 1
let inputs = Random.normal (Random.key 2) [ 8; 3 ]
let targets = Tensor.sumAxis 1 (Tensor.sin inputs)
let lossOf (net: Mlp) (x: Tensor, y: Tensor) = 0.5 * Tensor.square (predict net x - y)

let perExample =
    Diff.vmap (fun example -> Diff.grad (fun net -> lossOf net example) net) (inputs, targets)

let batchLoss (net: Mlp) = Tensor.mean (Diff.vmap (lossOf net) (inputs, targets))
let full = Diff.grad batchLoss net
printfn "   shapes: W1 %A, B1 %A, W2 %A" perExample.W1.Shape perExample.B1.Shape perExample.W2.Shape
check "one gradient per example" (perExample.W1.Shape = [| 8; 3; width |])
check "their mean is the gradient of the mean loss" (distance (Tensor.meanAxis 0 perExample.W1) full.W1 < 1e-14)

// %% 5. Curvature without the Hessian
//
// A Hessian-vector product differentiates the gradient along a direction: the cost of two gradients, in any dimension. Here the
// network is small enough to form the Hessian too and to see that they agree.

section "5. Hessian-vector products"
let direction = init 3
let product, _ = Tree.ravel (Diff.hvp batchLoss net direction)
let hessian = Diff.hessian batchLoss net
let v, _ = Tree.ravel direction
printfn "   %d parameters; vᵀHv = %.6f" v.Size ((Tensor.dot v product).item())
check "H·v by jvp of grad is the matrix times the vector" (distance product (Tensor.matmul hessian v) < 1e-12)
check "the Hessian is symmetric" (distance hessian (Tensor.transpose hessian) < 1e-13)

// %% 6. Compile, and see what will run
//
// Transformations give expressions; compile turns one into a plan that is made once per shape and then only runs. explain prints
// the plan before anything is computed.

section "6. Compile and explain"
let step = Diff.compile (Diff.valueAndGrad batchLoss)
let plan = Diff.explain (Diff.valueAndGrad batchLoss) net
printfn "   %s" (Array.last (plan.Split '\n'))
let descend (net: Mlp) (gradient: Mlp) = Tree.map2 (fun p g -> p - 0.2 * g) net gradient

let trained =
    Seq.fold
        (fun net i ->
            let loss, gradient = step net

            if i % 100 = 0 then
                printfn "   step %3d   loss %.6f" i (loss.item ())

            descend net gradient)
        net
        (seq { 0..300 })

check "the compiled step is the function itself" (distance (fst (step net)) (batchLoss net) < 1e-15)
check "gradient descent lowers the loss a hundredfold" ((batchLoss trained).item() < 0.01 * (batchLoss net).item())

// %% 7. Errors that help
//
// Shapes are checked where they are used, not deep inside a derivative. The message names the operation, the shapes, and what to do.

section "7. Errors"

let messageOf (action: unit -> Tensor) =
    try
        action () |> ignore
        ""
    with :? HesseException as e ->
        e.Message

let mismatch = messageOf (fun () -> Tensor.matmul (Tensor.ones [ 3; 4 ]) (Tensor.ones [ 5; 2 ]))
let notScalar = messageOf (fun () -> Diff.grad (fun x -> x * x) theta)
printfn "   %s\n   %s" mismatch notScalar
check "a product names both shapes" (mismatch.Contains "[3; 4]" && mismatch.Contains "[5; 2]")
check "a gradient of a vector points to the Jacobian" (notScalar.Contains "jacobian")

// %% 8. The neural tangent kernel
//
// Θ(x, x′) = Σ_θ ∂f(x)/∂θ · ∂f(x′)/∂θ (Jacot, Gabriel, Hongler 2018): the Jacobian of all outputs with respect to all parameters,
// times its transpose. Under gradient flow on ½ Σ (f − y)², outputs move as df/dt = −Θ (f − y). One small step shows it.

section "8. The neural tangent kernel"
let outputs (net: Mlp) = Diff.vmap (predict net) inputs
let jacobian = Diff.jacobian outputs net
let kernel = Tensor.matmul jacobian (Tensor.transpose jacobian)
let residual = outputs net - targets
let flow = Diff.grad (fun net -> 0.5 * Tensor.sum (Tensor.square (outputs net - targets))) net
let _, velocity = Diff.jvp outputs net (Tree.map (fun g -> -g) flow)
printfn "   Θ: shape %A, trace %.4f" kernel.Shape ((Tensor.trace kernel).item())
check "df/dt = −Θ (f − y)" (distance velocity (-(Tensor.matmul kernel residual)) < 1e-12)

// %% 9. A conservation law
//
// In a deep linear network W₃W₂W₁ under gradient flow, the matrices Wₗ₊₁ᵀWₗ₊₁ − WₗWₗᵀ do not move (Saxe, McClelland, Ganguli 2014;
// Arora, Cohen, Hazan 2018). It holds for the flow at every point: the derivative of the matrix along the negative gradient is zero,
// and jvp computes exactly that derivative.

section "9. Conservation in deep linear networks"
let keys = Random.split 5 (Random.key 4)
let layers = [| Random.normal keys[0] [ 4; 3 ]; Random.normal keys[1] [ 4; 4 ]; Random.normal keys[2] [ 2; 4 ] |]
let samples, labels = Random.normal keys[3] [ 3; 20 ], Random.normal keys[4] [ 2; 20 ]

let linearLoss (w: Tensor[]) =
    let fit = Tensor.matmul w[2] (Tensor.matmul w[1] (Tensor.matmul w[0] samples))
    0.5 * Tensor.mean (Tensor.square (fit - labels))

let balance (w: Tensor[]) =
    Array.pairwise w
    |> Array.map (fun (lower, upper) ->
        Tensor.matmul (Tensor.transpose upper) upper - Tensor.matmul lower (Tensor.transpose lower))

let downhill = Diff.grad linearLoss layers |> Array.map (fun g -> -g)
let _, drift = Diff.jvp balance layers downhill

let _, motion =
    Diff.jvp (Array.map (fun (w: Tensor) -> Tensor.matmul (Tensor.transpose w) w)) layers downhill

for l in 0..1 do
    let still, moving =
        distance drift[l] (Tensor.zeros [ 4; 4 ]), (Tensor.max (Tensor.abs motion[l + 1])).item()

    printfn
        "   W%dᵀW%d − W%dW%dᵀ moves at speed %.1e, W%dᵀW%d alone at %.2f"
        (l + 2)
        (l + 2)
        (l + 1)
        (l + 1)
        still
        (l + 2)
        (l + 2)
        moving

    check
        $"the balance of layers {l + 1} and {l + 2} is conserved, and not because nothing moves"
        (still < 1e-13 && moving > 1e-2)

printfn "\nEvery check holds."
