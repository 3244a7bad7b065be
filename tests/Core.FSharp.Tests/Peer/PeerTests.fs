/// Hesse against a second implementation: programs evaluated by PyTorch and functorch (make_values.py, next to this file).
module Hesse.Tests.Peer.PeerTests

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Hesse
open Hesse.Tests
open Hesse.Tests.Peer.Programs
open Xunit

type private Case = { Inputs: IDictionary<string, Tensor>; Outputs: IDictionary<string, Tensor> }

let private cases: Lazy<IDictionary<string, Case>> =
    lazy
        (let text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "peer-values.json"))
         use document = JsonDocument.Parse text

         let tensor (e: JsonElement) =
             let shape = [ for d in e.GetProperty("shape").EnumerateArray() -> d.GetInt32() ]
             Tensor.create shape [| for x in e.GetProperty("data").EnumerateArray() -> x.GetDouble() |]

         let tensors (e: JsonElement) = dict [ for p in e.EnumerateObject() -> p.Name, tensor p.Value ]

         dict [
             for e in document.RootElement.EnumerateArray() ->
                 e.GetProperty("name").GetString(),
                 {
                     Inputs = tensors (e.GetProperty "inputs")
                     Outputs = tensors (e.GetProperty "outputs")
                 }
         ])

/// Value, gradient and Hessian of a scalar function of x.
let private second (f: (string -> Tensor) -> Tensor -> Tensor) (input: string -> Tensor) =
    let f, x = f input, input "x"
    [ "value", f x; "grad", Diff.grad f x; "hessian", Diff.hessian f x ]

let private take (indices: float list) x = Tensor.gather 0 (vector indices) x
let private product (x: Tensor) = Seq.init x.Size (fun i -> x[i]) |> Seq.reduce (*)

// ----- networks: parameters in one vector, layer by layer, weights [inputs; outputs] before biases -----

let private mlp (activation: Tensor -> Tensor) (sizes: int list) (theta: Tensor) (x: Tensor) =
    let layers = List.pairwise sizes
    let starts = layers |> List.scan (fun at (i, o) -> at + i * o + o) 0

    List.zip starts[.. layers.Length - 1] layers
    |> List.indexed
    |> List.fold
        (fun h (k, (at, (i, o))) ->
            let w = Tensor.reshape [ i; o ] (Tensor.slice 0 at (at + i * o) 1 theta)
            let b = Tensor.slice 0 (at + i * o) (at + i * o + o) 1 theta
            let z = Tensor.matmul h w + b
            if k < layers.Length - 1 then activation z else z)
        x

let private network activation theta x = mlp activation [ 3; 4; 2 ] theta x
let private scalarNetwork theta x = Tensor.sum (mlp Tensor.tanh [ 3; 4; 1 ] theta x)

/// Mean cross-entropy of logits [n; classes] at labels [n].
let private crossEntropy (labels: Tensor) (logits: Tensor) =
    let classes = Tensor.arange logits.Shape[1]
    let oneHot = Tensor.equal (Tensor.expandDims 1 labels) classes
    -Tensor.sum(oneHot * Tensor.logSoftmax 1 logits) / float logits.Shape[0]

let private lossCase (loss: Tensor -> Tensor) (input: string -> Tensor) =
    let theta = input "theta"

    [
        "value", loss theta
        "grad", Diff.grad loss theta
        "hessian", Diff.hessian loss theta
        "hvp", Diff.hvp loss theta (input "v")
    ]

let private valueAndGrad (loss: Tensor -> Tensor) (theta: Tensor) =
    let value, gradient = Diff.valueAndGrad loss theta
    [ "value", value; "grad", gradient ]

let private attention (tokens: Tensor) (wq: Tensor) (wk: Tensor) (wv: Tensor) =
    let (@) = Tensor.matmul
    let scores = (tokens @ wq) @ Tensor.transpose (tokens @ wk) / Math.Sqrt 3.0
    Tensor.softmax 1 scores @ (tokens @ wv)

