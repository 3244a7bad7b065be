module Hesse.Theory.Tests.Landscape.IntrinsicDimensionTests

open Xunit
open Hesse
open Hesse.Theory

let private kinds = [ SubspaceKind.Orthonormal; SubspaceKind.Gaussian; SubspaceKind.Fastfood ]

/// P as a matrix [M; d].
let private matrix (s: Subspace<Tensor>) = Diff.jacobian s.Expand (Tensor.zeros [ s.Dimension ])

[<Fact>]
let ``a subspace begins at its origin and is linear`` () =
    let origin = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]
    let flat (w: 'P) = fst (Tree.ravel w)

    for kind in kinds do
        let s = IntrinsicDimension.subspace kind (Random.key 2) 5 origin
        Assert.Equal<float[]>((flat origin).toArray(), (flat (s.Expand(Tensor.zeros [ 5 ]))).toArray())
        let u, v = Random.normal (Random.key 3) [ 5 ], Random.normal (Random.key 4) [ 5 ]
        let at t = flat (s.Expand t) - flat origin
        let gap = at (2.0 * u - v) - (2.0 * at u - at v)
        Assert.True((Tensor.max (Tensor.abs gap)).item() < 1e-12)
        Assert.Equal(5, int ((Linalg.matrixRank (Diff.jacobian (fun t -> flat (s.Expand t)) u)).item()))

[<Fact>]
let ``directions have length one, exactly or on average`` () =
    for d in [ 5; 13 ] do
        let p =
            matrix (IntrinsicDimension.subspace SubspaceKind.Orthonormal (Random.key 2) d (Tensor.zeros [ 13 ]))

        let gap = Tensor.matmul (Tensor.transpose p) p - Tensor.eye d
        Assert.True((Tensor.max (Tensor.abs gap)).item() < 1e-13)

    for kind in [ SubspaceKind.Gaussian; SubspaceKind.Fastfood ] do
        let lengths =
            Array.init 300 (fun i ->
                let p = matrix (IntrinsicDimension.subspace kind (Random.key i) 5 (Tensor.zeros [ 13 ]))
                (Tensor.sum (p * p)).item() / 5.0)

        let mean = Array.average lengths
        let error = sqrt ((lengths |> Array.averageBy (fun l -> (l - mean) ** 2.0)) / 300.0)
        Assert.InRange(mean, 1.0 - 4.0 * error, 1.0 + 4.0 * error)

/// Ten blocks of ten parameters; the loss asks the sum of block i to be i + 1 (Li et al. 2018, section 2).
let private sums =
    Tensor.create [ 10; 100 ] (Array.init 1000 (fun q -> if q % 100 / 10 = q / 100 then 1.0 else 0.0))

let private goal = Tensor.ofArray [| 1.0 .. 10.0 |]
let private toy (data: Tensor) (w: Tensor) = Tensor.mean data * Tensor.sum (Tensor.square (Tensor.matmul sums w - goal))

/// The least loss in a subspace through 0, by least squares, over the loss at 0.
let private least (s: Subspace<Tensor>) =
    let a = Tensor.matmul sums (matrix s)
    let residual = goal - Tensor.matmul a (Tensor.matmul (Linalg.pinv a) goal)
    ((Tensor.sum (residual * residual)) / Tensor.sum (goal * goal)).item()

[<Fact>]
let ``the least loss in a random subspace is 1 - d/10 of that at its origin, on average`` () =
    for kind in [ SubspaceKind.Orthonormal; SubspaceKind.Gaussian ] do
        for d in [ 2; 5; 9 ] do
            let values =
                Array.init 60 (fun i ->
                    least (IntrinsicDimension.subspace kind (Random.key (i + 10 * d)) d (Tensor.zeros [ 100 ])))

            let mean = Array.average values
            let error = sqrt ((values |> Array.averageBy (fun v -> (v - mean) ** 2.0)) / 60.0)
            let expected = 1.0 - float d / 10.0
            Assert.InRange(mean, expected - 4.0 * error, expected + 4.0 * error)

[<Fact>]
let ``the search finds the number of constraints`` () =
    for kind in kinds do
        let performance d = -(least (IntrinsicDimension.subspace kind (Random.key d) d (Tensor.zeros [ 100 ])))
        let found = IntrinsicDimension.search -1e-12 60 performance
        Assert.Equal(Some 10, found.Dimension)
        Assert.Equal(60, fst found.Trials.Head)
        Assert.All(found.Trials, fun (d, value) -> Assert.Equal(d >= 10, value >= -1e-12))

[<Fact>]
let ``training in a subspace reaches its least loss`` () =
    for kind in kinds do
        for d in [ 4; 40 ] do
            let s = IntrinsicDimension.subspace kind (Random.key 7) d (Tensor.zeros [ 100 ])
            let options = { TrainingOptions.GradientDescent 0.03 with Optimizer = Optimizer.momentum 0.9 }
            let w = IntrinsicDimension.fit options toy (Tensor.ones [ 3 ]) 600 s
            let relative = (toy (Tensor.ones [ 3 ]) w).item() / (Tensor.sum (goal * goal)).item()
            Assert.Equal(least s, relative, 1e-6)

[<Fact>]
let ``a goal that is not reached has no dimension, and errors say what was wanted`` () =
    let found = IntrinsicDimension.search 1.0 8 (fun _ -> 0.5)
    Assert.Equal(None, found.Dimension)
    Assert.Equal<(int * float) list>([ 8, 0.5 ], found.Trials)
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "14 dimensions for 13 parameters",
        fails (fun () -> IntrinsicDimension.subspace SubspaceKind.Gaussian (Random.key 1) 14 (Tensor.zeros [ 13 ]))
    )

    Assert.Contains("at most 0 dimensions", fails (fun () -> IntrinsicDimension.search 1.0 0 float))

