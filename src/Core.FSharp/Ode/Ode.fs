namespace Hesse

open Hesse.DormandPrince

/// How exactly and how long an ordinary differential equation is solved.
type OdeOptions = {
    /// Tolerated error of a step, relative to the size of each element of the state.
    RelativeTolerance: float
    /// Tolerated error of a step where the state is near 0, in units of the state.
    AbsoluteTolerance: float
    /// Most steps, rejected ones included, between two output times.
    MaxSteps: int
    /// Length of the first step to try, in units of time; None to estimate it.
    FirstStep: float option
}

/// Where an event was found.
type OdeEvent<'Y> = {
    /// The time of the event, shape []; the last time if there is none.
    Time: Tensor
    /// The state then.
    State: 'Y
    /// 1 if there is an event, 0 if not; shape [].
    Found: Tensor
}

/// Solutions of ordinary differential equations y′ = f(t, y), as functions that every transformation goes through.
///
/// The method is the pair of order 5(4) of Dormand and Prince (1980) with the step control and the continuous extension of order 4 of DOPRI5
/// (Hairer, Nørsett and Wanner 1993, Solving Ordinary Differential Equations I, sections II.4 to II.6). States are trees, times are tensors, and f may
/// close over parameters.
///
/// Derivatives of `solve` and `untilEvent` are those of the steps that were taken, with the step lengths held constant (the discrete adjoint), to any
/// order: with respect to the first state, what f closes over, and the times. In a vmap each member takes steps of its own.
[<RequireQualifiedAccess>]
module Ode =
    /// Relative tolerance 10⁻⁸, absolute tolerance 10⁻¹⁰, at most 2000 steps between two output times.
    let defaults: OdeOptions = {
        RelativeTolerance = 1e-8
        AbsoluteTolerance = 1e-10
        MaxSteps = 2000
        FirstStep = None
    }

    let private check op (options: OdeOptions) =
        let positive name x =
            if not (x > 0.0) then
                Shape.fail $"{op}: {name} is {x}; want a positive number"

        positive "RelativeTolerance" options.RelativeTolerance
        positive "AbsoluteTolerance" options.AbsoluteTolerance
        options.FirstStep |> Option.iter (positive "FirstStep")

        if options.MaxSteps < 1 then
            Shape.fail $"{op}: MaxSteps is {options.MaxSteps}; want at least 1"

    /// An equation on vectors, between two times.
    let private equation (options: OdeOptions) slope (time: Tensor) (until: Tensor) : Problem = {
        Slope = slope
        RelativeTolerance = options.RelativeTolerance
        AbsoluteTolerance = options.AbsoluteTolerance
        Direction = Tensor.stopGradient (Tensor.where (Tensor.less until time) (Tensor.scalar -1.0) (Tensor.scalar 1.0))
        Until = until
    }

    /// A state as a vector, the way back, and the slope on such vectors.
    let private onVectors op (f: Tensor -> 'Y -> 'Y) (first: 'Y) =
        let flat, unravel = Tree.ravel first
        let shapes tree = Shape.showAll (Tree.leaves tree |> Array.map (fun t -> t.Node.Shape))

        if flat.Size = 0 then
            Shape.fail $"{op}: the state has no elements; give the first state at least one number"

        let slope t y =
            let state = unravel y
            let k = f t state

            if shapes k <> shapes state then
                Shape.fail
                    $"{op}: f returns tensors of shapes {shapes k} for a state of shapes {shapes state}; it must return y′ in the structure of y"

            fst (Tree.ravel k)

        flat, unravel, slope

    let private problem op options (f: Tensor -> 'Y -> 'Y) (first: 'Y) time until =
        let flat, unravel, slope = onVectors op f first
        flat, unravel, equation options (fun t y -> [| slope t y[0] |]) time until

    /// Steps until a time is reached or passed, and no further than `stop` allows.
    let private advanceTo (options: OdeOptions) (p: Problem) (goesOn: Progress -> Tensor) (time: Tensor) (s: Progress) =
        let condition s =
            let left = Tensor.greater (remaining p s time) (Tensor.scalar 0.0)
            Tensor.logicalAnd (Tensor.logicalAnd left (goesOn s)) (Tensor.logicalNot (isStuck s))

        fst (Diff.boundedWhile options.MaxSteps condition (advance p) s)

    let private always (_: Progress) = Tensor.scalar 1.0

    /// Says where an integration with values got stuck.
    let private refuse op (options: OdeOptions) (wanted: Tensor) (reached: Tensor) (state: Tensor) : unit =
        let numbers =
            state.toArray () |> Array.truncate 4 |> Array.map (fun x -> $"{x:G6}") |> String.concat "; "

        let more = if state.Size > 4 then "; …" else ""

        Shape.fail
            $"{op}: time {wanted.item ():R} was not reached: the integration is at time {reached.item ():R}, state [{numbers}{more}], after at most {options.MaxSteps} steps; the solution may be singular or the problem stiff; allow more MaxSteps, larger tolerances or more output times"

    /// <summary>The solution of y′ = f(t, y) at given times.</summary>
    /// <param name="options">Tolerances and limits; start from `Ode.defaults`.</param>
    /// <param name="f">From a time, shape [], and a state to the slope, a tree like the state. What it closes over may be differentiated.</param>
    /// <param name="first">The state at the first time; a tree.</param>
    /// <param name="times">Shape [m], m ≥ 1, ascending or descending.</param>
    /// <returns>The states at these times: a tree like the state, every tensor with a new leading axis of length m.</returns>
    /// <exception cref="T:Hesse.HesseException">The slope is not like the state; or, where there are values, a time is not reached: the message names
    /// where the integration stopped. Inside a transformation the states from there on are NaN instead.</exception>
    /// <remarks>Steps are chosen by the error alone and results are interpolated, so more output times cost next to nothing in time. Reverse mode keeps, for each
    /// interval between two output times in turn, the states of its steps, and the states at the output times.</remarks>
    /// <example><code>Ode.solve Ode.defaults (fun _ y -> -y) (Tensor.scalar 1.0) (Tensor.ofArray [| 0.0; 1.0 |])  // [1; 1/e]</code></example>
    let solve (options: OdeOptions) (f: Tensor -> 'Y -> 'Y) (first: 'Y) (times: Tensor) : 'Y =
        let op = "Ode.solve"
        check op options

        if times.Rank <> 1 || times.Size = 0 then
            Shape.fail $"{op}: the times have shape {Shape.show times.Node.Shape}; want [m] with m at least 1"

        if times.IsConcrete then
            let t = times.toArray ()
            let forwards = t[t.Length - 1] >= t[0]

            if t |> Array.pairwise |> Array.exists (fun (a, b) -> if forwards then not (b >= a) else not (b <= a)) then
                Shape.fail $"{op}: the times are in no order; sort them, ascending or descending"

        let count = times.Size
        let flat, unravel, p = problem op options f first times[0] times[count - 1]

        let output (s: Progress) time =
            let s = advanceTo options p always time s
            let reached = Tensor.equal (remaining p s time) (Tensor.scalar 0.0)
            s, (Tensor.where reached (at s time).[0] (Tensor.scalar nan), reached, s.Time, s.State[0])

        if count = 1 then
            first |> Tree.map (Tensor.expandDims 0)
        else
            let _, (states, reached, ends, last) =
                Diff.scan output (start p options.FirstStep times[0] [| flat |]) (Tensor.slice 0 1 count 1 times)

            if reached.IsConcrete && last.IsConcrete then
                match Array.tryFindIndex ((=) 0.0) (reached.toArray ()) with
                | Some i -> refuse op options times[i + 1] ends[i] last[i]
                | None -> ()

            let all = Tensor.concat 0 [ Tensor.expandDims 0 flat; states ]
            Diff.vmap unravel all

    /// The gradient of a solution, backwards in time: y′ = f, λ′ = −(∂f/∂y)ᵀλ, γ′ = −(∂f/∂p)ᵀλ, interval by interval from the stored states.
    let private adjoint
        (options: OdeOptions)
        (slope: Tensor -> Tensor -> Tensor -> Tensor)
        parameters
        times
        (states: Tensor)
        (cts: Tensor)
        =
        let count = states.Shape[0]

        let backwards t (z: Tensor[]) =
            let k, pull = Diff.vjp (fun (p, y) -> slope p t y) (parameters, z[0])
            let byParameters, byState = pull z[1]
            [| k; -byState; -byParameters |]

        let interval (lambda: Tensor, gamma: Tensor) (late: Tensor, early: Tensor, state: Tensor, ct: Tensor) =
            let p = equation options backwards late early

            let s =
                start p options.FirstStep late [| state; lambda + ct; gamma |] |> advanceTo options p always early

            let reached = Tensor.equal (remaining p s early) (Tensor.scalar 0.0)
            let z = at s early |> Array.map (fun part -> Tensor.where reached part (Tensor.scalar nan))
            (z[1], z[2]), Tensor.sum (ct * slope parameters late state)

        let part from until (t: Tensor) = Tensor.slice 0 from until 1 t
        let zero = Tensor.zeros states.Shape[1..], Tensor.zeros parameters.Shape
        let intervals = part 1 count times, part 0 (count - 1) times, part 1 count states, part 1 count cts
        let (lambda, gamma), byTimes = Diff.scanBack interval zero intervals
        let byStart = -(Tensor.sum (lambda * slope parameters times[0] states[0]))
        gamma, lambda + cts[0], Tensor.concat 0 [ Tensor.reshape [ 1 ] byStart; byTimes ]

    /// <summary>As `solve`, with gradients by the continuous adjoint: an equation of its own that is solved backwards in time.</summary>
    /// <param name="options">Tolerances and limits, for both directions.</param>
    /// <param name="f">From parameters, a time, shape [], and a state to the slope, a tree like the state. What it closes over besides cannot be differentiated.</param>
    /// <param name="parameters">A tree.</param>
    /// <param name="first">The state at the first time; a tree.</param>
    /// <param name="times">Shape [m], m ≥ 2, ascending or descending.</param>
    /// <returns>The states at these times, as `solve`.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `solve`; or fewer than two times.</exception>
    /// <remarks>
    /// Pontryagin et al. (1962); Chen et al. (2018), "Neural ordinary differential equations", appendix B; the state is taken anew from the solution at
    /// every output time. The gradient is that of the exact solution up to the tolerance, not of the steps taken; with the discrete adjoint of `solve` it
    /// agrees to the tolerance only. The steps backwards are controlled by the error of the state, so that the gradient is linear in the cotangent and
    /// forward mode and higher orders go through it. The graph of a gradient is smaller than that of `solve`; its memory is that of one interval.
    /// </remarks>
    let solveByAdjoint
        (options: OdeOptions)
        (f: 'P -> Tensor -> 'Y -> 'Y)
        (parameters: 'P)
        (first: 'Y)
        (times: Tensor)
        : 'Y =
        if times.Rank <> 1 || times.Size < 2 then
            Shape.fail
                $"Ode.solveByAdjoint: the times have shape {Shape.show times.Node.Shape}; want [m] with m at least 2"

        let _, unravelParameters = Tree.ravel parameters
        let flat, unravel, _ = onVectors "Ode.solveByAdjoint" (f parameters) first

        let slope p t y = fst (Tree.ravel (f (unravelParameters p) t (unravel y)))

        let forwards (p, y, times) = solve options (slope p) y times
        let pullback (p, _, times) states cts = adjoint options slope p times states cts

        Diff.customPullback forwards pullback (fst (Tree.ravel parameters), flat, times)
        |> Diff.vmap unravel

    /// <summary>The first time after the start at which g(t, y) is zero on the solution of y′ = f(t, y).</summary>
    /// <param name="options">Tolerances and limits; MaxSteps is for the whole.</param>
    /// <param name="f">From a time, shape [], and a state to the slope, a tree like the state.</param>
    /// <param name="g">From a time and a state to a scalar, shape []; an event is where it changes its sign. A zero at the start is none.</param>
    /// <param name="first">The state at the start.</param>
    /// <param name="time">The start, shape [].</param>
    /// <param name="until">When to give up, shape []; may be before the start.</param>
    /// <returns>Time and state of the event, and whether there is one; without one, the last time and the state there.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `solve`; or g is not scalar.</exception>
    /// <remarks>
    /// A change of sign within one step is found on the continuous extension, by bisection to the last digit; two zeros within one step are not seen.
    /// The time of the event is differentiated as the implicit function that it is, so that gradients (of the time a ball lands, of
    /// what it hits) are exact for the steps taken.
    /// </remarks>
    let untilEvent
        (options: OdeOptions)
        (f: Tensor -> 'Y -> 'Y)
        (g: Tensor -> 'Y -> Tensor)
        (first: 'Y)
        (time: Tensor)
        (until: Tensor)
        : OdeEvent<'Y> =
        let op = "Ode.untilEvent"
        check op options

        if time.Rank <> 0 || until.Rank <> 0 then
            Shape.fail
                $"{op}: start and end have shapes {Shape.show time.Node.Shape} and {Shape.show until.Node.Shape}; want []"

        let flat, unravel, p = problem op options f first time until

        let gauge t y =
            let value = g t (unravel y)

            if value.Rank <> 0 then
                Shape.fail $"{op}: g returns shape {Shape.show value.Node.Shape}; want a scalar, shape []"

            value

        /// Whether the last accepted step went through a zero.
        let crossed (s: Progress) =
            let before, after = gauge s.From s.Extension[0].[0], gauge s.Time s.State[0]
            let opposite = Tensor.lessEqual (Tensor.sign before * Tensor.sign after) (Tensor.scalar 0.0)
            let moved = Tensor.notEqual s.Time s.From
            Tensor.logicalAnd moved (Tensor.logicalAnd opposite (Tensor.notEqual before (Tensor.scalar 0.0)))

        let s =
            start p options.FirstStep time [| flat |]
            |> advanceTo options p (crossed >> Tensor.logicalNot) until

        let found = Tensor.stopGradient (crossed s)
        let along theta = s.From + theta * s.Length, interpolate s.Extension[0] theta
        let value theta = along theta ||> gauge

        // Bisection on values without derivatives; then Newton steps, each of which doubles the order up to which derivatives are right.
        let still = Tensor.stopGradient
        let sign = Tensor.sign (still (value (Tensor.scalar 0.0)))

        let halve (low: Tensor, high: Tensor) =
            let middle = 0.5 * (low + high)
            let isBefore = Tensor.greater (sign * still (value middle)) (Tensor.scalar 0.0)
            Tensor.where isBefore middle low, Tensor.where isBefore high middle

        let newton theta =
            let v, slope = Diff.jvp value theta (Tensor.scalar 1.0)
            let step = v / slope
            // At a double zero the slope is 0 and the derivative does not exist; the time is still right.
            theta - Tensor.where (Tensor.isFinite step) step (Tensor.scalar 0.0)

        let root =
            Diff.iterate 60 halve (Tensor.scalar 0.0, Tensor.scalar 1.0)
            |> snd
            |> still
            |> newton
            |> newton
            |> newton

        let atEvent, stateThere = along root
        let reached = Tensor.equal (remaining p s until) (Tensor.scalar 0.0)

        if found.IsConcrete && reached.IsConcrete && found.item () = 0.0 && reached.item () = 0.0 then
            refuse op options until s.Time s.State[0]

        let isKnown = Tensor.logicalOr found reached
        let known (t: Tensor) = Tensor.where isKnown t (Tensor.scalar nan)

        {
            Time = known (Tensor.where found atEvent until)
            State = unravel (known (Tensor.where found stateThere (at s until).[0]))
            Found = found
        }
