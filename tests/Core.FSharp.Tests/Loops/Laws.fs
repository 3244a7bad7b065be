/// Two ways to write one function, and a function and its batch, under every transformation.
module internal Hesse.Tests.Laws

open Hesse

let total (h: Tensor -> Tensor) (x: Tensor) =
    let y = h x
    Tensor.sum (y * varied 7 (List.ofArray y.Shape) + 0.5 * y * y)

let like seed (x: Tensor) = varied seed (List.ofArray x.Shape)

type Function = Tensor -> Tensor

/// Transformations of a function at a point, with tolerances.
let private pointwise: (string * float * (Function -> Tensor -> Tensor[])) list = [
    let one name tolerance (transform: Function -> Tensor -> Tensor) = name, tolerance, (fun f x -> [| transform f x |])

    one "value" 1e-12 id
    one "compile" 1e-12 Diff.compile
    "jvp", 1e-11, (fun f x -> let y, dy = Diff.jvp f x (like 3 x) in [| y; dy |])
    "linearize", 1e-11, (fun f x -> let y, d = Diff.linearize f x in [| y; d (like 3 x); d (like 4 x) |])
    one "vjp" 1e-11 (fun f x -> let y, pull = Diff.vjp f x in pull (like 5 y))
    one "grad" 1e-11 (total >> Diff.grad)
    one "compiled grad" 1e-11 (total >> Diff.grad >> Diff.compile)
    one "hvp" 1e-10 (fun f x -> Diff.hvp (total f) x (like 3 x))
    one "hessian" 1e-10 (total >> Diff.hessian)
    one "compiled hessian" 1e-10 (total >> Diff.hessian >> Diff.compile)
    one "jacfwd of grad" 1e-10 (total >> Diff.grad >> Diff.jacfwd)
    one "jacrev of grad" 1e-10 (total >> Diff.grad >> Diff.jacrev)
    one "laplacian" 1e-9 (total >> Diff.laplacian)
    one "mixed derivative" 1e-9 (fun f x -> Diff.directional f x [ like 3 x; like 4 x; like 3 x ])
    "jet 5", 1e-8, (fun f x -> Diff.jet 5 f x (like 3 x))
    "jet of grad", 1e-8, (fun f x -> Diff.jet 2 (Diff.grad (total f)) x (like 3 x))
    one "grad of jet" 1e-8 (fun f x -> Diff.grad (fun x -> (Diff.jet 2 (total f) x (like 3 x))[2]) x)
    one "grad of hvp" 1e-8 (fun f x -> Diff.grad (fun x -> Tensor.sum (Diff.hvp (total f) x (like 3 x))) x)
]

/// Transformations of the function of a batch.
let private batched: (string * float * (Function -> Tensor -> Tensor)) list = [
    "vmap", 1e-11, Diff.vmap
    "vmap of grad", 1e-11, total >> Diff.grad >> Diff.vmap
    "grad of vmap", 1e-11, (fun f -> Diff.grad (total (Diff.vmap f)))
    "vmap of hessian", 1e-10, total >> Diff.hessian >> Diff.vmap
    "hvp of vmap", 1e-10, (fun f x -> Diff.hvp (total (Diff.vmap f)) x (like 9 x))
    "vmap of jet", 1e-9, (fun f -> Diff.vmap (fun x -> (Diff.jet 3 f x (like 3 x))[3]))
    "vmap of vmap", 1e-11, (fun f b -> Diff.vmap (Diff.vmap f) (Tensor.stack 0 [ b; b ]))
    "grad of vmap of grad", 1e-10, (fun f -> Diff.grad (total (Diff.vmap (Diff.grad (total f)))))
    "jet of vmap", 1e-9, (fun f b -> (Diff.jet 3 (Diff.vmap f) b (like 3 b))[3])
    "compiled grad of vmap", 1e-11, (fun f -> Diff.compile (Diff.grad (total (Diff.vmap f))))
]

/// Two ways to write one function agree at a point under every transformation.
let alone what (f: Function) (g: Function) x =
    for name, tolerance, transform in pointwise do
        Check.trees $"{what}: {name}" tolerance (transform g x) (transform f x)

/// They agree on a batch too.
let agree what (f: Function) (g: Function) (x: Tensor) =
    alone what f g x
    let batch = Tensor.stack 0 [ x; 0.8 * x + 0.1; 0.5 * x ]

    for name, tolerance, transform in batched do
        Check.tensors $"{what}: {name}" tolerance (transform g batch) (transform f batch)

/// A batch gives what its members give, one after the other.
let members what (f: Function) (batch: Tensor) =
    let one (f: Function) (b: Tensor) = Tensor.stack 0 [ for k in 0 .. b.Shape[0] - 1 -> f b[k] ]
    // Σ over members of the total of each, so that one member's derivative is its own.
    let each (f: Function) = one f

    let check name tolerance expected actual =
        Check.tensors $"{what}: {name}" tolerance (each expected batch) (actual batch)

    check "vmap" 1e-12 f (Diff.vmap f)
    check "vmap of grad" 1e-11 (Diff.grad (total f)) (Diff.vmap (Diff.grad (total f)))
    check "grad of vmap" 1e-11 (Diff.grad (total f)) (Diff.grad (fun b -> Tensor.sum (Diff.vmap (total f) b)))
    check "vmap of hessian" 1e-10 (Diff.hessian (total f)) (Diff.vmap (Diff.hessian (total f)))

    check
        "vmap of jet"
        1e-9
        (fun x -> (Diff.jet 4 f x (like 3 x))[4])
        (Diff.vmap (fun x -> (Diff.jet 4 f x (like 3 x))[4]))

    check
        "grad of vmap of grad"
        1e-10
        (Diff.grad (total (Diff.grad (total f))))
        (Diff.grad (fun b -> Tensor.sum (Diff.vmap (total (Diff.grad (total f))) b)))

    let twice = Tensor.stack 0 [ batch; Tensor.flip 0 batch ]

    Check.tensors
        $"{what}: vmap of vmap"
        1e-12
        (Tensor.stack 0 [ each f batch; each f (Tensor.flip 0 batch) ])
        (Diff.vmap (Diff.vmap f) twice)
