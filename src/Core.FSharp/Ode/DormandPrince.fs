namespace Hesse

/// One step of the embedded Runge–Kutta pair of order 5(4) of Dormand and Prince (1980), with the error estimate, the step control and the
/// continuous extension of order 4 of DOPRI5 (Hairer, Nørsett and Wanner 1993, sections II.4 to II.6), on states that are one vector [n], or several of which
/// the first alone decides on the steps.
module internal DormandPrince =
    /// An integration between two steps.
    type Progress = {
        /// Where the last accepted step ended, [], the state there and its slope.
        Time: Tensor
        State: Tensor[]
        Slope: Tensor[]
        /// Length of the next step to try, positive, [].
        Size: Tensor
        /// Where the last accepted step began, and how far it went (with its sign), [].
        From: Tensor
        Length: Tensor
        /// The last accepted step's continuous extension, [5; n] for each vector of the state.
        Extension: Tensor[]
        /// The error of the last accepted step, and whether the last one tried was rejected, [].
        Error: Tensor
        Rejected: Tensor
    }

    /// What stays the same during an integration.
    type Problem = {
        /// The slope from a time [] and a state.
        Slope: Tensor -> Tensor[] -> Tensor[]
        RelativeTolerance: float
        AbsoluteTolerance: float
        /// 1 forwards in time, −1 backwards, [].
        Direction: Tensor
        /// The time that no step goes beyond, [].
        Until: Tensor
    }

    let private nodes = [| 0.2; 0.3; 0.8; 8.0 / 9.0; 1.0; 1.0 |]

    /// The coefficients of the stages; the last row is also the step of order 5.
    let private stages = [|
        [| 1.0 / 5.0 |]
        [| 3.0 / 40.0; 9.0 / 40.0 |]
        [| 44.0 / 45.0; -56.0 / 15.0; 32.0 / 9.0 |]
        [| 19372.0 / 6561.0; -25360.0 / 2187.0; 64448.0 / 6561.0; -212.0 / 729.0 |]
        [| 9017.0 / 3168.0; -355.0 / 33.0; 46732.0 / 5247.0; 49.0 / 176.0; -5103.0 / 18656.0 |]
        [| 35.0 / 384.0; 0.0; 500.0 / 1113.0; 125.0 / 192.0; -2187.0 / 6784.0; 11.0 / 84.0 |]
    |]

    /// The difference between the steps of order 5 and 4.
    let private errors = [|
        71.0 / 57600.0
        0.0
        -71.0 / 16695.0
        71.0 / 1920.0
        -17253.0 / 339200.0
        22.0 / 525.0
        -1.0 / 40.0
    |]

    /// What the extension of order 4 has besides values and slopes at the ends.
    let private middle = [|
        -12715105075.0 / 11282082432.0
        0.0
        87487479700.0 / 32700410799.0
        -10690763975.0 / 1880347072.0
        701980252875.0 / 199316789632.0
        -1453857185.0 / 822651844.0
        69997945.0 / 29380423.0
    |]

    let private below (limit: float) (x: Tensor) = Tensor.less x (Tensor.scalar limit)

    /// Σ cᵢ kᵢ over the stages' slopes.
    let private combine (coefficients: float[]) (slopes: Tensor[] list) : Tensor[] =
        Seq.zip coefficients slopes
        |> Seq.filter (fun (c, _) -> c <> 0.0)
        |> Seq.map (fun (c, k) -> k |> Array.map (fun part -> c * part))
        |> Seq.reduce (Array.map2 (+))

    /// √ of the mean of the squares of errors, in units of what is tolerated.
    let private norm (p: Problem) (state: Tensor) (x: Tensor) =
        Tensor.sqrt (Tensor.mean (Tensor.square (x / (p.AbsoluteTolerance + p.RelativeTolerance * state))))

    /// The slopes of all stages, the new state, and the signed length of the step from a progress.
    let private tryStep (p: Problem) (s: Progress) =
        let size = Tensor.minimum s.Size (Tensor.abs (p.Until - s.Time))
        let length = Tensor.stopGradient (p.Direction * size)

        let slopes, state =
            Seq.zip nodes stages
            |> Seq.fold
                (fun (slopes: Tensor[] list, _) (node, row) ->
                    let state = Array.map2 (fun y k -> y + length * k) s.State (combine row slopes)
                    slopes @ [ p.Slope (s.Time + node * length) state ], state)
                ([ s.Slope ], s.State)

        slopes, state, length

    /// The next progress: after an accepted step, or with a shorter step to try.
    let advance (p: Problem) (s: Progress) : Progress =
        let slopes, state, length = tryStep p s
        let still = Tensor.stopGradient
        let largest = Tensor.maximum (Tensor.abs (still s.State[0])) (Tensor.abs (still state[0]))
        let deciding = slopes |> List.map (Array.truncate 1)
        let found = norm p largest (still (length * (combine errors deciding)[0]))
        // What is not finite counts as a large error; the smallest one keeps the powers finite.
        let error =
            Tensor.where (below 1e6 found) (Tensor.maximum found (Tensor.scalar 1e-10)) (Tensor.scalar 1e6)

        let accepted = Tensor.lessEqual error (Tensor.scalar 1.0)
        let beta = 0.04
        let plain = Tensor.pow error (Tensor.scalar (0.2 - 0.75 * beta))
        let controlled = plain / Tensor.pow s.Error (Tensor.scalar beta) / 0.9
        let tried = Tensor.abs length

        // At most 10 times longer and 5 times shorter; not longer right after a rejection.
        let size =
            let next = tried / Tensor.clip 0.1 5.0 controlled
            let careful = Tensor.where s.Rejected (Tensor.minimum next tried) next
            Tensor.where accepted careful (tried / Tensor.minimum (plain / 0.9) (Tensor.scalar 5.0))

        let choose (after: Tensor) before = Tensor.where accepted after before
        let last = List.last slopes

        let extension =
            Array.mapi2
                (fun i before (after: Tensor) ->
                    let moved = after - before
                    let bend = length * s.Slope[i] - moved
                    let inner = length * (combine middle slopes)[i]
                    Tensor.stack 0 [ before; moved; bend; moved - length * last[i] - bend; inner ])
                s.State
                state

        {
            Time = choose (s.Time + length) s.Time
            State = Array.map2 choose state s.State
            Slope = Array.map2 choose last s.Slope
            Size = still size
            From = choose s.Time s.From
            Length = choose length s.Length
            Extension = Array.map2 choose extension s.Extension
            Error = still (choose (Tensor.maximum error (Tensor.scalar 1e-4)) s.Error)
            Rejected = 1.0 - accepted
        }

    /// The state at a share θ of the last accepted step (0 its begin, 1 its end).
    let interpolate (extension: Tensor) (theta: Tensor) : Tensor =
        let rest = 1.0 - theta

        extension[0]
        + theta * (extension[1] + rest * (extension[2] + theta * (extension[3] + rest * extension[4])))

    /// The state at a time inside the last accepted step.
    let at (s: Progress) (time: Tensor) : Tensor[] =
        let theta = (time - s.From) / s.Length
        s.Extension |> Array.map (fun e -> interpolate e theta)

    /// How far it is to a time, in the direction of the integration; 0 within rounding.
    let remaining (p: Problem) (s: Progress) (time: Tensor) : Tensor =
        let left = p.Direction * (time - s.Time)
        let rounding = 4e-16 * (Tensor.abs time + Tensor.abs s.Time)
        Tensor.where (Tensor.greater left (2.0 * rounding)) left (Tensor.scalar 0.0)

    /// Whether the next step would be too short to change the time.
    let isStuck (s: Progress) : Tensor = Tensor.lessEqual (s.Time + 0.1 * s.Size) s.Time

    /// The first step to try (Hairer, Nørsett and Wanner 1993, II.4): a hundredth of the way to a change of the state's size, and
    /// no longer than an Euler step's second derivative allows.
    let private firstSize (p: Problem) (time: Tensor) (state: Tensor[]) (slope: Tensor[]) =
        let scaled = norm p (Tensor.abs state[0])
        let d0, d1 = scaled state[0], scaled slope[0]
        let tiny = Tensor.logicalOr (below 1e-5 d0) (below 1e-5 d1)

        let guess =
            Tensor.where tiny (Tensor.scalar 1e-6) (0.01 * d0 / Tensor.maximum d1 (Tensor.scalar 1e-300))

        let h0 = Tensor.minimum guess (Tensor.abs (p.Until - time))

        let ahead =
            p.Slope (time + p.Direction * h0) (Array.map2 (fun y k -> y + p.Direction * h0 * k) state slope)

        let d2 = scaled (ahead[0] - slope[0]) / Tensor.maximum h0 (Tensor.scalar 1e-300)
        let most = Tensor.maximum d1 d2

        let h1 =
            Tensor.where
                (below 1e-15 most)
                (Tensor.maximum (1e-3 * h0) (Tensor.scalar 1e-6))
                (Tensor.pow (0.01 / Tensor.maximum most (Tensor.scalar 1e-300)) (Tensor.scalar 0.2))

        Tensor.minimum (100.0 * h0) h1

    /// The progress before the first step.
    let start (p: Problem) (first: float option) (time: Tensor) (state: Tensor[]) : Progress =
        let slope = p.Slope time state

        let size =
            match first with
            | Some size -> Tensor.scalar size
            | None ->
                let still = Array.map Tensor.stopGradient
                firstSize p time (still state) (still slope) |> Tensor.stopGradient

        let extension (y: Tensor) =
            let zero = Tensor.zeros y.Shape
            Tensor.stack 0 [ y; zero; zero; zero; zero ]

        {
            Time = time
            State = state
            Slope = slope
            Size = size
            From = time
            Length = p.Direction
            Extension = Array.map extension state
            Error = Tensor.scalar 1e-4
            Rejected = Tensor.scalar 0.0
        }
