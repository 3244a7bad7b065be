module Hesse.Tests.Derivatives.CheckedTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private message (f: unit -> 'a) =
    try
        f () |> ignore
        failwith "nothing failed"
    with :? HesseException as e ->
        e.Message

let private fails (expected: string) (f: unit -> 'a) = Assert.Equal(expected, message f)

/// A function of the user's own, to be named in the message.
let private ratio (a: Tensor) (b: Tensor) = a / b

[<Fact>]
let ``a finite function gives its value, whatever is in it`` () =
    let f (x: Tensor, w: Tensor) = {|
        Loss = Tensor.sum (Tensor.log (1.0 + Tensor.exp (Tensor.matmul w x)))
        X = x
    |}

    let point = varied 1 [ 3 ], varied 2 [ 2; 3 ]
    Check.trees "value" 1e-14 (f point) (Diff.checkFinite f point)
    let loss p = (f p).Loss
    Check.trees "gradient" 1e-14 (Diff.grad loss point) (Diff.checkFinite (Diff.grad loss) point)
    Check.tensors "inside grad" 1e-14 (fst (Diff.grad loss point)) (fst (Diff.grad (Diff.checkFinite loss) point))

[<Fact>]
let ``the operation, its shapes, the element, its arguments there and the function that made it`` () =
    let f (x: Tensor) = Tensor.sum (ratio (x * x) x)
    let found = message (fun () -> Diff.checkFinite f (vector [ 1.0; 0.0; 2.0 ]))

    Assert.StartsWith(
        "checkFinite: div of shapes [3], [3] gives NaN at [1] of its result of shape [3]; its arguments there are 0, 0",
        found
    )

    Assert.EndsWith(
        ". Keep the arguments inside the domain, with Tensor.where in front of the operation if need be",
        found
    )

    // The stack may show this function or, where the compiler has put it in place, its caller; both are in this file.
    Assert.Contains(", made in Hesse.Tests.Derivatives.CheckedTests.", found)

[<Fact>]
let ``a value that is finite where its derivative is not`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.sqrt x)
    let x = vector [ 4.0; 0.0 ]
    Check.tensors "value" 1e-15 (scalar 2.0) (Diff.checkFinite f x)
    let found = message (fun () -> Diff.checkFinite (Diff.grad f) x)

    Assert.StartsWith(
        "checkFinite: div of shapes [2], [2] gives Infinity at [1] of its result of shape [2]; its arguments there are 0.5, 0",
        found
    )

[<Fact>]
let ``an operation that is not elementwise shows its arguments`` () =
    let found =
        message (fun () -> Diff.checkFinite (Tensor.matmul (Tensor.full [ 2; 2 ] 1e200)) (vector [ 1e200; 1e200 ]))

    Assert.StartsWith(
        "checkFinite: contract of shapes [2; 2], [2] gives Infinity at [0] of its result of shape [2]; its arguments are [1E+200; 1E+200; 1E+200; 1E+200], [1E+200; 1E+200]",
        found
    )

    let wide = message (fun () -> Diff.checkFinite Tensor.sum (Tensor.full [ 9 ] 1e308))

    Assert.StartsWith(
        "checkFinite: sum of shapes [9] gives Infinity at [] of its result of shape []; its arguments are 1E+308 .. 1E+308",
        wide
    )

[<Fact>]
let ``what is not finite before the function begins`` () =
    fails
        "checkFinite: the argument itself is not finite: tensor 1 of shape [2; 2] holds NaN at [1; 0]; look where it comes from"
        (fun () ->
            Diff.checkFinite
                (fun (x: Tensor, y: Tensor) -> x + y)
                (scalar 1.0, Tensor.create [ 2; 2 ] [| 1.0; 2.0; nan; nan |]))

    fails
        "checkFinite: argument 1 of max, a constant of shape [2] in the function, holds -Infinity at [1]; use finite constants"
        (fun () -> Diff.checkFinite (fun x -> Tensor.maximum x (vector [ 0.0; -infinity ])) (vector [ 1.0; 2.0 ]))
