/// Solutions, events and their derivatives against closed forms.
module Hesse.Tests.OdeTests

open System
open Hesse
open Xunit

let private tight = { Ode.defaults with RelativeTolerance = 1e-11; AbsoluteTolerance = 1e-13 }
let private times = vector [ 0.0; 0.3; 1.0; 2.5 ]

/// y(t) at several times by a formula for one.
let private formula (f: float -> float list) (times: Tensor) =
    Tensor.stack 0 [ for t in times.toArray () -> vector (f t) ]

// ----- values -----

[<Fact>]
let ``a linear system has the matrix exponential as its solution`` () =
    let a = 0.8 * varied 1 [ 3; 3 ]
    let y0 = varied 2 [ 3 ]
    let expected = Tensor.stack 0 [ for t in times.toArray () -> Tensor.matmul (Linalg.expm (t * a)) y0 ]
    let solve options y0 = Ode.solve options (fun _ y -> Tensor.matmul a y) y0 times
    Check.tensors "tight" 1e-10 expected (solve tight y0)
    Check.tensors "default" 1e-7 expected (solve Ode.defaults y0)
    Check.tensors "compile" 1e-10 expected (Diff.compile (solve tight) y0)

[<Fact>]
let ``harmonic oscillator and logistic growth, forwards and backwards, on trees`` () =
    let oscillator _ (x: Tensor, v: Tensor) = v, -x
    let x, v = Ode.solve tight oscillator (scalar 1.0, scalar 0.0) times
    Check.tensors "cosine" 1e-10 (Tensor.cos times) x
    Check.tensors "sine" 1e-10 (-(Tensor.sin times)) v
    let back = Tensor.flip 0 times
    let x, _ = Ode.solve tight oscillator (scalar (cos 2.5), scalar (-(sin 2.5))) back
    Check.tensors "backwards" 1e-10 (Tensor.cos back) x
    // A time that f depends on, and a pole that is not reached.
    let riccati = Ode.solve tight (fun t y -> 2.0 * t * y * y) (scalar 0.1) times
    Check.tensors "riccati" 1e-9 (1.0 / (10.0 - times * times)) riccati
    let logistic = Ode.solve tight (fun _ y -> y * (1.0 - y)) (scalar 0.1) times
    Check.tensors "logistic" 1e-10 (1.0 / (1.0 + 9.0 * Tensor.exp (-times))) logistic

[<Fact>]
let ``the error of one step is of order six, that of the interpolation in between of order five`` () =
    let slope (t: Tensor) (y: Tensor) = Tensor.sin y + t * t

    let reference =
        Ode.solve { tight with RelativeTolerance = 1e-14; AbsoluteTolerance = 1e-15 } slope (scalar 0.7)

    let error (h: float) (share: float) =
        let p: DormandPrince.Problem = {
            Slope = fun t y -> y |> Array.map (slope t)
            RelativeTolerance = 1e9
            AbsoluteTolerance = 1e9
            Direction = scalar 1.0
            Until = scalar h
        }

        let s = DormandPrince.advance p (DormandPrince.start p (Some h) (scalar 0.0) [| vector [ 0.7 ] |])
        let y = (DormandPrince.at s (scalar (share * h)))[0]
        abs ((y.[0].item()) - (reference (vector [ 0.0; share * h ])).[1].item())

    let order share = Math.Log2(error 0.4 share / error 0.2 share)
    Assert.InRange(order 1.0, 5.7, 6.6)
    Assert.InRange(order 0.4, 4.7, 5.6)

[<Fact>]
let ``the tolerance is kept, and a smaller one takes more steps`` () =
    // Van der Pol's oscillator, with fast and slow phases.
    let f _ (y: Tensor) = Tensor.stack 0 [ y[1]; 5.0 * (1.0 - y[0] * y[0]) * y[1] - y[0] ]

    let at tolerance =
        (Ode.solve
            {
                Ode.defaults with
                    RelativeTolerance = tolerance
                    AbsoluteTolerance = tolerance
                    MaxSteps = 20_000
            }
            f
            (vector [ 2.0; 0.0 ])
            (vector [ 0.0; 12.0 ]))[1]

    let reference = at 1e-13
    let error tolerance = (Tensor.max (Tensor.abs (at tolerance - reference))).item()
    Assert.InRange(error 1e-5, 1e-8, 1e-2)
    Assert.InRange(error 1e-8, 1e-12, 1e-5)
    Assert.True(error 1e-5 > 30.0 * error 1e-8)

