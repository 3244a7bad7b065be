namespace Hesse.Theory

open Hesse

/// Permutation symmetry of fully connected networks: the hidden units of one network are brought into the order of another's (Ainsworth, Hayase,
/// Srinivasa 2023, "Git Re-Basin"). A permutation π of a layer says that its new unit i is the old unit π(i).
[<RequireQualifiedAccess>]
module Alignment =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private indices (p: int[]) = Tensor.ofArray (Array.map float p)

    let private checkSame (operation: string) (a: AffineLayer list) (b: AffineLayer list) =
        let shapes layers = layers |> List.map (fun l -> l.Weight.Shape)

        if shapes a <> shapes b || a.Length < 2 then
            let show layers = shapes layers |> List.map Files.show |> String.concat ", "

            fail
                $"Alignment.{operation}: networks with weights {show a} and {show b}, wanted the same shapes and at least one hidden layer"

    /// <summary>The same function with its hidden units in another order.</summary>
    /// <param name="permutations">One for each hidden layer.</param>
    /// <param name="layers">The network.</param>
    /// <returns>The network whose hidden unit i of layer l is unit permutations[l][i] of the given one.</returns>
    /// <exception cref="T:Hesse.HesseException">The permutations do not fit the hidden layers.</exception>
    let permute (permutations: int[] list) (layers: AffineLayer list) : AffineLayer list =
        let hidden = layers |> List.truncate (layers.Length - 1) |> List.map (fun l -> l.Weight.Shape[1])

        if
            hidden.Length <> permutations.Length
            || List.exists2 (fun n p -> Array.sort p <> [| 0 .. n - 1 |]) hidden permutations
        then
            let lengths = permutations |> List.map Array.length |> Files.show

            fail
                $"Alignment.permute: permutations of {lengths} units for hidden layers of {Files.show hidden}, wanted one permutation for each"

        let before = None :: List.map Some permutations
        let after = List.map Some permutations @ [ None ]

        let reorder axis p t =
            match p with
            | Some p -> Tensor.gather axis (indices p) t
            | None -> t

        List.map3
            (fun l p q -> {
                Weight = l.Weight |> reorder 0 p |> reorder 1 q
                Bias = l.Bias |> reorder 0 q
            })
            layers
            before
            after

    /// How alike unit i of the first network and unit j of the second are by what comes in: ⟨weights and bias of i, of j⟩.
    let private incoming (a: AffineLayer) (b: AffineLayer) =
        Tensor.matmul (Tensor.transpose a.Weight) b.Weight + Tensor.outer a.Bias b.Bias

    /// The same by what goes out.
    let private outgoing (a: AffineLayer) (b: AffineLayer) = Tensor.matmul a.Weight (Tensor.transpose b.Weight)

    let private best (gain: Tensor) = Assignment.maximise (gain.toArray2D ())

    let private identities (layers: AffineLayer list) =
        layers |> List.truncate (layers.Length - 1) |> List.map (fun l -> [| 0 .. l.Weight.Shape[1] - 1 |])

    /// Replaces one of the permutations.
    let private replace (l: int) (p: int[]) (permutations: int[] list) = List.updateAt l p permutations

    /// <summary>Aligns by the weights: maximises Σ ⟨weights of a, permuted weights of b⟩, the same as the least squared distance, one layer after the other
    /// (Ainsworth et al. 2023, algorithm 1).</summary>
    /// <param name="key">The order of the layers in a sweep.</param>
    /// <param name="a">The network that sets the order.</param>
    /// <param name="b">The network to permute.</param>
    /// <returns>Permutations for <c>permute</c> on b: a local optimum, at which no change of one layer's permutation helps.</returns>
    /// <exception cref="T:Hesse.HesseException">The networks have different shapes.</exception>
    /// <remarks>Each step is an assignment problem, solved exactly. The first sweep goes from the input to the output and looks at incoming weights alone, so that
    /// a network that is a permutation of a is aligned exactly; later sweeps never lower the sum.</remarks>
    let weightMatching (key: Key) (a: AffineLayer list) (b: AffineLayer list) : int[] list =
        checkSame "weightMatching" a b
        let hidden = a.Length - 1
        let a' = Array.ofList a
        let unpermuted = identities b

        /// Layers of b with all permutations but that of hidden layer l.
        let without l permutations = b |> permute (replace l (List.item l unpermuted) permutations) |> Array.ofList

        let alikeBefore l permutations = incoming a'[l] (Array.item l (without l permutations))

        let gain l permutations =
            let b' = without l permutations
            incoming a'[l] b'[l] + outgoing a'[l + 1] b'[l + 1]

        let first =
            List.fold (fun permutations l -> replace l (best (alikeBefore l permutations)) permutations) unpermuted [
                0 .. hidden - 1
            ]

        let value (gain: Tensor) (p: int[]) =
            let g = gain.toArray2D ()
            p |> Array.indexed |> Array.sumBy (fun (i, j) -> g[i, j])

        let rec improve sweep (permutations: int[] list) =
            let order = Random.permutation (Random.fold sweep key) hidden

            let improved, changed =
                order
                |> Array.fold
                    (fun (permutations: int[] list, changed) l ->
                        let g = gain l permutations
                        let p = best g
                        let before, after = value g permutations[l], value g p
                        // Only a real gain counts, so that ties and rounding cannot keep the sweeps going.
                        if after > before + 1e-12 * (1.0 + abs before) then
                            replace l p permutations, true
                        else
                            permutations, changed)
                    (permutations, false)

            if changed then improve (sweep + 1) improved else permutations

        improve 0 first

    /// The values of the hidden units on inputs, [n; width] for each hidden layer.
    let private activations (activation: Tensor -> Tensor) (layers: AffineLayer list) (inputs: Tensor) =
        layers
        |> List.truncate (layers.Length - 1)
        |> List.scan (fun x l -> activation (Tensor.matmul x l.Weight + l.Bias)) inputs
        |> List.tail

    /// <summary>Aligns by what the units do on data: the least Σ ‖z_i(a) − z_π(i)(b)‖² for each hidden layer (Ainsworth et al. 2023, section 3.1).</summary>
    /// <param name="activation">Of the networks.</param>
    /// <param name="inputs">Shape [n; d].</param>
    /// <param name="a">The network that sets the order.</param>
    /// <param name="b">The network to permute.</param>
    /// <returns>Permutations for <c>permute</c> on b; exact, since the layers do not depend on each other.</returns>
    /// <exception cref="T:Hesse.HesseException">The networks have different shapes.</exception>
    let activationMatching
        (activation: Tensor -> Tensor)
        (inputs: Tensor)
        (a: AffineLayer list)
        (b: AffineLayer list)
        : int[] list =
        checkSame "activationMatching" a b

        List.map2
            (fun za zb -> best (Tensor.matmul (Tensor.transpose za) zb))
            (activations activation a inputs)
            (activations activation b inputs)
