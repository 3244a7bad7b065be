module Hesse.Theory.Tests.Curvature.OperatorChecksTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

let private key = Random.key 1

[<Fact>]
let ``operators that are what they claim pass`` () =
    OperatorChecks.all 1e-12 key (LinearOperator.ofMatrix 6 (symmetric 2 6))
    OperatorChecks.all 1e-12 key (LinearOperator.ofDense 4 6 (normal 3 [ 4; 6 ]))
    OperatorChecks.symmetric 1e-12 key (LinearOperator.ofDense 6 6 (symmetric 2 6))
    OperatorChecks.deterministic 0.0 key (LinearOperator.ofMatrix 6 (symmetric 2 6))
    OperatorChecks.deterministicLoss 0.0 (fun (x: Tensor) -> Tensor.sum (Tensor.sin x)) (Tensor.ones [ 3 ])

[<Fact>]
let ``an asymmetric operator is found, and told what to do`` () =
    let a = normal 4 [ 5; 5 ]

    fails [ "'matrix' is not symmetric"; "use methods for general operators (LSMR, AᵀA)" ] (fun () ->
        OperatorChecks.symmetric 1e-9 key (LinearOperator.ofDense 5 5 a))
    // Even one entry that is slightly off.
    let s = Array.updateAt 1 (1e-6 + (symmetric 5 5)[1]) (symmetric 5 5)
    fails [ "not symmetric" ] (fun () -> OperatorChecks.symmetric 1e-9 key (LinearOperator.ofDense 5 5 s))

    fails [ "is not the transpose of Apply"; "declared symmetric and is not" ] (fun () ->
        OperatorChecks.all 1e-9 key (LinearOperator.ofMatrix 5 a))

[<Fact>]
let ``a wrong transpose is found`` () =
    let times (a: float[]) m n v = product m n 1 a v
    let a = normal 6 [ 2; 3 ]
    let wrong = LinearOperator.create "wrong" 2 3 (times a 2 3) (times (normal 7 [ 3; 2 ]) 3 2)

    fails [ "ApplyTranspose of operator 'wrong' is not the transpose"; "mend the function" ] (fun () ->
        OperatorChecks.transpose 1e-9 key wrong)

[<Fact>]
let ``what is not linear is found`` () =
    let affine = LinearOperator.symmetric "affine" 3 (Array.map (fun x -> 2.0 * x + 1.0))
    fails [ "'affine' is not linear"; "no bias" ] (fun () -> OperatorChecks.linear 1e-9 key affine)

    fails [ "is not linear" ] (fun () ->
        OperatorChecks.all 1e-9 key (LinearOperator.symmetric "square" 3 (Array.map (fun x -> x * x))))

[<Fact>]
let ``noise in products and in the loss is found`` () =
    let mutable calls = 0

    let drop (x: Tensor) =
        calls <- calls + 1
        Random.bernoulli (Random.key calls) (Tensor.scalar 0.5) [ x.Size ]

    let noisy =
        LinearOperator.symmetric "dropout" 40 (fun v -> (drop (Tensor.ofArray v) * Tensor.ofArray v).toArray())

    fails [ "'dropout' is not deterministic"; "fix the random keys of dropout" ] (fun () ->
        OperatorChecks.deterministic 1e-9 key noisy)

    fails [ "the loss is not deterministic"; "fix the random keys" ] (fun () ->
        OperatorChecks.deterministicLoss 1e-9 (fun (x: Tensor) -> Tensor.sum (drop x * x * x)) (Tensor.ones [ 40 ]))

    fails [ "the loss is"; "Diff.checkFinite" ] (fun () ->
        OperatorChecks.deterministicLoss 1e-9 (fun (x: Tensor) -> Tensor.sum (Tensor.log x)) (Tensor.zeros [ 2 ]))
