namespace Hesse.Theory

open System
open System.Globalization
open System.IO
open System.Text
open Hesse
open Hesse.Kernels

/// <summary>Labelled images: one row of features an image.</summary>
type Digits = {
    /// Row-major [Count; Features]; pixels in [0, 1] as loaded.
    Images: float[]
    /// Numbers in a row: 64 as loaded, 16 after <c>Digits.pool</c>.
    Features: int
    /// The digit of each image, in 0..9.
    Labels: int[]
} with

    /// Number of images.
    member d.Count = d.Labels.Length

/// Reads the handwritten digits of `data/` and prepares them for small models.
/// Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998).
[<RequireQualifiedAccess>]
module Digits =
    /// Name of the file that <c>load</c> reads.
    [<Literal>]
    let FileName = "digits.csv.gz"

    [<Literal>]
    let private Pixels = 64

    /// Pixels count ink in a 4 × 4 block.
    [<Literal>]
    let private MaxPixel = 16.0

    let private fail (message: string) = raise (HesseException message)

    let private advice =
        "restore the file from the repository or from the UCI archive (Optical Recognition of Handwritten Digits)"

    let private text (path: string) =
        let bytes = Files.read "digits" $"pass the folder that holds {FileName}" path

        if path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) then
            Encoding.UTF8.GetString bytes
        else
            Files.gunzip "digits" advice path bytes |> Encoding.UTF8.GetString

    let private parseNumber (path: string) line column (text: string) (wanted: string) =
        let ok, value = Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

        if not ok || not (Double.IsFinite value) then
            fail
                $"digits: '{path}', line {line}, column {column}: found '{text}', wanted {wanted}; correct the line or {advice}"

        value

    let private parseLine (path: string) line (text: string) : float[] * int =
        let fields = text.Split ','

        if fields.Length <> Pixels + 1 then
            fail
                $"digits: '{path}', line {line}: found {fields.Length} columns, wanted {Pixels + 1} ({Pixels} pixels and a label); correct the line or {advice}"

        let pixels =
            Array.init Pixels (fun j ->
                let wanted = $"a pixel in 0..{MaxPixel:F0}"
                let value = parseNumber path line (j + 1) fields[j] wanted

                if value < 0.0 || value > MaxPixel then
                    fail
                        $"digits: '{path}', line {line}, column {j + 1}: found {fields[j]}, wanted {wanted}; correct the line or {advice}"

                value / MaxPixel)

        let wanted = "a label in 0..9"
        let label = parseNumber path line (Pixels + 1) fields[Pixels] wanted

        if label < 0.0 || label > 9.0 || label <> Math.Floor label then
            fail
                $"digits: '{path}', line {line}, column {Pixels + 1}: found {fields[Pixels]}, wanted {wanted}; correct the line or {advice}"

        pixels, int label

    /// <summary>Reads and checks digits in a file.</summary>
    /// <param name="path">Lines of 64 pixels in 0..16 and a label, separated by commas; packed by gzip unless the name ends with <c>.csv</c>.</param>
    /// <returns>The images, shape [n; 64] with pixels in [0, 1], and their labels.</returns>
    /// <exception cref="T:Hesse.HesseException">The file is missing, not gzip, truncated, empty, or has a line without
    /// exactly 64 numbers in 0..16 and a label in 0..9; the message names the file, the line and the column.</exception>
    let loadFile (path: string) : Digits =
        let rows =
            (text path).TrimEnd('\n', '\r').Split '\n' |> Array.mapi (fun i line -> i + 1, line.TrimEnd '\r')

        if rows.Length = 1 && String.IsNullOrWhiteSpace(snd rows[0]) then
            fail $"digits: '{path}' holds no line, wanted at least 1; {advice}"

        let parsed = rows |> Array.map (fun (line, text) -> parseLine path line text)

        {
            Images = parsed |> Array.collect fst
            Features = Pixels
            Labels = parsed |> Array.map snd
        }

    /// <summary>Reads and checks <c>digits.csv.gz</c>.</summary>
    /// <param name="directory">The folder that holds the file.</param>
    /// <returns>The images, shape [n; 64] with pixels in [0, 1] (n = 1797 for the file of this repository), and their labels.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>loadFile</c>.</exception>
    let load (directory: string) : Digits = loadFile (Path.Combine(directory, FileName))

    let private gather (rows: int[]) (digits: Digits) =
        let d = digits.Features

        {
            Images = rows |> Array.collect (fun i -> digits.Images[i * d .. i * d + d - 1])
            Features = d
            Labels = rows |> Array.map (fun i -> digits.Labels[i])
        }

    /// <summary>The first images of each of the given classes, class by class.</summary>
    /// <param name="classes">Digits in 0..9, in the wanted order.</param>
    /// <param name="perClass">How many images of each class.</param>
    /// <param name="digits">Where they are taken from.</param>
    /// <returns>Images of shape [classes · perClass; Features].</returns>
    /// <exception cref="T:Hesse.HesseException">A class has fewer images than asked for.</exception>
    let take (classes: int list) (perClass: int) (digits: Digits) : Digits =
        let rows =
            classes
            |> List.map (fun c ->
                let all = digits.Labels |> Array.indexed |> Array.filter (fun (_, l) -> l = c) |> Array.map fst

                if perClass < 1 || all.Length < perClass then
                    fail
                        $"Digits.take: class {c} has {all.Length} images, {perClass} wanted; ask for 1 to {all.Length}"

                Array.truncate perClass all)

        gather (Array.concat rows) digits

    /// <summary>Averages 2 × 2 blocks of pixels: 8 × 8 images become 4 × 4.</summary>
    /// <param name="digits">Images with 64 features.</param>
    /// <returns>The same images with 16 features.</returns>
    /// <exception cref="T:Hesse.HesseException">The images do not have 64 features.</exception>
    let pool (digits: Digits) : Digits =
        if digits.Features <> Pixels then
            fail
                $"Digits.pool: images have {digits.Features} features, wanted {Pixels} (8 × 8); pool before any other change"

        let pixel image row column = digits.Images[image * Pixels + row * 8 + column]

        let pooled image k =
            let row, column = 2 * (k / 4), 2 * (k % 4)

            (pixel image row column
             + pixel image row (column + 1)
             + pixel image (row + 1) column
             + pixel image (row + 1) (column + 1))
            / 4.0

        {
            digits with
                Images = Array.init (digits.Count * 16) (fun i -> pooled (i / 16) (i % 16))
                Features = 16
        }

    let private means (digits: Digits) =
        Array.init digits.Features (fun j ->
            let mutable sum = 0.0

            for i in 0 .. digits.Count - 1 do
                sum <- sum + digits.Images[i * digits.Features + j]

            sum / float digits.Count)

    /// <summary>Subtracts the mean of each feature.</summary>
    /// <param name="digits">Images of any number of features.</param>
    /// <returns>Images whose features have mean zero.</returns>
    let centre (digits: Digits) : Digits =
        let mean = means digits

        {
            digits with
                Images = digits.Images |> Array.mapi (fun i x -> x - mean[i % digits.Features])
        }

    /// <summary>Brings each feature to mean zero and variance one; a constant feature becomes zero.</summary>
    /// <param name="digits">Images of any number of features.</param>
    /// <returns>Images with features of mean zero and (population) variance one.</returns>
    let standardise (digits: Digits) : Digits =
        let centred = centre digits
        let d, n = digits.Features, float digits.Count

        let deviation =
            Array.init d (fun j ->
                let mutable sum = 0.0

                for i in 0 .. digits.Count - 1 do
                    let x = centred.Images[i * d + j]
                    sum <- sum + x * x

                sqrt (sum / n))

        {
            centred with
                Images =
                    centred.Images
                    |> Array.mapi (fun i x -> if deviation[i % d] < 1e-12 then 0.0 else x / deviation[i % d])
        }

    /// <summary>Moves the class means away from, or towards, their common mean; the scatter within each class stays.</summary>
    /// <param name="factor">What distances between class means are multiplied by; 1 changes nothing.</param>
    /// <param name="digits">Images of any number of features.</param>
    /// <returns>Images x + (factor − 1)(m_c − m), with m_c the mean of the image's class and m the mean of all images.</returns>
    let separate (factor: float) (digits: Digits) : Digits =
        let mean = means digits

        let classMeans =
            digits.Labels
            |> Array.distinct
            |> Array.map (fun c ->
                let rows = [|
                    for i in 0 .. digits.Count - 1 do
                        if digits.Labels[i] = c then
                            i
                |]

                c, means (gather rows digits))
            |> dict

        let move q x =
            let i, j = q / digits.Features, q % digits.Features
            x + (factor - 1.0) * (classMeans[digits.Labels[i]][j] - mean[j])

        { digits with Images = Array.mapi move digits.Images }

    /// <summary>Principal components scaled to unit variance; components of (numerically) no variance are left out.</summary>
    /// <param name="digits">Images of d features.</param>
    /// <returns>Images of r ≤ d features, largest component first, with covariance (1/n) XᵀX = I.</returns>
    let whiten (digits: Digits) : Digits =
        let centred = centre digits
        let d, n = digits.Features, digits.Count
        let covariance = Array.zeroCreate (d * d)

        for i in 0 .. n - 1 do
            for a in 0 .. d - 1 do
                let x = centred.Images[i * d + a] / float n

                for b in 0 .. d - 1 do
                    covariance[a * d + b] <- covariance[a * d + b] + x * centred.Images[i * d + b]

        let struct (values, vectors) = LinearAlgebra.SymmetricEigen(covariance, d, true)

        let kept = [|
            for j in d - 1 .. -1 .. 0 do
                if values[j] > 1e-10 * values[d - 1] then
                    j
        |]

        let component' i j =
            let mutable sum = 0.0

            for a in 0 .. d - 1 do
                sum <- sum + centred.Images[i * d + a] * vectors[a * d + j]

            sum / sqrt values[j]

        {
            digits with
                Images = Array.init (n * kept.Length) (fun q -> component' (q / kept.Length) kept[q % kept.Length])
                Features = kept.Length
        }

    /// <summary>The images as a tensor.</summary>
    /// <param name="digits">The images.</param>
    /// <returns>Shape [Count; Features].</returns>
    let inputs (digits: Digits) : Tensor = Tensor.create [ digits.Count; digits.Features ] digits.Images

    /// <summary>One-hot targets: row i has a one in the column of its label.</summary>
    /// <param name="outputs">Number of columns; every label must be below it.</param>
    /// <param name="digits">The labels.</param>
    /// <returns>Shape [Count; outputs].</returns>
    /// <exception cref="T:Hesse.HesseException">A label is not below <paramref name="outputs"/>.</exception>
    let oneHot (outputs: int) (digits: Digits) : Tensor =
        let targets = Array.zeroCreate (digits.Count * outputs)

        digits.Labels
        |> Array.iteri (fun i label ->
            if label >= outputs then
                fail
                    $"Digits.oneHot: label {label} has no column among {outputs}; ask for at least {label + 1} outputs"

            targets[i * outputs + label] <- 1.0)

        Tensor.create [ digits.Count; outputs ] targets
