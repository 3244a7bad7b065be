namespace Hesse.Theory

open System
open System.Threading
open Hesse
open Hesse.Kernels

/// Which eigenvalues are wanted.
[<RequireQualifiedAccess>]
type SpectrumPart =
    /// The largest, with their sign.
    | Largest
    /// The smallest, with their sign: the most negative ones.
    | Smallest
    /// Half from each end, the larger half from the top.
    | BothEnds
    /// The largest in absolute value.
    | LargestMagnitude

/// How far an eigensolver has got.
type EigenProgress = {
    /// Products with the operator so far.
    Products: int
    /// How many of the wanted pairs have converged.
    Converged: int
    /// The largest relative residual among the wanted pairs.
    Residual: float
}

/// What an eigensolver is to find, and at what cost. Start from `Eigenpairs.defaults`.
type EigenOptions = {
    /// Number of eigenpairs.
    Count: int
    /// Which ones.
    Part: SpectrumPart
    /// A pair has converged when ‖Ay − θy‖ is at most this times the largest |θ| seen.
    Tolerance: float
    /// Most products of the iteration (the final residuals take Count more); pairs that have not converged by then come back with the residual they have.
    MaxProducts: int
    /// Vectors of length M that the Krylov basis may hold. 0 chooses max(2 · Count + 2 · Block, 20) + 4.
    BasisSize: int
    /// Where the Krylov basis is kept: in memory, or in a file of which only a part is in memory. Vectors of the block, and the eigenvectors at the end, are in memory in any case.
    Storage: BasisStorage
    /// Vectors in a block; b of them find multiplicities up to b at once, and share a batched product.
    Block: int
    /// Whether to look again, orthogonally to what was found, for further copies of multiple eigenvalues, until there is none.
    Multiplicities: bool
    /// Start vectors of length M (at most as many as a block has are used; for LOBPCG, Count); random ones where they are missing.
    Start: float[][]
    /// The stream of random vectors.
    Key: Key
    /// Called after every block of products.
    Progress: EigenProgress -> unit
    /// Looked at after every block of products.
    Cancellation: CancellationToken
}

/// Eigenpairs with their certificates, best first in the order that was asked for (both ends: descending).
type EigenSolution = {
    /// The pairs; their vectors are orthonormal.
    Pairs: Eigenpair[]
    /// Whether every residual is within the tolerance.
    Converged: bool
    /// Products with the operator, those of the final residuals included. Shift-invert counts the products with A alone.
    Products: int
    /// Products with the cheaper operator of a search that ends with products with the operator itself (<c>Eigenpairs.computeMixed</c>); 0 for other
    /// solvers. No residual rests on them.
    SearchProducts: int
    /// How many times the basis was cut back (or, for LOBPCG and power iteration, the number of iterations).
    Restarts: int
    /// The key of the random vectors.
    Key: Key
} with

    /// The values of the pairs.
    member s.Values = s.Pairs |> Array.map _.Value

    /// The vectors of the pairs.
    member s.Vectors = s.Pairs |> Array.map _.Vector

    /// The residual norms of the pairs.
    member s.Residuals = s.Pairs |> Array.map _.Residual

/// What the eigensolvers share: checks, order, and the certificates of the result.
module internal EigenCommon =
    /// An end of the spectrum: larger keys are wanted first, so many of them.
    let ends (part: SpectrumPart) (count: int) : ((float -> float) * int) list =
        match part with
        | SpectrumPart.Largest -> [ id, count ]
        | SpectrumPart.Smallest -> [ (~-), count ]
        | SpectrumPart.LargestMagnitude -> [ abs, count ]
        | SpectrumPart.BothEnds -> [ id, (count + 1) / 2; (~-), count / 2 ]

    /// Places of the wanted ones among values, each place once, end by end; with the end of each.
    let select (part: SpectrumPart) (count: int) (values: float[]) : (int * int)[] =
        let taken = Array.zeroCreate<bool> values.Length

        [|
            for e, (key, wanted) in List.indexed (ends part count) do
                let order = [| 0 .. values.Length - 1 |] |> Array.sortBy (fun i -> -(key values[i]))

                for i in order |> Array.filter (fun i -> not taken[i]) |> Array.truncate wanted do
                    taken[i] <- true
                    i, e
        |]

    let check name (options: EigenOptions) (size: int) =
        if size < 1 then
            Vectors.fail $"{name}: an operator of size {size}, wanted at least 1"

        if options.Count < 1 || options.Count > size then
            Vectors.fail $"{name}: {options.Count} eigenpairs of an operator of size {size}; ask for 1 to {size}"

        if options.MaxProducts < options.Count then
            Vectors.fail
                $"{name}: at most {options.MaxProducts} products for {options.Count} eigenpairs; allow at least one for each, and some dozens to converge"

        if not (options.Tolerance > 0.0) || options.MaxProducts < 1 || options.Block < 1 then
            Vectors.fail
                $"{name}: tolerance {options.Tolerance}, {options.MaxProducts} products, blocks of {options.Block}; want a tolerance above 0, at least one product and blocks of at least one vector"

        for v in options.Start do
            let length = Vectors.norm v

            if v.Length <> size || not (Double.IsFinite length) then
                Vectors.fail
                    $"{name}: a start vector of length {v.Length} and norm {length}; wanted length {size} and finite numbers"

    /// Pairs from orthonormal rows that span (nearly) an invariant space: Rayleigh–Ritz, then residuals from the products themselves.
    /// `others` are further values with the radius of their intervals, from which gaps are taken.
    let certify (operator: LinearOperator) (rows: float[]) count (others: (float * float)[]) : Eigenpair[] =
        let size = operator.Size
        let images = Vectors.products operator rows count
        let projected = Vectors.gram size rows 0 count images 0 count

        let symmetric =
            Array.init (count * count) (fun q -> 0.5 * (projected[q] + projected[q % count * count + q / count]))

        let struct (_, weights) = LinearAlgebra.SymmetricEigen(symmetric, count, true)
        let vectors = Vectors.combine size rows 0 count weights count
        let images = Vectors.combine size images 0 count weights count

        let found =
            Array.init count (fun j ->
                let y = Vectors.row size vectors j
                let y = Vectors.scaled (1.0 / Vectors.norm y) y
                let image = Vectors.row size images j
                let value = Vectors.dot y image
                Vectors.addScaled -value y image
                value, y, Vectors.norm image)

        found
        |> Array.mapi (fun j (value, y, residual) ->
            let distance (other, radius) = abs (other - value) - radius

            let gap =
                Array.append
                    (found
                     |> Array.indexed
                     |> Array.filter (fun (i, _) -> i <> j)
                     |> Array.map (fun (_, (v, _, r)) -> v, r))
                    others
                |> Array.fold (fun gap other -> min gap (distance other)) Double.PositiveInfinity

            { Value = value; Vector = y; Residual = residual; Gap = max 0.0 gap })

    /// The pairs in the order of their part of the spectrum.
    let order (part: SpectrumPart) (pairs: Eigenpair[]) =
        match part with
        | SpectrumPart.Largest
        | SpectrumPart.BothEnds -> pairs |> Array.sortByDescending _.Value
        | SpectrumPart.Smallest -> pairs |> Array.sortBy _.Value
        | SpectrumPart.LargestMagnitude -> pairs |> Array.sortByDescending (fun p -> abs p.Value)
