namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// Two valleys and the ridge between them, L(a, b) = ½ (ab − 1)²: the barrier between two runs is decided where they part.
module internal LinearModeConnectivityToy =
    /// Many points at once, [n; 2]; rows do not feel each other.
    let private losses (points: Tensor) = 0.5 * Tensor.square (points[*, 0] * points[*, 1] - 1.0)

    /// Where gradient flow from (a, b) ends: it keeps a² − b² and the sign of a + b, and ends at ab = 1.
    let private endOfFlow (a: float, b: float) =
        let c = a * a - b * b
        float (sign (a + b)) * sqrt (0.5 * (c + sqrt (c * c + 4.0)))

    /// The barrier half-way between the minima (a, 1/a) and (a′, 1/a′).
    let private barrier (a: float) (a': float) = (a - a') ** 4.0 / (32.0 * a * a * a' * a')

    let record (ctx: Context) (record: Recorder) (key: Key) =
        let keys = Random.split 2 key
        let pairs = if ctx.Quick then 100 else 400
        let trunk = Random.normal keys[0] [ pairs; 2 ]
        let starts = Tensor.concat 0 [ trunk; trunk ] + 0.5 * Random.normal keys[1] [ 2 * pairs; 2 ]

        let observe k _ =
            if k % 256 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

        let ends = GradientFlow.run (losses >> Tensor.sum) 0.005 6000 observe starts
        let first, second = ends[.. pairs - 1, *], ends[pairs.., *]
        let middle = (losses (0.5 * (first + second))).toArray()
        let outer = (0.5 * (losses first + losses second)).toArray()
        let measured = Array.map2 (-) middle outer
        let from = starts.toArray2D ()
        let limit i = endOfFlow (from[i, 0], from[i, 1])
        let predicted = Array.init pairs (fun i -> barrier (limit i) (limit (i + pairs)))
        let deviation = Array.map2 (fun m p -> abs (m - p) / (1.0 + p)) measured predicted |> Array.max

        record.Claim(
            "toy-barrier-from-branching",
            Status.Theorem,
            "Two valleys: the barrier between two runs of gradient flow is a function of the points at which they part.",
            "L = ½(ab − 1)²: B(½) = (a − a′)⁴/(32 a²a′²), a = sign(a₀ + b₀) √((c + √(c² + 4))/2), c = a₀² − b₀² (derived here for a toy of the kind of Singh et al. 2024, last section)",
            Relation.AtMost,
            0.0,
            1e-6,
            deviation,
            $"Largest |measured − predicted|/(1 + predicted) over {pairs} pairs; Runge–Kutta steps of 0.005 to time 30. Error of the integration."
        )

        let opposite, same =
            [| 0 .. pairs - 1 |] |> Array.partition (fun i -> sign (limit i) <> sign (limit (i + pairs)))

        let of' (which: int[]) = which |> Array.map (fun i -> measured[i]) |> Array.sort

        record.Claim(
            "toy-ridge",
            Status.Theorem,
            "Two valleys: runs that part on different sides of the ridge are separated by at least its height, wherever they end.",
            "sign(a₀ + b₀) ≠ sign(a₀′ + b₀′) ⟹ B(½) ≥ L(0, 0) = ½",
            Relation.AtLeast,
            0.5,
            1e-6,
            (of' opposite)[0],
            $"Smallest barrier of the {opposite.Length} pairs that part on different sides; the median of the {same.Length} others is {(of' same)[same.Length / 2]:G2}."
        )
