module Hesse.Theory.Tests.Curvature.EigenvalueGradientsTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

let private riskOf case = risk case (LossReduction.Mean, 3)
let private dot (a: float[]) (b: float[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 a b

/// An operator along a line of parameters, dense.
let private along operator (case: RiskCase) (d: float[]) t =
    let theta, unravel = Tree.ravel case.Point
    LinearOperator.toDense 8 (operator (riskOf case) (unravel (theta + t * Tensor.ofArray d)))

let private difference (f: float -> float[]) =
    let h = 1e-3
    let a, b, c, e = f h, f -h, f (2.0 * h), f (-2.0 * h)
    Array.init a.Length (fun i -> (8.0 * (a[i] - b[i]) - (c[i] - e[i])) / (12.0 * h))

let private leading operator case count =
    snd (Spectrum.leading (size case) (LinearOperator.toDense 8 (operator (riskOf case) case.Point)) count)

let private checkGradients (operator: EmpiricalRisk<Tensor list> -> Tensor list -> LinearOperator) gradients =
    for case in [ regression; shared ] do
        let d = normal 1 [ size case ]
        let slopes = difference (fun t -> (Spectrum.eigenvalues (size case) (along operator case d t))[..2])
        let found: EigenvalueGradient[] = gradients (riskOf case) case.Point 3 (leading operator case 4)
        close 1e-5 slopes (found |> Array.map (fun g -> dot g.Gradient d))

        for g in found do
            Assert.InRange(g.Residual, 0.0, 1e-12 * (1.0 + abs g.Value))
            Assert.True(g.Gap > 0.0)
            Assert.Equal(g.Residual / g.Gap, g.VectorError)

[<Fact>]
let ``gradients of the Hessian's eigenvalues agree with differences of eigenvalues`` () =
    checkGradients Curvature.hessian EigenvalueGradients.hessian

[<Fact>]
let ``gradients of the Gauss–Newton eigenvalues agree with differences of eigenvalues`` () =
    checkGradients Curvature.gaussNewton EigenvalueGradients.gaussNewton

[<Fact>]
let ``the drift is the derivative of the projector on the top space`` () =
    for case in [ regression; shared ] do
        let m, k = size case, 2
        let d = normal 2 [ m ]

        let projector t =
            let _, q = Spectrum.leading m (along Curvature.hessian case d t) k
            Array.init (m * m) (fun at -> q |> Array.sumBy (fun q -> q[at / m] * q[at % m]))

        let expected = difference projector
        let vectors = leading Curvature.hessian case 3
        let drift = EigenvalueGradients.drift SolveOptions.Default (riskOf case) case.Point k vectors d

        let found =
            Array.init (m * m) (fun at ->
                Array.fold2
                    (fun s (x: float[]) (q: float[]) -> s + x[at / m] * q[at % m] + q[at / m] * x[at % m])
                    0.0
                    drift.Velocities
                    vectors[..1])

        close 1e-5 expected found
        Assert.Equal(sqrt (Array.sumBy (fun x -> x * x) found), drift.Speed, 1e-9 * (1.0 + drift.Speed))

        let gradients = EigenvalueGradients.hessian (riskOf case) case.Point 2 vectors
        let rates = gradients |> Array.map (fun g -> dot g.Gradient d)
        close 1e-10 rates [| drift.Inner[0]; drift.Inner[3] |]
        Assert.Equal(drift.Inner[1], drift.Inner[2], 1e-10)

[<Fact>]
let ``what has no gradient is refused with advice`` () =
    // L = x² + y² + z²/2 has a double eigenvalue 2.
    let risk =
        EmpiricalRisk.ofFunction (fun (p: Tensor) -> Tensor.sum (Tensor.ofArray [| 1.0; 1.0; 0.5 |] * p * p))

    let p = Tensor.ofArray [| 0.1; 0.2; 0.3 |]
    let units = Array.init 3 (fun i -> Array.init 3 (fun j -> if i = j then 1.0 else 0.0))

    fails [ "eigenvalue 0 (2) is not separated"; "EigenvalueGradients.drift" ] (fun () ->
        EigenvalueGradients.hessian risk p 1 units |> ignore)

    fails [ "no gap below the space" ] (fun () ->
        EigenvalueGradients.drift SolveOptions.Default risk p 1 units units[0] |> ignore)
    // The pair as a space is well defined, and a quadratic does not turn it.
    Assert.Equal(0.0, (EigenvalueGradients.drift SolveOptions.Default risk p 2 units [| 1.0; 1.0; 1.0 |]).Speed, 1e-14)

    fails [ "3 eigenvectors for 3 eigenvalue(s); give one more" ] (fun () ->
        EigenvalueGradients.hessian risk p 3 units |> ignore)

    fails [ "not in descending order" ] (fun () -> EigenvalueGradients.hessian risk p 1 (Array.rev units) |> ignore)

    fails [ "norm 2; want unit vectors" ] (fun () ->
        EigenvalueGradients.hessian risk p 1 [| [| 2.0; 0.0; 0.0 |]; units[1] |] |> ignore)
