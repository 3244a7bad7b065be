/// Each transformation crossed with each, over a list of functions: a composition must give what the same derivative gives by
/// other means. Names are compositions, the outer transformation first.
module Hesse.Tests.CrossingTests

open Hesse
open Xunit

// ----- the functions: scalar, of a vector with three elements -----

let private w = varied 1 [ 3; 3 ]

let private functions: (string * (Tensor -> Tensor)) list = [
    "polynomial", fun x -> Tensor.sum (x * x * x) * x[0]
    "network", fun x -> Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.sin x)))
    "quotient", fun x -> Tensor.exp x[1] / (1.5 + Tensor.sum (x * x))
    "softmax", fun x -> Tensor.dot (Tensor.softmax 0 (Tensor.matmul w x)) (vector [ 1.0; -2.0; 0.5 ])
    "linear algebra",
    fun x ->
        Linalg.logdet (3.0 * Tensor.eye 3 + Tensor.outer x x)
        + Tensor.sum (Linalg.solve (3.0 * Tensor.eye 3 + w) x)
    "gather and running sum",
    fun x -> Tensor.sum (Tensor.square (Tensor.cumsum 0 (Tensor.gather 0 (vector [ 2.0; 0.0; 2.0; 1.0 ]) x)))
    "own derivative",
    Diff.customDerivative (fun x -> Tensor.sum (Tensor.sin x * x)) (fun x _ dx ->
        Tensor.sum ((Tensor.cos x * x + Tensor.sin x) * dx))
    "own pullback",
    Diff.customPullback (fun x -> Tensor.sum (Tensor.exp x * x)) (fun x _ ct -> ct * (Tensor.exp x * (1.0 + x)))
    "loop", fun x -> Tensor.sum (Diff.iterate 3 (fun h -> Tensor.tanh (Tensor.matmul w h + x)) (Tensor.sin x))
    "stopped factor", fun x -> Tensor.sum (Tensor.stopGradient x * Tensor.sin x)
]

let private x, private u, private v = 0.7 * varied 2 [ 3 ], varied 3 [ 3 ], varied 4 [ 3 ]
let private xs = 0.7 * varied 5 [ 4; 3 ]
let private dot (a: Tensor) (b: Tensor) = Tensor.sum (a * b)

/// Df(x)[v] by forward mode alone: the other side of most comparisons.
let private along v f x = snd (Diff.jvp f x v)

let private forAll (test: (Tensor -> Tensor) -> (string -> Tensor -> Tensor -> unit) -> unit) =
    for name, f in functions do
        test f (fun what expected actual -> Check.tensors $"{name}: {what}" 1e-9 expected actual)

/// The result for every row of xs, stacked.
let private rows f = Tensor.stack 0 [ for k in 0..3 -> f xs[k] ]

// ----- transformations of a function to one tensor, by name -----

let private first: (string * ((Tensor -> Tensor) -> Tensor -> Tensor)) list = [
    "grad", Diff.grad
    "jvp", along u
    "vjp", fun f x -> (snd (Diff.vjp f x)) (scalar 1.0)
    "linearize", fun f x -> (snd (Diff.linearize f x)) u
    "jacfwd", Diff.jacfwd
    "jacrev", Diff.jacrev
    "hvp", fun f x -> Diff.hvp f x u
    "hessian", Diff.hessian
    "jet", fun f x -> (Diff.jet 2 f x u)[2]
    "jetSeries", fun f x -> (Diff.jetSeries f [| x; u; v |])[2]
    "mixedJet", fun f x -> (Diff.mixedJet 2 f x [ u; v ])[[ 1; 1 ]]
    "directional", fun f x -> Diff.directional f x [ u; v ]
    "derivativeTensor", Diff.derivativeTensor 2
    "laplacian", Diff.laplacian
    "laplacianTerms", Diff.laplacianTerms
    "laplacianAlong", fun f x -> Diff.laplacianAlong (vector [ 1.0; -2.0 ]) (Tensor.stack 0 [ u; v ]) f x
    "stochastic",
    fun f x ->
        (Diff.stochasticLaplacian { Probes = 3; Probe = Probe.Gaussian; Key = Random.key 1; Chunk = None } f x).Value
    "checkFinite", Diff.checkFinite
    "compile", Diff.compile
]

