module Hesse.Theory.Tests.Landscape.AssignmentTests

open Xunit
open Hesse
open Hesse.Theory

let rec private permutations (items: int list) =
    match items with
    | [] -> [ [] ]
    | _ ->
        items
        |> List.collect (fun i -> permutations (List.except [ i ] items) |> List.map (fun rest -> i :: rest))

let private total (cost: float[,]) (p: int seq) = p |> Seq.indexed |> Seq.sumBy (fun (i, j) -> cost[i, j])

[<Fact>]
let ``the assignment is the best of all`` () =
    for n in 1..6 do
        let all = permutations [ 0 .. n - 1 ]

        for seed in 1..20 do
            let costs = Random.normal (Random.key (100 * n + seed)) [ n; n ]
            // With rounded costs there are ties.
            for cost in [ costs.toArray2D (); (Tensor.floor (2.0 * costs)).toArray2D() ] do
                let found = Assignment.minimise cost
                Assert.Equal<int[]>([| 0 .. n - 1 |], Array.sort found)
                Assert.Equal(all |> List.map (total cost) |> List.min, total cost found, 1e-12)
                Assert.Equal(all |> List.map (total cost) |> List.max, total cost (Assignment.maximise cost), 1e-12)

[<Fact>]
let ``a large problem has a certificate of optimality`` () =
    // A planted assignment with dual prices: cost = u_i + v_j + slack, slack 0 on the plant alone.
    let n = 150

    let u, v =
        (Random.normal (Random.key 1) [ n ]).toArray(), (Random.normal (Random.key 2) [ n ]).toArray()

    let slack = (Random.uniform (Random.key 3) [ n; n ]).toArray2D()
    let plant = Random.permutation (Random.key 4) n

    let cost =
        Array2D.init n n (fun i j -> u[i] + v[j] + (if plant[i] = j then 0.0 else slack[i, j] + 1e-6))

    Assert.Equal<int[]>(plant, Assignment.minimise cost)

[<Fact>]
let ``no rows need no assignment, and errors say what was wanted`` () =
    Assert.Empty(Assignment.minimise (Array2D.zeroCreate 0 0))
    let fails cost = (Assert.Throws<HesseException>(fun () -> Assignment.minimise cost |> ignore)).Message
    Assert.Contains("2 × 3, wanted a square one", fails (Array2D.zeroCreate 2 3))
    Assert.Contains("row 1, column 0 is NaN", fails (array2D [ [ 0.0; 1.0 ]; [ nan; 2.0 ] ]))
