namespace Hesse.Reproductions

/// All reproductions, in the order in which they are listed and run.
[<RequireQualifiedAccess>]
module Catalogue =
    /// Every reproduction of this project.
    let all: Reproduction list = [
        SaxeDeepLinear.reproduction
        DynamicalStability.reproduction
        HessianSpectrum.reproduction
        OutliersOpposingSignals.reproduction
        HiddenSymmetries.reproduction
        RandomSubspaces.reproduction
        DataDiet.reproduction
        FunctionDistance.reproduction
        ImplicitHyperparameters.reproduction
        Degeneracy.reproduction
        SharpnessNotOnly.reproduction
        SgdCoherenceStability.reproduction
        OutlierAlignment.reproduction
        DropoutStability.reproduction
        LinearModeConnectivity.reproduction
    ]
