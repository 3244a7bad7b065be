namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// Coordinates of activations that do not see linear degeneracies.
module internal DegeneracyBasis =
    /// Two networks 2-3-3-1 with inputs of their own, seen as one network 4-6-6-2, with the activations of both hidden layers
    /// multiplied by regular matrices that the next layer undoes.
    type private Modules = {
        First: Tensor
        Second: Tensor
        Readout: Tensor
        Mixing: Tensor[]
        Inputs: Tensor
    } with

        member m.Hidden1(x: Tensor) = Tensor.matmul m.Mixing[0] (Tensor.tanh (Tensor.matmul m.First x))

        member m.Hidden2(h: Tensor) =
            Tensor.matmul m.Mixing[1] (Tensor.tanh (Tensor.matmul m.Second (Linalg.solve m.Mixing[0] h)))

        member m.Output(h: Tensor) = Tensor.matmul m.Readout (Linalg.solve m.Mixing[1] h)

    let private blocks key rows columns =
        let keys = Random.split 2 key
        let block k = Random.normal k [ rows; columns ]
        let zero = Tensor.zeros [ rows; columns ]
        Tensor.concat 0 [ Tensor.concat 1 [ block keys[0]; zero ]; Tensor.concat 1 [ zero; block keys[1] ] ]

    /// The inputs are all pairs of 12 inputs of one module and 12 of the other, so that the modules are independent exactly.
    let private modules (key: Key) : Modules =
        let keys = Random.split 6 key
        let part k = (1.5 * Random.normal k [ 12; 2 ])
        let a, b = part keys[4], part keys[5]

        {
            First = blocks keys[0] 3 2
            Second = blocks keys[1] 3 3
            Readout = blocks keys[2] 1 3
            Mixing = Array.init 2 (fun l -> Random.normal (Random.fold l keys[3]) [ 6; 6 ])
            Inputs =
                Tensor.stack 0 [
                    for i in 0..11 do
                        for j in 0..11 -> Tensor.concat 0 [ a[i]; b[j] ]
                ]
        }

    let private basesOf (m: Modules) =
        let h1 = Diff.vmap m.Hidden1 m.Inputs
        let h2 = Diff.vmap m.Hidden2 h1
        let second = InteractionBasis.ofLayer 1e-10 h2 m.Output
        let first = InteractionBasis.ofLayer 1e-10 h1 (fun h -> second.Apply(m.Hidden2 h))
        [| first, h1; second, h2 |]

    /// Share of each function's squared weights that lies in one module, on average, in the unmixed activations.
    let private purity (mixing: Tensor) (rows: Tensor) =
        let weights = Tensor.square (Tensor.matmul rows mixing)
        let one, all = Tensor.sumAxis 1 weights[*, ..2], Tensor.sumAxis 1 weights
        let share = one / all
        (Tensor.mean (Tensor.maximum share (1.0 - share))).item()

    let private values (b: InteractionBasis, h: Tensor) = Diff.vmap b.Apply h

    let basis (ctx: Context) (record: Recorder) (draws: int) (key: Key) =
        let rows =
            Array.init draws (fun i ->
                ctx.Cancellation.ThrowIfCancellationRequested()
                let m = modules (Random.fold i key)
                let mixed = basesOf m
                let plain = basesOf { m with Mixing = Array.create 2 (Tensor.eye 6) }

                let pure' = Array.init 2 (fun l -> purity m.Mixing[l] (fst mixed[l]).Transform) |> Array.average

                let principal =
                    Array.init 2 (fun l ->
                        let centred = snd mixed[l] - Tensor.meanAxis 0 (snd mixed[l])
                        let _, vectors = Linalg.eigh (Tensor.matmul (Tensor.transpose centred) centred)
                        purity m.Mixing[l] (Tensor.transpose vectors))
                    |> Array.average

                // Basis functions are the same up to their signs.
                let difference =
                    Array.map2
                        (fun a b ->
                            let a, b = Tensor.abs (values a), Tensor.abs (values b)

                            if a.Shape <> b.Shape then
                                infinity
                            else
                                (Tensor.max (Tensor.abs (a - b)) / Tensor.max a).item())
                        mixed
                        plain
                    |> Array.max

                let kept = mixed |> Array.map (fun (b, _) -> b.Importance.Length)
                pure', principal, difference, kept, m)

        let mean f = rows |> Array.averageBy f

        record.Claim(
            "basis-finds-modules",
            Status.Prediction,
            "The interaction basis separates two modules whose activations were mixed at random.",
            "share of each function's weight in one module → 1 (Bushnaq et al. 2024)",
            Relation.AtLeast,
            0.95,
            0.0,
            mean (fun (p, _, _, _, _) -> p),
            $"Mean over both hidden layers of {draws} networks 4-6-6-2 of two independent modules, activations of each layer multiplied by a Gaussian matrix. Principal components of the same activations: {mean (fun (_, p, _, _, _) -> p):F3}."
        )

        record.Claim(
            "basis-is-invariant",
            Status.Theorem,
            "The basis functions do not change when activations are transformed by a matrix that the next layer undoes.",
            "f̂ is invariant under f → R f, W → W R⁻¹ (Bushnaq et al. 2024)",
            Relation.AtMost,
            0.0,
            1e-5,
            rows |> Array.map (fun (_, _, d, _, _) -> d) |> Array.max,
            $"Largest difference of |f̂| on all inputs with and without the mixing, over the largest value, {draws} networks; the tolerance is for mixing matrices of large condition and for close eigenvalues."
        )

        record.Claim(
            "basis-drops-unread-directions",
            Status.Theorem,
            "Directions that the next layer does not read are left out.",
            "functions of the second hidden layer = rank of the readout = 2",
            Relation.Absolute,
            2.0,
            0.0,
            rows |> Array.averageBy (fun (_, _, _, kept, _) -> float kept[1]),
            $"Mean number of functions in the second hidden layer, six activations of which two combinations reach the outputs; the first hidden layer keeps {rows |> Array.averageBy (fun (_, _, _, kept, _) -> float kept[0]):F1} of 6."
        )

        // Weight of each original activation in each basis function, in absolute value.
        let _, _, _, _, m = rows[0]
        let first = fst (Array.head (basesOf m))
        let weights = Tensor.abs (Tensor.matmul first.Transform m.Mixing[0])

        ctx.Draw {
            Title = "Basis functions of two mixed modules"
            Caption =
                "First hidden layer of one network: absolute weights of the six activations in each basis function; 1 to 3 belong to one module, 4 to 6 to the other."
            XLabel = "activation"
            YLabel = "weight, largest is one"
            LogX = false
            LogY = false
            Series = [
                for r in 0 .. weights.Shape[0] - 1 ->
                    let row = weights[r].toArray()

                    {
                        Name = $"function {r + 1}"
                        Mark = Mark.Lines
                        X = Array.init row.Length (fun i -> float (i + 1))
                        Y = row |> Array.map (fun v -> v / Array.max row)
                    }
            ]
        }