[<Fact>]
let ``one time is the first state, equal times are equal states`` () =
    let f _ (y: Tensor) = -y
    Check.tensors "one" 0.0 (Tensor.ones [ 1; 2 ]) (Ode.solve Ode.defaults f (Tensor.ones [ 2 ]) (vector [ 3.0 ]))
    let e = exp -1.0

    Check.tensors
        "equal"
        1e-8
        (vector [ 1.0; 1.0; e; e ])
        (Ode.solve Ode.defaults f (scalar 1.0) (vector [ 0.0; 0.0; 1.0; 1.0 ]))

// ----- derivatives -----

/// y′ = −k y with y(0) = a: the sum of weights times a e^(−kt).
let private decay (k: Tensor, a: Tensor, times: Tensor) =
    Tensor.sum (vector [ 0.3; -0.7; 1.1; 0.4 ] * Ode.solve tight (fun _ y -> -k * y) a times)

let private decayed (k: Tensor, a: Tensor, times: Tensor) =
    Tensor.sum (vector [ 0.3; -0.7; 1.1; 0.4 ] * a * Tensor.exp (-k * (times - times[0])))

let private point = scalar 0.9, scalar 1.3, times

[<Fact>]
let ``derivatives by parameters, first state and times are those of the closed form`` () =
    Check.trees "grad" 1e-8 (Diff.grad decayed point) (Diff.grad decay point)
    let v = scalar 0.3, scalar -0.2, vector [ 0.1; 0.5; -0.4; 0.2 ]
    Check.trees "jvp" 1e-8 (Diff.jvp decayed point v) (Diff.jvp decay point v)
    Check.number "transpose" 1e-12 ((snd (Diff.jvp decay point v)).item()) (Check.inner (Diff.grad decay point) v)

    // Without the times, whose second derivative is that of the interpolation.
    let by f (k, a) = f (k, a, times)
    let at = scalar 0.9, scalar 1.3
    Check.tensors "hessian" 1e-7 (Diff.hessian (by decayed) at) (Diff.hessian (by decay) at)
    let u = scalar 0.3, scalar -0.2
    Check.trees "jet" 1e-7 (Diff.jet 4 (by decayed) at u) (Diff.jet 4 (by decay) at u)
    Check.trees "hvp" 1e-7 (Diff.hvp (by decayed) at u) (Diff.hvp (by decay) at u)
    Check.tensors "compiled hessian" 1e-12 (Diff.hessian (by decay) at) (Diff.compile (Diff.hessian (by decay)) at)

[<Fact>]
let ``members of a batch take steps of their own`` () =
    let f (k: Tensor) = Ode.solve tight (fun t y -> -k * y + Tensor.sin (k * t)) (scalar 1.0) times
    let ks = vector [ 0.1; 3.0; 12.0 ]
    let each (g: Tensor -> Tensor) = Tensor.stack 0 [ for i in 0..2 -> g ks[i] ]
    Check.tensors "vmap" 1e-12 (each f) (Diff.vmap f ks)
    let total = f >> Tensor.sum
    Check.tensors "vmap of grad" 1e-11 (each (Diff.grad total)) (Diff.vmap (Diff.grad total) ks)
    Check.tensors "grad of vmap" 1e-11 (each (Diff.grad total)) (Diff.grad (Diff.vmap total >> Tensor.sum) ks)

[<Fact>]
let ``the flow of a linear system is differentiated like the matrix exponential`` () =
    let y0, ct = varied 2 [ 3 ], varied 3 [ 3 ]
    let a = 0.7 * varied 1 [ 3; 3 ]
    let byOde a = Tensor.sum (ct * (Ode.solve tight (fun _ y -> Tensor.matmul a y) y0 (vector [ 0.0; 1.5 ]))[1])
    let byExponential (a: Tensor) = Tensor.sum (ct * Tensor.matmul (Linalg.expm (1.5 * a)) y0)
    Check.tensors "grad" 1e-8 (Diff.grad byExponential a) (Diff.grad byOde a)
    Check.tensors "hessian" 1e-6 (Diff.hessian byExponential a) (Diff.hessian byOde a)

/// The same by the continuous adjoint, and a nonlinear system on a tree of states and parameters.
let private byAdjoint (k: Tensor, a: Tensor, times: Tensor) =
    Tensor.sum (vector [ 0.3; -0.7; 1.1; 0.4 ] * Ode.solveByAdjoint tight (fun k _ y -> -k * y) k a times)

