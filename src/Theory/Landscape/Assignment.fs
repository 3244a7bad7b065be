namespace Hesse.Theory

open System
open Hesse

/// The linear assignment problem, solved exactly.
[<RequireQualifiedAccess>]
module Assignment =
    /// <summary>The assignment of least cost: π that minimises Σᵢ cost[i, π(i)].</summary>
    /// <param name="cost">Square, finite.</param>
    /// <returns>π: the column of each row.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrix is not square or has an entry that is not finite.</exception>
    /// <remarks>O(n³): shortest augmenting paths with dual prices (Kuhn 1955; Jonker and Volgenant 1987).</remarks>
    let minimise (cost: float[,]) : int[] =
        let n = Array2D.length1 cost

        if Array2D.length2 cost <> n then
            raise (
                HesseException
                    $"Assignment: a cost matrix of {n} × {Array2D.length2 cost}, wanted a square one; fill it up with zeros"
            )

        for i in 0 .. n - 1 do
            for j in 0 .. n - 1 do
                if not (Double.IsFinite cost[i, j]) then
                    raise (
                        HesseException
                            $"Assignment: the cost of row {i}, column {j} is {cost[i, j]}, wanted finite numbers"
                    )

        let rowPrice, columnPrice = Array.zeroCreate<float> n, Array.zeroCreate<float> n
        // The row of each column, −1 for a free one.
        let rowOf = Array.create n -1

        for start in 0 .. n - 1 do
            // Dijkstra over columns with reduced costs, from row `start` to the nearest free column.
            let distance = Array.create n Double.PositiveInfinity
            let previous = Array.create n -1
            let visited = Array.zeroCreate<bool> n
            let mutable row, column, reached = start, -1, 0.0
            let mutable searching = true

            while searching do
                let mutable nearest, nearestDistance = -1, Double.PositiveInfinity

                for j in 0 .. n - 1 do
                    if not visited[j] then
                        let through = reached + cost[row, j] - rowPrice[row] - columnPrice[j]

                        if through < distance[j] then
                            distance[j] <- through
                            previous[j] <- column

                        if distance[j] < nearestDistance then
                            nearest <- j
                            nearestDistance <- distance[j]

                column <- nearest
                reached <- nearestDistance
                visited[column] <- true

                if rowOf[column] < 0 then searching <- false else row <- rowOf[column]

            rowPrice[start] <- rowPrice[start] + reached

            for j in 0 .. n - 1 do
                if visited[j] && j <> column then
                    let slack = reached - distance[j]
                    columnPrice[j] <- columnPrice[j] - slack
                    rowPrice[rowOf[j]] <- rowPrice[rowOf[j]] + slack

            while column >= 0 do
                let before = previous[column]
                rowOf[column] <- if before < 0 then start else rowOf[before]
                column <- before

        let result = Array.zeroCreate n
        rowOf |> Array.iteri (fun j i -> result[i] <- j)
        result

    /// <summary>The assignment of largest gain: π that maximises Σᵢ gain[i, π(i)].</summary>
    /// <param name="gain">Square, finite.</param>
    /// <returns>π: the column of each row.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrix is not square or has an entry that is not finite.</exception>
    let maximise (gain: float[,]) : int[] = minimise (Array2D.map (fun x -> -x) gain)
