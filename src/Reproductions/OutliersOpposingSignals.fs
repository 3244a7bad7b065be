namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// Small groups of samples with one large feature and opposing gradients, and how they set the sharpness.
module OutliersOpposingSignals =
    [<Literal>]
    let private Paper = "opposing-signals"

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 3 (Random.key ctx.Seed)
        ctx.Progress 0.0 "gradient flow of the toy model"
        OpposingSignalsToy.record ctx record keys[0]
        OpposingSignalsTraining.outliers ctx record keys[1]
        OpposingSignalsTraining.digits ctx record (Digits.load ctx.DataDirectory) keys[2]

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Outliers with opposing signals"
        Citation =
            "E. Rosenfeld and A. Risteski, Outliers with Opposing Signals Have an Outsized Effect on Neural Network Optimization, ICLR 2024, arXiv:2311.04163"
        Summary =
            "A few samples with a large feature of no use pull a network in opposite directions; their curvature grows with what is learnt, until gradient descent meets the edge of stability and their losses alternate. "
            + "Closed forms of a two-layer linear model against gradient flow and descent; planted outliers; groups found on digits by their loss at a spike."
        Claims = [
            "flow-conserves"
            "final-sharpness"
            "falls-then-rises"
            "edge-reached"
            "signals-alternate"
            "self-stabilises"
            "outliers-set-sharpness"
            "outliers-found-by-loss-change"
            "digits-reach-the-edge"
            "spike-groups-oppose"
            "spike-groups-share-a-class"
            "loss-changes-reverse"
        ]
        Run = run
    }