[<Fact>]
let ``the continuous adjoint gives the closed form too, to second order and in forward mode`` () =
    Check.trees "grad" 1e-9 (Diff.grad decayed point) (Diff.grad byAdjoint point)
    let v = scalar 0.3, scalar -0.2, vector [ 0.1; 0.5; -0.4; 0.2 ]
    Check.trees "jvp" 1e-9 (Diff.jvp decayed point v) (Diff.jvp byAdjoint point v)
    let by f (k, a) = f (k, a, times)
    let at, u = (scalar 0.9, scalar 1.3), (scalar 0.3, scalar -0.2)
    Check.trees "hvp" 1e-8 (Diff.hvp (by decayed) at u) (Diff.hvp (by byAdjoint) at u)
    let members = vector [ 0.3; 2.0 ], vector [ 1.0; -0.5 ]

    let each =
        Tree.map2
            (fun a b -> Tensor.stack 0 [ a; b ])
            (Diff.grad (by decayed) (scalar 0.3, scalar 1.0))
            (Diff.grad (by decayed) (scalar 2.0, scalar -0.5))

    Check.trees "vmap of grad" 1e-9 each (Diff.vmap (Diff.grad (by byAdjoint)) members)

[<Fact>]
let ``both adjoints of a nonlinear system agree to the tolerance`` () =
    // Lotka and Volterra, with a force in time.
    let f (a: Tensor, b: Tensor) (t: Tensor) (x: Tensor, y: Tensor) = x * (a - y) + 0.1 * Tensor.sin t, y * (x - b)
    let energy (x: Tensor, y: Tensor) = Tensor.sum (x * x) - Tensor.sum (Tensor.sin y)
    let discrete (p, y) = energy (Ode.solve tight (f p) y times)
    let continuous (p, y) = energy (Ode.solveByAdjoint tight f p y times)
    let at = (scalar 1.1, scalar 0.7), (scalar 0.8, scalar 1.4)
    Check.number "value" 1e-13 ((discrete at).item()) ((continuous at).item())
    Check.trees "grad" 1e-8 (Diff.grad discrete at) (Diff.grad continuous at)
    let difference = Check.difference 1e-3 (fun h -> [| (discrete (Check.along at at h)).item() |])
    Check.number "difference" 1e-7 difference[0] (Check.inner (Diff.grad continuous at) at)

// ----- events -----

/// A ball dropped from a height with gravity g: when and how fast it lands.
let private landing (g: Tensor) (height: Tensor) =
    Ode.untilEvent
        tight
        (fun _ (_: Tensor, v: Tensor) -> v, -g)
        (fun _ (x, _) -> x)
        (height, scalar 0.0)
        (scalar 0.0)
        (scalar 10.0)

[<Fact>]
let ``a ball lands when it must, and so do its derivatives`` () =
    let g = scalar 9.81
    let e = landing g (scalar 2.0)
    let time (h: Tensor) = Tensor.sqrt (2.0 * h / g)
    Assert.Equal(1.0, e.Found.item ())
    Check.number "time" 1e-11 ((time (scalar 2.0)).item()) (e.Time.item ())
    Check.number "height" 1e-11 0.0 ((fst e.State).item())
    Check.number "speed" 1e-10 (-(sqrt (2.0 * 9.81 * 2.0))) ((snd e.State).item())
    let landed h = (landing g h).Time
    Check.trees "jet" 1e-8 (Diff.jet 4 time (scalar 2.0) (scalar 1.0)) (Diff.jet 4 landed (scalar 2.0) (scalar 1.0))
    Check.tensors "grad" 1e-10 (Diff.grad time (scalar 2.0)) (Diff.grad landed (scalar 2.0))
    Check.tensors "hessian" 1e-9 (Diff.hessian time (scalar 2.0)) (Diff.hessian landed (scalar 2.0))
    Check.tensors "vmap" 1e-11 (time (vector [ 1.0; 4.0 ])) (Diff.vmap landed (vector [ 1.0; 4.0 ]))
    let speed h = snd (landing g h).State

    Check.tensors
        "grad of the speed"
        1e-9
        (Diff.grad (fun (h: Tensor) -> -(Tensor.sqrt (2.0 * g * h))) (scalar 2.0))
        (Diff.grad speed (scalar 2.0))

    Check.tensors "compile" 1e-12 (landed (scalar 2.0)) (Diff.compile landed (scalar 2.0))

