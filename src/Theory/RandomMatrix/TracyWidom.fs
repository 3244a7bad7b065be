namespace Hesse.Theory

open System
open Hesse
open MathNet.Numerics
open MathNet.Numerics.Integration
open MathNet.Numerics.LinearAlgebra.Double

/// Tracy and Widom's laws of the largest eigenvalue, as Fredholm determinants by Gauss–Legendre quadrature (F. Bornemann, On the numerical
/// evaluation of Fredholm determinants, 2010): about 14 digits.
[<RequireQualifiedAccess>]
module TracyWidom =
    let private airy (x: float) = if x > 60.0 then 0.0 else SpecialFunctions.AiryAi x
    let private airyPrime (x: float) = if x > 60.0 then 0.0 else SpecialFunctions.AiryAiPrime x

    /// det(I − K) on (s, 16), where the kernels are below rounding.
    let private determinant (s: float) (kernel: float[] -> int -> int -> float) =
        if s >= 16.0 then
            1.0
        else
            let rule = GaussLegendreRule(s, 16.0, (if s > -4.0 then 50 else 90))
            let x, w = rule.Abscissas, rule.Weights
            let k = kernel x

            DenseMatrix
                .Create(x.Length, x.Length, fun i j -> (if i = j then 1.0 else 0.0) - sqrt (w[i] * w[j]) * k i j)
                .Determinant()

    let private check name s =
        if Double.IsNaN s then
            Vectors.fail
                $"{name}: s is NaN; wanted a number, the eigenvalue's distance from the centre in units of its scale"

    /// <summary>F₁(s), for real symmetric matrices: det(I − V) with V(x, y) = ½ Ai((x + y)/2) on (s, ∞).</summary>
    /// <param name="s">(λ − centre)/scale, as from <c>MarchenkoPastur.edge</c> or <c>Semicircle.edge</c>.</param>
    /// <returns>The probability of a smaller largest eigenvalue; 0 below −10, where it is under 1e-19.</returns>
    /// <exception cref="T:Hesse.HesseException">s is NaN.</exception>
    /// <remarks>P. Ferrari and H. Spohn, A determinantal formula for the GOE Tracy–Widom distribution, 2005.</remarks>
    let real (s: float) : float =
        check "TracyWidom.real" s

        if s < -10.0 then
            0.0
        else
            determinant s (fun x i j -> 0.5 * airy (0.5 * (x[i] + x[j]))) |> max 0.0 |> min 1.0

    /// <summary>F₂(s), for complex Hermitian matrices: det(I − K) with the Airy kernel on (s, ∞).</summary>
    /// <param name="s">(λ − centre)/scale.</param>
    /// <returns>The probability of a smaller largest eigenvalue; 0 below −8, where it is under 1e-19.</returns>
    /// <exception cref="T:Hesse.HesseException">s is NaN.</exception>
    /// <remarks>C. Tracy and H. Widom, Level-spacing distributions and the Airy kernel, 1994.</remarks>
    let complex (s: float) : float =
        check "TracyWidom.complex" s

        if s < -8.0 then
            0.0
        else
            determinant s (fun x ->
                let a, d = Array.map airy x, Array.map airyPrime x

                fun i j ->
                    if i = j then
                        d[i] * d[i] - x[i] * a[i] * a[i]
                    else
                        (a[i] * d[j] - d[i] * a[j]) / (x[i] - x[j]))
            |> max 0.0
            |> min 1.0
