namespace Hesse.Theory

open Hesse

/// KFAC with corrected eigenvalues: the second moments of the gradients themselves along the eigenvectors of the factors, which are the best
/// eigenvalues for these eigenvectors in the Frobenius norm (George, Laurent, Bouthillier, Ballas, Vincent 2018, proposition 1).
[<RequireQualifiedAccess>]
module Ekfac =
    /// <summary>The approximation at a point, in two passes over the data.</summary>
    /// <param name="options">What goes into the factors.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>The trace, and every eigenvalue as a Rayleigh quotient, are those of the curvature's own blocks.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `Kfac.factors`.</exception>
    /// <remarks>For products at several places the second pass holds the gradients of a chunk for each output.</remarks>
    let curvature (options: KfacOptions) (risk: EmpiricalRisk<'P>) (point: 'P) : BlockCurvature =
        let operation = "Ekfac.curvature"
        let kfac = Kfac.factors options risk point

        let pass = {
            ExamplePass.create operation options.Outputs options.JoinBiases risk point with
                Groups = [||]
        }

        let bases = kfac.Factors |> Array.map (fun f -> snd (Linalg.eigh f.A), snd (Linalg.eigh f.G))

        let moments =
            ExamplePass.mean operation pass (fun bases parts ->
                bases |> Array.mapi (fun k basis -> ExamplePass.productSquares (Some basis) parts k))

        let scale = Examples.rowsPerMean risk
        let moments = moments point bases |> Array.map (fun m -> scale * m)

        {
            Size = kfac.Size
            Blocks =
                Array.append
                    (Array.map3
                        (fun f (left, right) values -> Kfac.kroneckerBlock f left right values)
                        kfac.Factors
                        bases
                        moments)
                    kfac.Others
        }
