namespace Hesse.Reproductions

open Hesse

/// Three sources of degeneracy in a loss landscape, counted exactly, and a basis that does not see two of them.
module Degeneracy =
    [<Literal>]
    let private Paper = "degeneracy"

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 5 (Random.key ctx.Seed)
        let draws = if ctx.Quick then 5 else 50

        let stage fraction text action =
            ctx.Cancellation.ThrowIfCancellationRequested()
            ctx.Progress fraction text
            action ()

        stage 0.0 "deep linear networks" (fun () -> DegeneracyRanks.deepLinear record draws keys[0])
        stage 0.2 "zero loss" (fun () -> DegeneracyRanks.zeroLoss record draws keys[1])
        stage 0.4 "dependent activations" (fun () -> DegeneracyRanks.activations record draws keys[2])
        stage 0.5 "copied and synchronised neurons" (fun () -> DegeneracyRanks.neurons record draws keys[3])
        stage 0.7 "interaction basis" (fun () -> DegeneracyBasis.basis ctx record draws keys[4])
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Degeneracy in the loss landscape"
        Citation =
            "L. Bushnaq, J. Mendel, S. Heimersheim, D. Braun, N. Goldowsky-Dill, K. Hänni, C. Wu and M. Hobbhahn, Using Degeneracy in the Loss Landscape for Mechanistic Interpretability, 2024, arXiv:2405.10927"
        Summary =
            "Parameters that do nothing come from linearly dependent activations, linearly dependent gradients, and ReLUs that fire together: each is planted and its null directions are counted. "
            + "The interaction basis, which the first two cannot change, finds the modules of a network whose activations were mixed at random."
        Claims = [
            "deep-linear-rank"
            "layer-rank-is-product"
            "hessian-is-gauss-newton"
            "dependent-activations"
            "flat-over-distance"
            "copied-neuron"
            "synchronised-relus"
            "basis-finds-modules"
            "basis-is-invariant"
            "basis-drops-unread-directions"
        ]
        Run = run
    }
