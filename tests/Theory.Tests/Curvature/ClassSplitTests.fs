module Hesse.Theory.Tests.Curvature.ClassSplitTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

/// The definitions, term by term: gradients of the loss that every row would have with every label.
let private byDefinition (weighting: ClassWeighting) (case: RiskCase) =
    let m, classes, n = size case, width case, 7
    let theta, unravel = Tree.ravel case.Point

    let labels =
        case.Targets.toArray () |> Array.chunkBySize classes |> Array.map (Array.findIndex ((=) 1.0))

    let p = (Tensor.softmax 1 (case.Model case.Point case.Inputs)).toArray()

    let g i c' =
        let x = Tensor.slice 0 i (i + 1) 1 case.Inputs
        let t = Tensor.reshape [ 1; classes ] (Tensor.oneHot classes (Tensor.scalar (float c')))
        let length = if weighting = ClassWeighting.Probability then 1.0 else sqrt p[i * classes + c']
        times length ((Diff.grad (fun v -> Losses.crossEntropy (case.Model (unravel v) x) t) theta).toArray())

    let g = Array.init n (fun i -> Array.init classes (g i))
    let w i c' = (if weighting = ClassWeighting.Probability then p[i * classes + c'] else 1.0) / float n
    let combination (terms: (float * float[]) seq) = Array.init m (fun j -> terms |> Seq.sumBy (fun (a, v) -> a * v[j]))

    let moment (terms: (float * float[]) seq) =
        Array.init (m * m) (fun q -> terms |> Seq.sumBy (fun (a, v: float[]) -> a * v[q / m] * v[q % m]))

    let rows c = [
        for i in 0 .. n - 1 do
            if labels[i] = c then
                i
    ]

    let all = [ 0 .. classes - 1 ]
    let weight c c' = rows c |> List.sumBy (fun i -> w i c')
    let mean c c' = combination [ for i in rows c -> w i c' / weight c c', g[i][c'] ]
    let means = [ for c in all -> [ for c' in all -> mean c c' ] ]
    let others c = all |> List.filter ((<>) c)
    let classWeight c = others c |> List.sumBy (weight c)
    let classMean c = combination [ for c' in others c -> weight c c' / classWeight c, means[c][c'] ]
    let classMeans = all |> List.map classMean
    let minus (a: float[]) b = Array.map2 (-) a b
    let between c c' = minus means.[c].[c'] classMeans.[c]
    let spread i c c' = minus g.[i].[c'] means.[c].[c']

    moment [ for c in all -> classWeight c, classMeans[c] ],
    moment [
        for c in all do
            for c' in others c -> weight c c', between c c'
    ],
    moment [
        for c in all do
            for i in rows c do
                for c' in others c -> w i c', spread i c c'
    ],
    moment [
        for c in all do
            for i in rows c -> w i c, g[i][c]
    ]

[<Fact>]
let ``the four parts are what Papyan defines and add up to Gauss–Newton`` () =
    for case in [ classification; convolution ] do
        // Labels that occupy all classes.
        let full = {
            case with
                Targets = Tensor.oneHot 3 (Tensor.ofArray (Array.init 7 (fun i -> float (i % 3))))
        }

        for weighting in [ ClassWeighting.Probability; ClassWeighting.Uniform ] do
            let cls, cross, within, own = byDefinition weighting full

            for reduction, chunk in [ LossReduction.Mean, 3; LossReduction.Mean, 50; LossReduction.Sum, 2 ] do
                let split = ClassSplit.ofRisk weighting 1e-12 (Random.key 1) (risk full (reduction, chunk)) full.Point
                let scale = times (scaleOf reduction)
                isMatrix 1e-12 (scale cls) split.Class
                isMatrix 1e-12 (scale cross) split.Cross
                isMatrix 1e-12 (scale within) split.Within
                isMatrix 1e-12 (scale own) split.Own
                isMatrix 1e-12 (scale (gaussNewton full)) split.Total
                let total = if weighting = ClassWeighting.Probability then 1.0 else float split.Classes
                Assert.Equal(total * scaleOf reduction, Array.sum split.Weights, 1e-12)

[<Fact>]
let ``classes without rows add nothing`` () =
    // The labels of this case are 0 and 1 only.
    let split =
        ClassSplit.ofRisk
            ClassWeighting.Probability
            1e-12
            (Random.key 1)
            (risk classification (LossReduction.Mean, 3))
            classification.Point

    isMatrix 1e-12 (gaussNewton classification) split.Total
    Assert.Equal(0.0, split.Weights[2 * 3])
    Assert.All(split.ClassMeans[2], (fun x -> Assert.Equal(0.0, x)))

[<Fact>]
let ``ranks: the class part has at most C, the cross-class part C(C − 2) more in the general case`` () =
    let full = {
        classification with
            Targets = Tensor.oneHot 3 (Tensor.ofArray (Array.init 7 (fun i -> float (i % 3))))
    }

    let split =
        ClassSplit.ofRisk ClassWeighting.Probability 1e-12 (Random.key 1) (risk full (LossReduction.Mean, 3)) full.Point

    let rank operator = Spectrum.rank 1e-10 (Spectrum.eigenvalues (size full) (LinearOperator.toDense 8 operator))
    Assert.Equal(3, rank split.Class)
    Assert.Equal(3, rank split.Cross)

[<Fact>]
let ``other losses and targets that are not one-hot are refused`` () =
    let split case =
        ClassSplit.ofRisk ClassWeighting.Probability 1e-9 (Random.key 1) (risk case (LossReduction.Mean, 3)) case.Point
        |> ignore

    fails [ "the target of row 0 is not one-hot"; "Tensor.oneHot" ] (fun () -> split regression)

    fails [ "the parts differ from the Gauss–Newton operator by"; "Losses.crossEntropy" ] (fun () ->
        split { classification with Loss = Losses.meanSquaredError })

    fails [ "targets of shape [7; 2] for 3 predictions a row" ] (fun () ->
        split {
            classification with
                Targets = regression.Targets
                Loss = fun f _ -> Tensor.sum f
        })