/// How to rebuild the outputs of every case from its inputs.
let private ownPrograms: (string * Program) list =
    let sum, exp, log = Tensor.sum, Tensor.exp, Tensor.log

    [
        "rosenbrock",
        derivatives (fun x ->
            let a, b = x[..3], x[1..]
            sum (100.0 * Tensor.square (b - a * a) + Tensor.square (1.0 - a)))
        "logSumExp", derivatives (Tensor.logSumExp 0)
        "softplus", derivatives (fun x -> sum (Tensor.log1p (exp x)))
        "tanhProduct", derivatives (fun x -> product (Tensor.tanh x))
        "erfSquare", derivatives (fun x -> sum (Tensor.erf x ** 2.0))
        "gelu", derivatives (fun x -> sum (0.5 * x * (1.0 + Tensor.erf (x / Math.Sqrt 2.0))))
        "sigmoidEntropy", derivatives (fun x -> sum (-Tensor.sigmoid x * log (Tensor.sigmoid x)))
        "powerTower", derivatives (fun x -> sum (x ** flip x))
        "powers", derivatives (fun x -> sum (x ** 3.0 + x ** -2.0 + x ** 1.7))
        "quotient", derivatives (fun x -> sum (Tensor.sin x / (2.0 + Tensor.cos x)) / (1.0 + sum (x * x)))
        "norm", derivatives (fun x -> Tensor.sqrt (sum (x * x)))
        "expm1Log1p", derivatives (fun x -> sum (Tensor.expm1 x * Tensor.log1p (x * x)))
        "maxAbs", derivatives (fun x -> sum (Tensor.maximum x (flip x ** 2.0) * Tensor.abs x))
        "reluCubed", derivatives (fun x -> sum (Tensor.relu x ** 3.0 * exp x))
        "maximum", derivatives (fun x -> Tensor.max x * sum x)
        "gather", derivatives (fun x -> sum (take [ 0; 2; 2; 4 ] x * exp (take [ 1; 1; 3; 0 ] x)))
        "sliceConcat",
        derivatives (fun x -> sum (Tensor.concat 0 [ Tensor.slice 0 1 5 2 x; x[..1] ] ** 2.0 * Tensor.sin x[..3]))
        "matrixPowerTrace",
        derivatives (fun x ->
            let m = Tensor.reshape [ 3; 3 ] x
            Tensor.trace (Tensor.matmul (Tensor.matmul m m) (Tensor.transpose m)))
        "einsum",
        fun input ->
            let contract (a, b, c) = Tensor.einsum "bij,jk,bk->ib" [ a; b; c ]
            let x = (input "a", input "b", input "c")
            let a, b, c = Diff.grad (fun x -> sum (input "w" * Tensor.tanh (contract x))) x
            [ "value", contract x; "gradA", a; "gradB", b; "gradC", c ]
        "batchedMatmul",
        fun input ->
            let m, n = input "m", input "n"

            [
                "value", Tensor.matmul m n
                "grad", Diff.grad (fun m -> sum (Tensor.sin (Tensor.matmul m n))) m
                "trace", Diff.vmap (fun (m, n) -> Tensor.trace (Tensor.matmul m n), n) (m, n) |> fst
            ]
        "mlpJacobian",
        fun input ->
            let f theta = network Tensor.tanh theta (input "x")
            let value, tangent = Diff.jvp f (input "theta") (input "v")
            let jacobian = Diff.jacrev f (input "theta")
            let kernel theta = let j = Diff.jacobian f theta in Tensor.einsum "abp,cdp->abcd" [ j; j ]

            [
                "value", value
                "jvp", tangent
                "jacobian", jacobian
                "kernel", Tensor.reshape [ 10; 10 ] (Diff.compile kernel (input "theta"))
            ]
        "mlpSquareLoss",
        fun input ->
            lossCase
                (fun theta ->
                    0.5 * Tensor.mean (Tensor.square (network Tensor.tanh theta (input "x") - input "target")))
                input
        "softmaxCrossEntropy",
        fun input -> lossCase (fun theta -> crossEntropy (input "labels") (network Tensor.relu theta (input "x"))) input
        "perExampleGradients",
        fun input ->
            let loss (x, y) theta = 0.5 * sum (Tensor.square (network Tensor.tanh theta x - y))
            let gradient (x, y) = Diff.grad (loss (x, y)) (input "theta")
            [ "grads", Diff.vmap gradient (input "x", input "target") ]
        "gradientPenalty",
        fun input ->
            let penalty theta =
                let slopes = Diff.vmap (Diff.grad (scalarNetwork theta)) (input "x")
                Tensor.mean (Tensor.sumAxis 1 (slopes * slopes))

            valueAndGrad penalty (input "theta")
        "laplacianResidual",
        fun input ->
            let residual theta =
                Tensor.mean (Tensor.square (Diff.vmap (Diff.laplacian (scalarNetwork theta)) (input "x")))

            valueAndGrad residual (input "theta")
        "attention",
        fun input ->
            let tokens, weights = input "tokens", (input "wq", input "wk", input "wv")
            let q, k, v = weights
            let gq, gk, gv = Diff.grad (fun (q, k, v) -> sum (Tensor.square (attention tokens q k v))) weights

            [
                "value", attention tokens q k v
                "gradQ", gq
                "gradK", gk
                "gradV", gv
                "jacobian", Diff.jacfwd (fun tokens -> attention tokens q k v) tokens
            ]
        "singularValues", second (fun _ a -> sum (Linalg.singularValues a ** 3.0))
        "nuclearNorm", second (fun _ a -> Linalg.nuclearNorm a)
        "singularProjector",
        second (fun input a ->
            let u, _, _ = Linalg.svd a
            sum (input "w" * Tensor.matmul u[*, 0..1] (Tensor.transpose u[*, 0..1])))
        "pinv", second (fun input a -> sum (input "w" * Linalg.pinv a))
        "det", second (fun _ a -> Linalg.det a)
        "conv2d",
        fun input ->
            let options = {
                ConvOptions.Default with
                    Stride = [ 2; 1 ]
                    Padding = ConvPadding.Explicit [ (1, 1); (0, 0) ]
                    KernelDilation = [ 1; 2 ]
                    Groups = 2
            }

            let f (x, k) = Tensor.tanh (Conv.conv2d options x k)
            let gx, gk = Diff.grad (f >> sum) (input "x", input "k")
            [ "value", f (input "x", input "k"); "gradX", gx; "gradK", gk ]
        "conv1dKernel",
        second (fun input k ->
            let options = {
                ConvOptions.Default with
                    Stride = [ 2 ]
                    Padding = ConvPadding.Explicit [ 1, 1 ]
            }

            sum (Conv.conv1d options (input "signal") k ** 3.0))
        "pooling",
        second (fun _ x ->
            let around = ConvPadding.Explicit [ (1, 1); (0, 0) ]
            let largest = Conv.maxPool2d [ 3; 2 ] [ 2; 1 ] around x
            sum (Tensor.square largest * Conv.avgPool2d [ 3; 2 ] [ 2; 1 ] around x))
        "rfft",
        second (fun _ x ->
            let re, im = Fft.rfft 0 x
            sum (re * re * re + re * im * im))
        "fft2",
        fun input ->
            let z = input "re", input "im"
            let re, im = Fft.fft2 z
            let half (t: Tensor) = t[*, 0..3]
            [ "real", re; "imaginary", im; "irfft", Fft.irfft 1 6 (half (fst z), half (snd z)) ]
        "cummax", second (fun _ x -> sum (Tensor.cummax 0 x ** 3.0))
        "kron", second (fun _ x -> sum (Tensor.kron x (Tensor.transpose x) ** 3.0))
    ]

let private programs = dict (ownPrograms @ Programs.all)

[<Fact>]
let ``every case of the file has a program, and every program a case`` () =
    Assert.Equal<string list>(List.sort (List.ofSeq cases.Value.Keys), List.sort (List.ofSeq programs.Keys))

/// The trigamma function of torch 1.13 is good to about 10⁻¹⁰ relatively, and that of SciPy agrees with Hesse's to the last digits.
let private tolerance (name: string) = if name = "lgamma" || name = "digamma" then 1e-8 else 1e-10

let caseNames: TheoryData<string> = TheoryData<string>(cases.Value.Keys)

[<Theory; MemberData(nameof caseNames)>]
let ``equals PyTorch`` (name: string) =
    let case = cases.Value[name]
    let results = programs[name](fun input -> case.Inputs[input])
    Assert.Equal<string list>(List.sort (List.ofSeq case.Outputs.Keys), List.sort (List.map fst results))

    for output, actual in results do
        Check.tensors $"{name}.{output}" (tolerance name) case.Outputs[output] actual
