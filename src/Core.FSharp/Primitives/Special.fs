namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear
open Hesse.Elementwise

/// Hyperbolic and inverse functions, the error functions and the gamma family: each closed under differentiation
/// together with `Elementwise`.
module internal Special =
    let private like (x: Node) value = full x.Shape value
    let private plus value a = add a (like a value)

    // ----- hyperbolic and inverse functions -----------------------------------------------------------------------

    let rec sinhP: Primitive = {
        Name = "sinh"
        Doc = "Hyperbolic sine."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (fun dx -> mul dx (cosh args[0])))
        Transpose = None
        Batch = batchElementwise
        Simplify = fun _ _ -> None
        Lower = Lowering.Tile TileOp.Sinh
    }

    and coshP: Primitive = {
        Name = "cosh"
        Doc = "Hyperbolic cosine."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (fun dx -> mul dx (sinh args[0])))
        Transpose = None
        Batch = batchElementwise
        Simplify = fun _ _ -> None
        Lower = Lowering.Tile TileOp.Cosh
    }

    and sinh a = bind sinhP NoAttr [| a |]
    and cosh a = bind coshP NoAttr [| a |]

    let private reciprocal a = div (like a 1.0) a
    let private oneMinusSquare x = mul (sub (like x 1.0) x) (plus 1.0 x)

    let asinP = unary "asin" "Inverse sine." TileOp.Asin (fun x _ -> reciprocal (sqrt (oneMinusSquare x)))

    let acosP =
        unary "acos" "Inverse cosine." TileOp.Acos (fun x _ -> neg (reciprocal (sqrt (oneMinusSquare x))))

    let atanP = unary "atan" "Inverse tangent." TileOp.Atan (fun x _ -> reciprocal (plus 1.0 (mul x x)))

    let asinhP =
        unary "asinh" "Inverse hyperbolic sine." TileOp.Asinh (fun x _ -> reciprocal (sqrt (plus 1.0 (mul x x))))

    let acoshP =
        unary "acosh" "Inverse hyperbolic cosine." TileOp.Acosh (fun x _ ->
            reciprocal (mul (sqrt (plus -1.0 x)) (sqrt (plus 1.0 x))))

    let atanhP =
        unary "atanh" "Inverse hyperbolic tangent." TileOp.Atanh (fun x _ -> reciprocal (oneMinusSquare x))

    let cbrtP = unary "cbrt" "Cube root." TileOp.Cbrt (fun _ y -> div (like y (1.0 / 3.0)) (mul y y))

    /// d atan2(y, x) = (x dy − y dx) / (x² + y²). At the origin, where the angle is undefined, every derivative is 0.
    let private atan2Rule _ (args: Node[]) _ (dargs: Node option[]) =
        let y, x = args[0], args[1]
        let square = add (mul x x) (mul y y)
        let zero = zeros square.Shape
        let origin = equal square zero
        let safe = select origin (like square 1.0) square
        let slope numerator = select origin zero (div numerator safe)
        let byY = dargs[0] |> Option.map (fun dy -> mul dy (slope x))
        let byX = dargs[1] |> Option.map (fun dx -> neg (mul dx (slope y)))

        match byY, byX with
        | Some a, Some b -> Some(add a b)
        | one, None
        | None, one -> one

    let atan2P: Primitive = {
        Name = "atan2"
        Doc = "The angle of the point (b, a), in (−π, π]."
        Shape = fun _ s -> Shape.same "atan2" s
        Derivative = Derivative.Rule atan2Rule
        Transpose = None
        Batch = batchElementwise
        Simplify = fun _ _ -> None
        Lower = Lowering.Tile TileOp.Atan2
    }

    let asin a = bind asinP NoAttr [| a |]
    let acos a = bind acosP NoAttr [| a |]
    let atan a = bind atanP NoAttr [| a |]
    let asinh a = bind asinhP NoAttr [| a |]
    let acosh a = bind acoshP NoAttr [| a |]
    let atanh a = bind atanhP NoAttr [| a |]
    let cbrt a = bind cbrtP NoAttr [| a |]
    let atan2 y x = bind atan2P NoAttr [| y; x |]

    // ----- error functions and the normal distribution ------------------------------------------------------------

    let private twoOverSqrtPi = 2.0 / Math.Sqrt Math.PI

    let erfcP =
        unary "erfc" "1 − erf(a), accurate in the right tail" TileOp.Erfc (fun x _ ->
            scale -twoOverSqrtPi (exp (neg (mul x x))))

    let erfcxP =
        unary "erfcx" "e^(a²) erfc(a)" TileOp.Erfcx (fun x y -> plus -twoOverSqrtPi (scale 2.0 (mul x y)))

    let erfc a = bind erfcP NoAttr [| a |]
    let erfcx a = bind erfcxP NoAttr [| a |]

    /// φ(x)
    let normalPdf (x: Node) = scale (1.0 / Math.Sqrt(2.0 * Math.PI)) (exp (scale -0.5 (mul x x)))

    /// Φ(x)
    let normalCdf (x: Node) = scale 0.5 (erfc (scale (-Math.Sqrt 0.5) x))

    /// φ(x) / Φ(x): on the left the ratio itself, on the right its two parts, so that neither 0/0 nor ∞/∞ occurs. Both
    /// branches see a harmless argument where the other one is taken.
    let private millsRatio (x: Node) =
        let left = greater (zeros x.Shape) x
        let l = select left x (like x -1.0)
        let r = select left (like x 1.0) x
        let onLeft = div (like x (Math.Sqrt(2.0 / Math.PI))) (erfcx (scale (-Math.Sqrt 0.5) l))
        select left onLeft (div (normalPdf r) (normalCdf r))

    let logNormalCdfP = unary "logNormalCdf" "log Φ(a)" TileOp.LogNormalCdf (fun x _ -> millsRatio x)

    let logNormalCdf a = bind logNormalCdfP NoAttr [| a |]

    let softplusP = unary "softplus" "log(1 + eᵃ)" TileOp.Softplus (fun x _ -> sigmoid x)

    let softplus a = bind softplusP NoAttr [| a |]

    // ----- the gamma family ---------------------------------------------------------------------------------------

    /// The order is an argument, as the exponent of a power is; the function is constant in it. Each derivative raises it by one.
    let rec polygammaP: Primitive = {
        Name = "polygamma"
        Doc = "The derivative of order a (whole, 0 to 170) of the digamma function, at b."
        Shape = fun _ s -> Shape.same "polygamma" s
        Derivative =
            Derivative.Rule(fun _ args _ dargs ->
                dargs[1] |> Option.map (fun dx -> mul dx (polygamma (plus 1.0 (stopGradient args[0])) args[1])))
        Transpose = None
        Batch = batchElementwise
        Simplify = fun _ _ -> None
        Lower = Lowering.Tile TileOp.Polygamma
    }

    and polygamma order x = bind polygammaP NoAttr [| order; x |]

    let logGammaP = unary "lgamma" "log |Γ(a)|" TileOp.LogGamma (fun x _ -> polygamma (zeros x.Shape) x)

    let logGamma a = bind logGammaP NoAttr [| a |]

    /// The primitives of this file, in order.
    let primitives = [
        sinhP
        coshP
        asinP
        acosP
        atanP
        asinhP
        acoshP
        atanhP
        cbrtP
        atan2P
        erfcP
        erfcxP
        logNormalCdfP
        softplusP
        polygammaP
        logGammaP
    ]
