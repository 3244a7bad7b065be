namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// Checks of what the methods for operators take on trust, by random Gaussian vectors. Each raises an error that says what to do; an
/// operator that is not linear or not symmetric is found with probability one, up to the tolerance.
[<RequireQualifiedAccess>]
module OperatorChecks =
    let private fail (message: string) = raise (HesseException message)

    let private dot (a: float[]) (b: float[]) = TensorPrimitives.Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)

    let private norm (a: float[]) = TensorPrimitives.Norm(ReadOnlySpan<float> a)

    let private probe (key: Key) (index: int) (length: int) =
        (Random.normal (Random.fold index key) [ length ]).toArray()

    /// <summary>Checks A = Aᵀ: vᵀ(Au) = uᵀ(Av) for a pair of random vectors.</summary>
    /// <param name="tolerance">Largest difference allowed, relative to |u||Av| + |v||Au|; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="key">The same key gives the same vectors.</param>
    /// <param name="operator">A; two products.</param>
    /// <exception cref="T:Hesse.HesseException">The operator is not square or not symmetric.</exception>
    let symmetric (tolerance: float) (key: Key) (operator: LinearOperator) : unit =
        let u, v = probe key 0 operator.Size, probe key 1 operator.Size
        let au, av = operator.Apply u, operator.Apply v
        let left, right = dot v au, dot u av

        if not (abs (left - right) <= tolerance * (norm u * norm av + norm v * norm au)) then
            fail
                $"OperatorChecks.symmetric: operator '{operator.Name}' is not symmetric: vᵀAu = {left}, uᵀAv = {right}; use methods for general operators (LSMR, AᵀA), take (A + Aᵀ)/2, or mend the product"

    /// <summary>Checks that the transpose is one: uᵀ(Av) = (Aᵀu)ᵀv for random vectors.</summary>
    /// <param name="tolerance">Largest difference allowed, relative to |u||Av| + |v||Aᵀu|.</param>
    /// <param name="key">The same key gives the same vectors.</param>
    /// <param name="operator">A of any shape; two products.</param>
    /// <exception cref="T:Hesse.HesseException">ApplyTranspose is not the transpose of Apply.</exception>
    let transpose (tolerance: float) (key: Key) (operator: LinearOperator) : unit =
        let u, v = probe key 0 operator.Rows, probe key 1 operator.Columns
        let av, atu = operator.Apply v, operator.ApplyTranspose u
        let left, right = dot u av, dot v atu

        if not (abs (left - right) <= tolerance * (norm u * norm av + norm v * norm atu)) then
            let advice =
                if operator.Symmetric then
                    "it is declared symmetric and is not; create it with a transpose of its own"
                else
                    "mend the function given for the transpose"

            fail
                $"OperatorChecks.transpose: ApplyTranspose of operator '{operator.Name}' is not the transpose of Apply: uᵀ(Av) = {left}, (Aᵀu)ᵀv = {right}; {advice}"

    /// <summary>Checks linearity: A(αu + βv) = αAu + βAv for random vectors, with α = 2 and β = −3.</summary>
    /// <param name="tolerance">Largest length of the difference, relative to the lengths of the terms.</param>
    /// <param name="key">The same key gives the same vectors.</param>
    /// <param name="operator">A of any shape; three products.</param>
    /// <exception cref="T:Hesse.HesseException">The products are not linear.</exception>
    let linear (tolerance: float) (key: Key) (operator: LinearOperator) : unit =
        let u, v = probe key 0 operator.Columns, probe key 1 operator.Columns
        let au, av = operator.Apply u, operator.Apply v
        let whole = operator.Apply(Array.map2 (fun a b -> 2.0 * a - 3.0 * b) u v)
        let difference = norm (Array.map3 (fun w a b -> w - 2.0 * a + 3.0 * b) whole au av)

        if not (difference <= tolerance * (2.0 * norm au + 3.0 * norm av)) then
            fail
                $"OperatorChecks.linear: operator '{operator.Name}' is not linear: A(2u − 3v) differs from 2Au − 3Av by {difference:G3} in length; give a function that is linear in the vector (no bias, no non-linearity, no rounding of the vector)"

    /// <summary>Checks that the same product gives the same result twice: what Krylov methods build on.</summary>
    /// <param name="tolerance">Largest length of the difference, relative to |Av|; 0 asks for equal bits.</param>
    /// <param name="key">The same key gives the same vector.</param>
    /// <param name="operator">A of any shape; two products.</param>
    /// <exception cref="T:Hesse.HesseException">The two results differ.</exception>
    let deterministic (tolerance: float) (key: Key) (operator: LinearOperator) : unit =
        let v = probe key 0 operator.Columns
        let first, second = operator.Apply v, operator.Apply v
        let difference = norm (Array.map2 (-) first second)

        if not (difference <= tolerance * norm first) then
            fail
                $"OperatorChecks.deterministic: operator '{operator.Name}' is not deterministic: the same product twice differs by {difference:G3} of {norm first:G3}; fix the random keys of dropout and sampling, keep the batch normalisation in evaluation mode, and take the data in a fixed order"

    /// <summary>Checks that a loss has the same value and the same gradient twice.</summary>
    /// <param name="tolerance">Largest difference allowed, relative to the value and to the length of the gradient; 0 asks for equal bits.</param>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="point">Where.</param>
    /// <exception cref="T:Hesse.HesseException">The two results differ, or are not finite.</exception>
    let deterministicLoss (tolerance: float) (loss: 'P -> Tensor) (point: 'P) : unit =
        let evaluate () =
            let value, gradient = Diff.valueAndGrad loss point
            value.item (), (fst (Tree.ravel gradient)).toArray()

        let (value, gradient), (again, gradientAgain) = evaluate (), evaluate ()
        let difference = norm (Array.map2 (-) gradient gradientAgain)

        if not (Double.IsFinite value && Double.IsFinite(norm gradient)) then
            fail
                $"OperatorChecks.deterministicLoss: the loss is {value} and its gradient has length {norm gradient}; look for the operation that is not finite with Diff.checkFinite"

        if not (abs (value - again) <= tolerance * abs value && difference <= tolerance * norm gradient) then
            fail
                $"OperatorChecks.deterministicLoss: the loss is not deterministic: {value} and then {again}, gradients {difference:G3} apart; fix the random keys of dropout and sampling, keep the batch normalisation in evaluation mode, and take the data in a fixed order"

    /// <summary>All checks that apply: determinism, linearity and the transpose, which for a symmetric operator is its symmetry.</summary>
    /// <param name="tolerance">As for the single checks; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="key">The same key gives the same vectors.</param>
    /// <param name="operator">A of any shape; seven products.</param>
    /// <exception cref="T:Hesse.HesseException">A check fails.</exception>
    let all (tolerance: float) (key: Key) (operator: LinearOperator) : unit =
        deterministic tolerance key operator
        linear tolerance key operator
        transpose tolerance key operator
