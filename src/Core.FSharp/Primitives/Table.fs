namespace Hesse

/// All primitives: the table that tests walk.
module internal Primitives =
    let all: Primitive list =
        List.concat [
            Linear.primitives
            Movement.primitives
            Windows.primitives
            Precision.primitives
            Contraction.primitives
            Elementwise.primitives
            Special.primitives
            Ordered.primitives
            LinearAlgebra.primitives
            Randomness.primitives
            Factorisations.primitives
            ScanPrimitive.primitives
            Fourier.primitives
        ]