[<Fact>]
let ``the quadratic law has the mean and deviation of the squared distance from a random subspace`` () =
    // Distance of e₁ in R⁴ from a random subspace of two dimensions, 4000 draws.
    let mean, deviation = IntrinsicDimension.quadraticLaw 4 2
    Assert.Equal(0.5, mean, 14)
    let draws = 4000

    let left =
        Array.init draws (fun i ->
            let basis = Random.orthogonal (Random.fold i (Random.key 6)) 4 2
            let first = basis[0].toArray()
            1.0 - first[0] * first[0] - first[1] * first[1])

    let average = Array.average left
    let variance = left |> Array.averageBy (fun v -> (v - average) ** 2.0)
    Assert.InRange(abs (average - mean) / (deviation / sqrt (float draws)), 0.0, 4.0)
    Assert.Equal(deviation, sqrt variance, 0.01)
    Assert.Equal((0.0, 0.0), IntrinsicDimension.quadraticLaw 4 4)
    Assert.Equal((0.0, 0.0), IntrinsicDimension.quadraticLaw 4 9)

[<Fact>]
let ``the first crossing is interpolated in the logarithm of the dimension`` () =
    let dimensions, scores = [| 2; 8; 32 |], [| 0.2; 0.6; 0.9 |]
    Assert.Equal(4.0, (IntrinsicDimension.firstReached 0.4 dimensions scores).Value, 12)
    Assert.Equal(8.0, (IntrinsicDimension.firstReached 0.6 dimensions scores).Value, 12)
    Assert.Equal(Some 2.0, IntrinsicDimension.firstReached 0.1 dimensions scores)
    Assert.Equal(None, IntrinsicDimension.firstReached 0.95 dimensions scores)

[<Fact>]
let ``dimensions without scores, or not ascending, are refused by name`` () =
    let message dimensions scores =
        (Assert.Throws<HesseException>(fun () -> IntrinsicDimension.firstReached 0.5 dimensions scores |> ignore))
            .Message

    Assert.Contains("IntrinsicDimension.firstReached: 2 dimensions and 1 scores", message [| 1; 2 |] [| 0.1 |])
    Assert.Contains("ascending", message [| 2; 1 |] [| 0.1; 0.2 |])
