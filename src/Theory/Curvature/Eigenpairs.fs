namespace Hesse.Theory

open System
open System.Threading
open Hesse
open Hesse.Kernels

/// Eigenpairs of a symmetric operator from its products, each with its certificate.
[<RequireQualifiedAccess>]
module Eigenpairs =
    /// One largest eigenpair to a relative residual of 1e-8 in at most 10,000 products; no search for multiplicities.
    let defaults: EigenOptions = {
        Count = 1
        Part = SpectrumPart.Largest
        Tolerance = 1e-8
        MaxProducts = 10_000
        BasisSize = 0
        Storage = BasisStorage.Memory
        Block = 1
        Multiplicities = false
        Start = [||]
        Key = Random.key 0
        Progress = ignore
        Cancellation = CancellationToken.None
    }

    let private solution (options: EigenOptions) operator rows count others scale products restarts arrange =
        let pairs = EigenCommon.certify operator rows count others
        let scale = pairs |> Array.fold (fun m p -> max m (abs p.Value)) scale

        {
            Pairs = arrange pairs
            Converged = pairs |> Array.forall (fun p -> p.Residual <= options.Tolerance * max scale Double.Epsilon)
            Products = products + count
            SearchProducts = 0
            Restarts = restarts
            Key = options.Key
        }

    /// Of the least wanted pair that was found the distance to what comes next is not known, unless there is nothing more.
    let private withoutLastGap (operator: LinearOperator) (pairs: Eigenpair[]) =
        let last = pairs.Length - 1

        if pairs.Length = operator.Size then
            pairs
        else
            pairs |> Array.mapi (fun i p -> if i = last then { p with Gap = 0.0 } else p)

    /// <summary>Eigenpairs at the ends of the spectrum by thick-restart (block) Lanczos with full re-orthogonalisation.</summary>
    /// <param name="options">How many, which, how exactly, with how much memory; see <c>EigenOptions</c>.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <returns>The pairs with residuals from products of their own; those that did not converge within the products are among them.</returns>
    /// <exception cref="T:Hesse.HesseException">Options out of range, a start vector of the wrong length, a product that is not finite, or an operator that is not symmetric; or a
    /// file for the basis that cannot be made, written or read: the message names the folder and the bytes.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>One product a step, O(M · BasisSize) work, and memory as <c>Storage</c> says. K. Wu and H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue
    /// problems, 2000. An invariant Krylov space is grown by random vectors. Multiplicities: found vectors are locked, and the search starts
    /// again orthogonally to them until it finds nothing that belongs among them.</remarks>
    let compute (options: EigenOptions) (operator: LinearOperator) : EigenSolution =
        let outcome =
            RestartedLanczos.solve {
                Name = "Eigenpairs.compute"
                Size = operator.Size
                Apply = Vectors.products operator
                Options = options
            }

        solution
            options
            operator
            outcome.Rows
            outcome.Count
            outcome.Others
            outcome.Scale
            outcome.Products
            outcome.Restarts
            (EigenCommon.order options.Part)

    /// Sums of vectors, as many as a block has: their Krylov space finds each of them again.
    let private gathered (block: int) (vectors: float[][]) : float[][] =
        let sums = vectors |> Array.truncate block |> Array.map Array.copy

        for i in sums.Length .. vectors.Length - 1 do
            Vectors.addScaled 1.0 vectors[i] sums[i % block]

        sums

    /// <summary>Eigenpairs at the ends of the spectrum, searched with a cheaper operator that is nearly A, such as A in float32, and certified
    /// with A. Where the search was not exact enough, Lanczos goes on with A from what it found.</summary>
    /// <param name="options">As for <c>compute</c>; MaxProducts bounds both kinds of products together.</param>
    /// <param name="search">Ã ≈ A, symmetric, of size M: for a loss, the operator of <c>EmpiricalRisk.toFloat32</c>.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <returns>The pairs. Values and residuals are from products with A, whatever the search did, so the intervals θ ± r hold as for <c>compute</c>;
    /// the gaps are 0, not known, unless Lanczos went on with A. Products are those with A, SearchProducts those with Ã.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>compute</c>, or the operators differ in size.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>Count products with A if ‖(Ã − A) y‖ is below the tolerance (about 1e-6 of the largest eigenvalue in float32). That a found value is the
    /// largest is as probable as the search makes it. Cost otherwise as for <c>compute</c>.</remarks>
    let computeMixed (options: EigenOptions) (search: LinearOperator) (operator: LinearOperator) : EigenSolution =
        if search.Size <> operator.Size then
            Vectors.fail
                $"Eigenpairs.computeMixed: the search operator has size {search.Size} and the operator {operator.Size}; give the same operator in two precisions"

        let found =
            RestartedLanczos.solve {
                Name = "Eigenpairs.computeMixed"
                Size = search.Size
                Apply = Vectors.products search
                Options = options
            }

        let certified =
            let solution =
                solution
                    options
                    operator
                    found.Rows
                    found.Count
                    [||]
                    found.Scale
                    0
                    found.Restarts
                    (EigenCommon.order options.Part)

            {
                solution with
                    SearchProducts = found.Products
                    Pairs = solution.Pairs |> Array.map (fun p -> { p with Gap = 0.0 })
            }

        let spent = certified.Products + found.Products

        if certified.Converged || options.MaxProducts - spent < options.Count then
            certified
        else
            let worst (s: EigenSolution) = Array.max s.Residuals

            let polished =
                compute
                    {
                        options with
                            Start = gathered options.Block certified.Vectors
                            MaxProducts = options.MaxProducts - spent
                            Progress = fun p -> options.Progress { p with Products = spent + p.Products }
                    }
                    operator

            let better =
                if polished.Converged || worst polished < worst certified then
                    polished
                else
                    certified

            {
                better with
                    Products = certified.Products + polished.Products
                    SearchProducts = found.Products
                    Restarts = certified.Restarts + polished.Restarts
            }

    /// <summary>The largest eigenpairs, multiplicities included.</summary>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="key">The stream of the start vectors.</param>
    /// <param name="count">How many, at most M.</param>
    /// <param name="tolerance">Relative residual.</param>
    /// <returns>The pairs, largest first.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>compute</c>.</exception>
    let largest (operator: LinearOperator) (key: Key) (count: int) (tolerance: float) : EigenSolution =
        compute
            {
                defaults with
                    Count = count
                    Tolerance = tolerance
                    Key = key
                    Multiplicities = true
            }
            operator

    /// <summary>Eigenpairs in the interior of the spectrum, those nearest to a shift σ, by Lanczos on (A − σ)⁻¹.</summary>
    /// <param name="options">As for <c>compute</c>; the part of the spectrum is not looked at, MaxProducts counts the solves, and the tolerance is relative to the larger of |σ| and the values found.</param>
    /// <param name="shift">σ, not an eigenvalue.</param>
    /// <param name="solve">b ↦ (A − σ)⁻¹ b on vectors of length M: <c>Eigenpairs.denseSolve</c>, or MINRES to about the tolerance.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <returns>The pairs, nearest to the shift first. Residuals are those of A itself, whatever the error of the solves.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>compute</c>; or the shift is not finite.</exception>
    /// <remarks>T. Ericsson and A. Ruhe, The spectral transformation Lanczos method, 1980.</remarks>
    let nearest (options: EigenOptions) (shift: float) (solve: float[] -> float[]) (operator: LinearOperator) =
        if not (Double.IsFinite shift) then
            Vectors.fail $"Eigenpairs.nearest: the shift is {shift}; wanted a finite number"

        let size = operator.Size

        let inverse (rows: float[]) count =
            let result = Array.init count (fun i -> solve (Vectors.row size rows i)) |> Array.concat

            if not (Array.forall Double.IsFinite result) then
                Vectors.fail
                    $"Eigenpairs.nearest: a solution of (A − {shift}) x = b is not finite; the shift may be an eigenvalue: move it a little"

            result

        let outcome =
            RestartedLanczos.solve {
                Name = "Eigenpairs.nearest"
                Size = size
                Apply = inverse
                Options = {
                    options with
                        Part = SpectrumPart.LargestMagnitude
                        Tolerance = max 1e-14 (min 1e-10 (1e-3 * options.Tolerance))
                }
            }

        // A value ν ± r of the inverse is one of A at σ + 1/ν; one that may be zero is at least 1/(|ν| + r) away, on either side.
        let others =
            outcome.Others
            |> Array.collect (fun (value, radius) ->
                if abs value > radius then
                    let near, far = 1.0 / (abs value + radius), 1.0 / (abs value - radius)
                    [| shift + float (sign value) * 0.5 * (near + far), 0.5 * (far - near) |]
                else
                    let distance = 1.0 / (abs value + radius)
                    [| shift + distance, 0.0; shift - distance, 0.0 |])

        let found =
            solution
                options
                operator
                outcome.Rows
                outcome.Count
                others
                (abs shift)
                0
                outcome.Restarts
                (Array.sortBy (fun p -> abs (p.Value - shift)))

        found

    /// <summary>Solutions of (A − σ) x = b by the dense inverse, for small operators.</summary>
    /// <param name="operator">A, of size M at most 2000.</param>
    /// <param name="shift">σ, not an eigenvalue.</param>
    /// <returns>b ↦ (A − σ)⁻¹ b; made once from M products and O(M³) work.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large, or A − σ is singular.</exception>
    let denseSolve (operator: LinearOperator) (shift: float) : float[] -> float[] =
        let size = operator.Size

        if size > 2000 then
            Vectors.fail
                $"Eigenpairs.denseSolve: an operator of size {size}, wanted at most 2000; use an iterative solver such as MINRES"

        let shifted = LinearOperator.toDense 64 operator

        for i in 0 .. size - 1 do
            shifted[i * size + i] <- shifted[i * size + i] - shift

        let identity = Array.init (size * size) (fun q -> if q / size = q % size then 1.0 else 0.0)
        let inverse = LinearAlgebra.Solve(shifted, size, identity, size)
        fun b -> Vectors.gram size inverse 0 size b 0 1

    /// <summary>Eigenpairs at one end of the spectrum by LOBPCG, from a block of start vectors that may be close already.</summary>
    /// <param name="options">As for <c>compute</c>, with the part Largest or Smallest; all vectors of Start are used, up to Count; BasisSize, Storage and Multiplicities are not looked at.</param>
    /// <param name="precondition">r ↦ T r with T ≈ (A − θ)⁻¹ up to a factor, symmetric and definite; or None.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <returns>The pairs with residuals from products of their own.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>compute</c>; or another part of the spectrum was asked for.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>A. V. Knyazev, Toward the optimal preconditioned eigensolver, 2001; the basis [X, P, W] is kept orthonormal as in U. Hetmaniuk and
    /// R. Lehoucq, Basis selection in LOBPCG, 2006. Converged vectors are locked softly: they take part, without new products. Memory: 6 blocks.</remarks>
    let lobpcg
        (options: EigenOptions)
        (precondition: (float[] -> float[]) option)
        (operator: LinearOperator)
        : EigenSolution =
        EigenCommon.check "Eigenpairs.lobpcg" options operator.Size
        let rows, seen, products, iterations = Lobpcg.solve options precondition operator
        let block = rows.Length / operator.Size

        let all =
            EigenCommon.certify operator rows block [||]
            |> EigenCommon.order options.Part
            |> withoutLastGap operator

        let pairs = all |> Array.truncate options.Count
        let scale = all |> Array.fold (fun m p -> max m (abs p.Value)) (max seen Double.Epsilon)

        {
            Pairs = pairs
            Converged = pairs |> Array.forall (fun p -> p.Residual <= options.Tolerance * scale)
            Products = products + block
            SearchProducts = 0
            Restarts = iterations
            Key = options.Key
        }

    /// <summary>Eigenpairs of largest magnitude by power iteration with deflation: the plain method, for comparison.</summary>
    /// <param name="options">As for <c>compute</c>; the part of the spectrum must be LargestMagnitude. MaxProducts is for all pairs together.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <returns>The pairs with residuals from products of their own. It does not converge where λ and −λ are both eigenvalues of largest magnitude.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>compute</c>; or another part of the spectrum was asked for.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>Converges like |λ₂/λ₁|ᵏ, where Lanczos is exponential in the root of the relative gap.</remarks>
    let power (options: EigenOptions) (operator: LinearOperator) : EigenSolution =
        EigenCommon.check "Eigenpairs.power" options operator.Size

        if options.Part <> SpectrumPart.LargestMagnitude then
            Vectors.fail
                $"Eigenpairs.power: {options.Part} was asked for, and power iteration finds LargestMagnitude; use that, or Eigenpairs.compute"

        let size = operator.Size
        let rows = Array.zeroCreate<float>(options.Count * size)
        let mutable products = 0
        let mutable scale = 0.0

        for i in 0 .. options.Count - 1 do
            let start =
                if i < options.Start.Length then
                    options.Start[i]
                else
                    Vectors.gaussian (Random.fold i options.Key) size

            let v = Array.copy start
            let mutable going = true

            while going do
                options.Cancellation.ThrowIfCancellationRequested()
                let left = Vectors.orthogonalise size rows i v 0 (Array.zeroCreate i)

                if left = 0.0 then
                    Array.blit (Vectors.gaussian (Random.fold (options.Count + i) options.Key) size) 0 v 0 size
                    Vectors.orthogonalise size rows i v 0 (Array.zeroCreate i) |> ignore

                Vectors.scaleRow size v 0 (1.0 / Vectors.norm v)
                let image = Vectors.products operator v 1
                products <- products + 1
                let value = Vectors.dot v image
                let rest = Array.copy image
                Vectors.addScaled -value v rest
                scale <- max scale (abs value)
                let residual = Vectors.norm rest / max scale Double.Epsilon
                options.Progress { Products = products; Converged = i; Residual = residual }
                going <- residual > 0.5 * options.Tolerance && products < options.MaxProducts

                if going then
                    Array.blit image 0 v 0 size

            Array.blit v 0 rows (i * size) size

        let found =
            solution options operator rows options.Count [||] scale products products (EigenCommon.order options.Part)

        let last = Array.last found.Pairs
        // What was not found may be anywhere up to the last magnitude, on either side.
        let limited (p: Eigenpair) = {
            p with
                Gap = min p.Gap (max 0.0 (abs p.Value - abs last.Value - last.Residual))
        }

        {
            found with
                Pairs = found.Pairs |> Array.map limited |> withoutLastGap operator
        }
