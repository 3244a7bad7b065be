namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear

/// Nonlinear elementwise functions, comparisons, selection, and the maximum over axes.
///
/// Conventions where the derivative does not exist: max and min take the second argument's derivative at a tie, so
/// that relu′(0) = 0 for relu(x) = max(x, 0); |x|′(0) = 0; the maximum over axes shares its derivative equally among ties.
module internal Elementwise =
    let private never _ _ = None
    let private like (x: Node) value = full x.Shape value

    let private elementwise name doc op derivative simplify : Primitive = {
        Name = name
        Doc = doc
        Shape = fun _ s -> Shape.same name s
        Derivative = derivative
        Transpose = None
        Batch = batchElementwise
        Simplify = simplify
        Lower = Lowering.Tile op
    }

    let private addTangents a b =
        match a, b with
        | Some a, Some b -> Some(add a b)
        | None, other
        | other, None -> other

    /// A function of one argument: dy = slope(x, y) · dx.
    let private slopeRule (slope: Node -> Node -> Node) =
        Derivative.Rule(fun _ args y dargs -> dargs[0] |> Option.map (fun dx -> mul dx (slope args[0] y)))

    let unary name doc op slope = elementwise name doc op (slopeRule slope) never

    let private step name doc op = elementwise name doc op Derivative.Zero never

    // ----- comparisons and selection ------------------------------------------------------------------------------

    let greaterP = step "greater" "1 where a > b, else 0" TileOp.Greater
    let greaterEqualP = step "greaterEqual" "1 where a ≥ b, else 0" TileOp.GreaterEqual
    let equalP = step "equal" "1 where a = b, else 0" TileOp.Equal
    let signP = step "sign" "−1, 0 or 1" TileOp.Sign
    let floorP = step "floor" "The greatest integer that is not above a." TileOp.Floor

    let greater a b = bind greaterP NoAttr [| a; b |]
    let greaterEqual a b = bind greaterEqualP NoAttr [| a; b |]
    let equal a b = bind equalP NoAttr [| a; b |]
    let sign a = bind signP NoAttr [| a |]
    let floor a = bind floorP NoAttr [| a |]

    let rec selectP: Primitive = {
        Name = "select"
        Doc = "b where the mask a is not 0, else c"
        Shape = fun _ s -> Shape.same "select" s
        Derivative = Derivative.Linear(fun i -> i > 0)
        Transpose =
            Some(fun _ args ct i ->
                let zero = zeros ct.Shape
                if i = 1 then select args[0] ct zero else select args[0] zero ct)
        Batch = batchElementwise
        Simplify =
            fun _ args ->
                match args[0].Uniform with
                | ValueSome 0.0 -> Some args[2]
                | ValueSome u when not (Double.IsNaN u) -> Some args[1]
                | _ -> None
        Lower = Lowering.Tile TileOp.Select
    }

    and select mask a b = bind selectP NoAttr [| mask; a; b |]

    /// The identity, with derivative zero.
    let stopGradientP: Primitive = {
        Name = "stopGradient"
        Doc = "a, taken as a constant by every derivative"
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Zero
        Transpose = None
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify = fun _ args -> if args[0].IsConcrete then Some args[0] else None
        Lower = Lowering.View
    }

    let stopGradient a = bind stopGradientP NoAttr [| a |]

    // ----- quotient, powers, exponentials -------------------------------------------------------------------------

    let rec divP: Primitive = {
        Name = "div"
        Doc = "a / b"
        Shape = fun _ s -> Shape.same "div" s
        Derivative = Derivative.Quotient(0, 1, (fun _ b y -> mul y b))
        Transpose = Some(fun _ args ct _ -> div ct args[1])
        Batch = batchElementwise
        Simplify =
            fun _ args ->
                match args[1].Uniform with
                | ValueSome 1.0 -> Some args[0]
                | _ -> None
        Lower = Lowering.Tile TileOp.Div
    }

    and div a b = bind divP NoAttr [| a; b |]

    let expP = unary "exp" "eᵃ" TileOp.Exp (fun _ y -> y)
    let expm1P = unary "expm1" "eᵃ − 1, exact near 0" TileOp.Expm1 (fun _ y -> add y (like y 1.0))
    let logP = unary "log" "Natural logarithm." TileOp.Log (fun x _ -> div (like x 1.0) x)

    let log1pP =
        unary "log1p" "log(1 + a), exact near 0" TileOp.Log1p (fun x _ -> div (like x 1.0) (add (like x 1.0) x))

    let sqrtP = unary "sqrt" "Square root." TileOp.Sqrt (fun _ y -> div (like y 0.5) y)

    let exp a = bind expP NoAttr [| a |]
    let expm1 a = bind expm1P NoAttr [| a |]
    let log a = bind logP NoAttr [| a |]
    let log1p a = bind log1pP NoAttr [| a |]
    let sqrt a = bind sqrtP NoAttr [| a |]

    /// Small whole powers are products: exact rules at 0, and cheaper.
    let rec private wholePower (a: Node) n =
        match n with
        | 1 -> a
        | n when n % 2 = 0 -> let h = wholePower a (n / 2) in mul h h
        | n -> mul a (wholePower a (n - 1))

    let rec powP: Primitive = {
        Name = "pow"
        Doc = "aᵇ"
        Shape = fun _ s -> Shape.same "pow" s
        Derivative = Derivative.Rule powRule
        Transpose = None
        Batch = batchElementwise
        Simplify =
            fun _ args ->
                match args[1].Uniform with
                | ValueSome 0.0 -> Some(like args[0] 1.0)
                | ValueSome -1.0 -> Some(div (like args[0] 1.0) args[0])
                | ValueSome n when n >= 1.0 && n <= 16.0 && n = Math.Floor n -> Some(wholePower args[0] (int n))
                | _ -> None
        Lower = Lowering.Tile TileOp.Pow
    }

    /// d(aᵇ) = b·aᵇ⁻¹ da + log(a)·aᵇ db, with 0·∞ read as 0.
    and private powRule _ args y dargs =
        let a, b = args[0], args[1]

        let byBase da =
            let slope = mul b (pow a (sub b (like b 1.0)))

            match b.Uniform with
            | ValueSome _ -> mul da slope
            | ValueNone -> mul da (select (equal b (like b 0.0)) (zeros b.Shape) slope)

        let byExponent db = mul db (mul (log (select (equal a (like a 0.0)) (like a 1.0) a)) y)

        addTangents (dargs[0] |> Option.map byBase) (dargs[1] |> Option.map byExponent)

    and pow a b = bind powP NoAttr [| a; b |]

    // ----- trigonometric and sigmoidal ----------------------------------------------------------------------------

    let rec sinP: Primitive = {
        Name = "sin"
        Doc = "Sine, radians."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (fun dx -> mul dx (cos args[0])))
        Transpose = None
        Batch = batchElementwise
        Simplify = never
        Lower = Lowering.Tile TileOp.Sin
    }

    and cosP: Primitive = {
        Name = "cos"
        Doc = "Cosine, radians."
        Shape = fun _ s -> s[0]
        Derivative =
            Derivative.Rule(fun _ args _ dargs -> dargs[0] |> Option.map (fun dx -> neg (mul dx (sin args[0]))))
        Transpose = None
        Batch = batchElementwise
        Simplify = never
        Lower = Lowering.Tile TileOp.Cos
    }

    and sin a = bind sinP NoAttr [| a |]
    and cos a = bind cosP NoAttr [| a |]

    let tanhP = unary "tanh" "Hyperbolic tangent." TileOp.Tanh (fun _ y -> sub (like y 1.0) (mul y y))

    let sigmoidP = unary "sigmoid" "1 / (1 + e⁻ᵃ)" TileOp.Sigmoid (fun _ y -> mul y (sub (like y 1.0) y))

    let erfP =
        unary "erf" "2/√π ∫₀ᵃ e^(−t²) dt" TileOp.Erf (fun x _ -> scale (2.0 / Math.Sqrt Math.PI) (exp (neg (mul x x))))

    let tanh a = bind tanhP NoAttr [| a |]
    let sigmoid a = bind sigmoidP NoAttr [| a |]
    let erf a = bind erfP NoAttr [| a |]

    // ----- absolute value, maximum, minimum -----------------------------------------------------------------------

    let absP = unary "abs" "|a|" TileOp.Abs (fun x _ -> sign x)

    /// One of two arguments: the first where `first a b` is 1.
    let private choice name doc op (first: Node -> Node -> Node) =
        let rule _ (args: Node[]) (y: Node) (dargs: Node option[]) =
            match dargs with
            | [| None; None |] -> None
            | _ ->
                let orZero = Option.defaultWith (fun () -> zeros y.Shape)
                Some(select (first args[0] args[1]) (orZero dargs[0]) (orZero dargs[1]))

        elementwise name doc op (Derivative.Rule rule) never

    let maxP = choice "max" "The larger of a and b." TileOp.Max greater
    let minP = choice "min" "The smaller of a and b." TileOp.Min (fun a b -> greater b a)

    let abs a = bind absP NoAttr [| a |]
    let max a b = bind maxP NoAttr [| a; b |]
    let min a b = bind minP NoAttr [| a; b |]
    let relu (a: Node) = max a (zeros a.Shape)

    /// Repeats a reduced node along the axes that the reduction took away.
    let spread (shape: int[]) (axes: int[]) (y: Node) =
        broadcast shape (Array.except axes [| 0 .. shape.Length - 1 |]) y

    let maxOverP: Primitive = {
        Name = "maxOver"
        Doc = "Maximum over axes."
        Shape =
            fun attr s ->
                for a in axesOf attr do
                    if s[0][a] = 0 then
                        Shape.fail
                            $"maxOver: axis {a} of shape {Shape.show s[0]} is empty; the maximum of nothing is undefined"

                Shape.removeAxes (axesOf attr) s[0]
        Derivative =
            Derivative.Rule(fun attr args y dargs ->
                dargs[0]
                |> Option.map (fun dx ->
                    let axes, shape = axesOf attr, args[0].Shape
                    let ties = equal args[0] (spread shape axes y)
                    let share = div ties (spread shape axes (sum axes ties))
                    sum axes (mul dx share)))
        Transpose = None
        Batch = fun p attr args _ _ -> bind p (Axes(axesOf attr |> Array.map ((+) 1))) args
        Simplify = fun attr args -> if (axesOf attr).Length = 0 then Some args[0] else None
        Lower = reduction ReduceOp.Max
    }

    let maxOver (axes: int[]) a = bind maxOverP (Axes axes) [| a |]

    /// The primitives of this file, in order.
    let primitives = [
        greaterP
        greaterEqualP
        equalP
        signP
        floorP
        selectP
        stopGradientP
        divP
        expP
        expm1P
        logP
        log1pP
        sqrtP
        powP
        sinP
        cosP
        tanhP
        sigmoidP
        erfP
        absP
        maxP
        minP
        maxOverP
    ]