[<Fact>]
let ``a bouncing ball: derivatives go through the bounces`` () =
    // After each landing the speed is turned around and multiplied by r: the next flight takes 2 r v / g.
    let g, r = 9.81, 0.7

    let bounce (h: Tensor) =
        let flight (x: Tensor, v: Tensor, t: Tensor) =
            let e =
                Ode.untilEvent
                    tight
                    (fun _ (_: Tensor, v: Tensor) -> v, scalar -g)
                    (fun _ (x, _) -> x)
                    (x, v)
                    t
                    (t + 10.0)

            0.0 * fst e.State, -r * snd e.State, e.Time

        let _, _, t = Seq.fold (fun c _ -> flight c) (h, scalar 0.0, scalar 0.0) (seq { 1..3 })
        t

    let expected (h: Tensor) = Tensor.sqrt (2.0 * h / g) * (1.0 + 2.0 * r + 2.0 * r * r)
    Check.tensors "time" 1e-9 (expected (scalar 1.0)) (bounce (scalar 1.0))
    Check.tensors "grad" 1e-8 (Diff.grad expected (scalar 1.0)) (Diff.grad bounce (scalar 1.0))
    Check.trees "jet" 1e-7 (Diff.jet 3 expected (scalar 1.0) (scalar 1.0)) (Diff.jet 3 bounce (scalar 1.0) (scalar 1.0))

[<Fact>]
let ``no event is the end of the time`` () =
    let e = Ode.untilEvent tight (fun _ y -> -y) (fun _ y -> y + 1.0) (scalar 1.0) (scalar 0.0) (scalar 2.0)
    Assert.Equal(0.0, e.Found.item ())
    Assert.Equal(2.0, e.Time.item ())
    Check.number "state" 1e-10 (exp -2.0) (e.State.item ())

// ----- errors -----

[<Fact>]
let ``what cannot be solved is refused with time and state, or NaN where there are no values`` () =
    // y′ = y² from 1 has a pole at time 1.
    let f _ (y: Tensor) = y * y
    let solve (y: Tensor) = Ode.solve { Ode.defaults with MaxSteps = 300 } f y (vector [ 0.0; 0.5; 2.0 ])

    let message =
        try
            solve (scalar 1.0) |> ignore
            ""
        with :? HesseException as e ->
            e.Message

    Assert.StartsWith(
        "Ode.solve: time 2 was not reached: the integration is at time 0.99",
        message.Replace("time 1,", "time 0.99")
    )

    Assert.EndsWith(
        "after at most 300 steps; the solution may be singular or the problem stiff; allow more MaxSteps, larger tolerances or more output times",
        message
    )

    let compiled = (Diff.compile solve (scalar 1.0)).toArray()
    Assert.Equal(2.0, compiled[1], 6)
    Assert.True(Double.IsNaN compiled[2])

[<Fact>]
let ``wrong arguments are named`` () =
    let f _ (y: Tensor) = -y
    let y = Tensor.ones [ 2 ]
    let ts = vector [ 0.0; 1.0 ]

    Check.fails
        "Ode.solve: f returns tensors of shapes [] for a state of shapes [2]; it must return y′ in the structure of y"
        (fun () -> Ode.solve Ode.defaults (fun _ (y: Tensor) -> Tensor.sum y) y ts)

    Check.fails "Ode.solve: the times have shape []; want [m] with m at least 1" (fun () ->
        Ode.solve Ode.defaults f y (scalar 1.0))

    Check.fails "Ode.solve: the times are in no order; sort them, ascending or descending" (fun () ->
        Ode.solve Ode.defaults f y (vector [ 0.0; 2.0; 1.0 ]))

    Check.fails "Ode.solve: RelativeTolerance is 0; want a positive number" (fun () ->
        Ode.solve { Ode.defaults with RelativeTolerance = 0.0 } f y ts)

    Check.fails "Ode.solve: MaxSteps is 0; want at least 1" (fun () ->
        Ode.solve { Ode.defaults with MaxSteps = 0 } f y ts)

    Check.fails "Ode.solve: the state has no elements; give the first state at least one number" (fun () ->
        Ode.solve Ode.defaults f (Tensor.zeros [ 0 ]) ts)

    Check.fails "Ode.solveByAdjoint: the times have shape [1]; want [m] with m at least 2" (fun () ->
        Ode.solveByAdjoint Ode.defaults (fun () -> f) () y (vector [ 0.0 ]))

    Check.fails "Ode.untilEvent: g returns shape [2]; want a scalar, shape []" (fun () ->
        Ode.untilEvent Ode.defaults f (fun _ y -> y) y (scalar 0.0) (scalar 1.0))

    Check.fails "Ode.untilEvent: start and end have shapes [] and [2]; want []" (fun () ->
        Ode.untilEvent Ode.defaults f (fun _ y -> Tensor.sum y) y (scalar 0.0) ts)