[<Fact>]
let ``CompileOfEach and CheckFiniteOfEach are each`` () =
    forAll (fun f same ->
        for name, d in first do
            let expected = d f x
            let compiled = Diff.compile (d f)
            same $"CompileOf {name}" expected (compiled x)
            same $"CompileOf {name}, another point" (d f u) (compiled u)
            same $"CheckFiniteOf {name}" expected (Diff.checkFinite (d f) x))

[<Fact>]
let ``VmapOfEach is each for every part, in chunks too`` () =
    forAll (fun f same ->
        for name, d in first do
            let expected = rows (d f)
            same $"VmapOf {name}" expected (Diff.vmap (d f) xs)
            same $"VmapOf {name} in chunks" expected (Diff.vmapChunked 3 (d f) xs))

[<Fact>]
let ``JvpOfEach and GradOfEach: the derivative of each result, forward and reverse`` () =
    forAll (fun f same ->
        for name, d in first do
            let forward = along v (d f) x
            let back = snd (Diff.vjp (d f) x)
            let ct = varied 7 (List.ofArray forward.Shape)
            same $"VjpOf {name}" (dot forward ct) (dot (back ct) v)
            // One more level by series: d/dt at 0 of the transformed function along x + t v.
            same $"JetOf {name}" forward ((Diff.jet 1 (d f) x v)[1]))

[<Fact>]
let ``JetOfEach: the second derivative of each result is that of nested jvps`` () =
    forAll (fun f same ->
        for name, d in first do
            same $"JetOf {name}" (along v (along v (d f)) x) ((Diff.jet 2 (d f) x v)[2]))

[<Fact>]
let ``EachOfVmap: derivatives of a batched function`` () =
    forAll (fun f same ->
        // Σ over the batch of w_k f(x + c_k): its derivatives are those of the parts, summed.
        let shifts, weights = 0.3 * varied 8 [ 4; 3 ], vector [ 1.0; -0.5; 2.0; 0.7 ]
        let batched x = dot weights (Diff.vmap (fun c -> f (x + c)) shifts)
        let looped x = [ for k in 0..3 -> weights[k] * f (x + shifts[k]) ] |> List.reduce (+)

        for name, d in first do
            same $"{name} OfVmap" (d looped x) (d batched x))

[<Fact>]
let ``HessianOfHessian, compiled, is the tensor of fourth derivatives`` () =
    forAll (fun f same ->
        // Hessian of Σᵢⱼ Cᵢⱼ Hᵢⱼ(x).
        let c = varied 9 [ 3; 3 ]
        let inner x = dot c (Diff.hessian f x)
        let fourth = Diff.derivativeTensor 4 f x
        let expected = Tensor.einsum "ijkl,kl->ij" [ fourth; c ]
        let compiled = Diff.compile (Diff.hessian inner)

        match functions |> List.tryFind (fun (_, g) -> obj.ReferenceEquals(g, f)) with
        // Under a stopped factor the tensor is not symmetric: stopped factors count as constant once, then as what they are.
        | Some("stopped factor", _) -> same "twice" (Diff.hessian inner x) (compiled x)
        | _ ->
            same "HessianOfHessian" expected (Diff.hessian inner x)
            same "compiled" expected (compiled x))

[<Fact>]
let ``GradOfLaplacian and LaplacianOfLaplacian`` () =
    forAll (fun f same ->
        let trace x = Tensor.trace (Diff.hessian f x)
        same "GradOfLaplacian" (Diff.grad trace x) (Diff.grad (Diff.laplacian f) x)
        same "LaplacianOfLaplacian" (Tensor.trace (Diff.hessian trace x)) (Diff.laplacian (Diff.laplacian f) x)
        same "LaplacianOfGrad" (Diff.grad trace x) (Diff.laplacian (Diff.grad f) x))

[<Fact>]
let ``VmapOfVmap of each, over points and directions`` () =
    forAll (fun f same ->
        let directions = varied 10 [ 2; 3 ]
        let all = Diff.vmap (fun x -> Diff.vmap (fun d -> Diff.directional f x [ d; u ]) directions) xs
        let expected = rows (fun x -> Tensor.stack 0 [ for k in 0..1 -> Diff.hvp f x u |> dot directions[k] ])
        same "VmapOfVmapOfDirectional" expected all)

[<Fact>]
let ``LinearTransposeOf a linearised derivative is its pullback`` () =
    forAll (fun f same ->
        let gradient = Diff.grad f
        let push v = snd (Diff.jvp gradient x v)
        // The Hessian is symmetric, so its transpose is itself.
        same "LinearTransposeOfJvp" ((snd (Diff.vjp gradient x)) u) (Diff.linearTranspose push v u))
