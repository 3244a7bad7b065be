/// How cost grows with the size of a problem: a wrong complexity shows as a wrong slope.
module Hesse.Bench.Growth

open Hesse
open Hesse.Bench.Measure

/// One size.
type Point = {
    /// The number that grows.
    Size: float
    Seconds: float
    Flops: float
}

/// One computation against one number.
type Series = {
    Name: string
    /// What grows, and what is held.
    Against: string
    Points: Point list
    /// Largest exponent that the algorithm may have.
    Expected: float
} with

    static member private Slope(points: (float * float) list) =
        let x, y = points |> List.map (fst >> log), points |> List.map (snd >> log)
        let meanX, meanY = List.average x, List.average y
        let covariance = List.sum (List.map2 (fun a b -> (a - meanX) * (b - meanY)) x y)
        covariance / List.sumBy (fun a -> (a - meanX) * (a - meanX)) x

    /// Least-squares slope of log time against log size. The smallest size is left out: it is the one that fixed costs bend most.
    member s.TimeSlope = Series.Slope(s.Points.Tail |> List.map (fun p -> p.Size, p.Seconds))

    /// The same of the counted operations.
    member s.FlopSlope = Series.Slope(s.Points.Tail |> List.map (fun p -> p.Size, p.Flops))

    /// Whether the counted operations grow as they may; a tenth is for lower-order terms.
    member s.Holds = s.FlopSlope <= s.Expected + 0.1

/// One input layer, `square` layers from hidden to hidden units, one output.
let private widths (width: int) (square: int) = 10 :: List.replicate (square + 1) width @ [ 1 ]

let private parameters (widths: int list) = List.pairwise widths |> List.sumBy (fun (i, o) -> float ((i + 1) * o))

/// A computation from widths and samples, with the largest exponents that it may have.
type private Subject = {
    Title: string
    Row: int list -> int -> Row
    InSamples: float
    InWidth: float
    InLayers: float
    InParameters: float
    /// The width that is held while something else grows.
    Held: int
    Widths: int list
}

let private subjects = [
    let gradient = {
        Title = "gradient"
        Row = Rows.gradient
        InSamples = 1.0
        InWidth = 2.0
        InLayers = 1.0
        InParameters = 1.0
        Held = 32
        Widths = [ 32; 64; 128; 256 ]
    }

    gradient
    { gradient with Title = "HVP"; Row = Rows.hessianVector }
    { gradient with Title = "jet of order 6"; Row = Rows.directional 6 }
    { gradient with Title = "NTK"; Row = Rows.tangentKernel; InSamples = 2.0 }

    // As many products with n samples as there are parameters, and these grow with the square of the width.
    {
        Title = "Hessian"
        Row = (fun widths n -> Rows.hessian widths n false)
        InSamples = 1.0
        InWidth = 4.0
        InLayers = 2.0
        InParameters = 2.0
        Held = 16
        Widths = [ 8; 16; 32; 64 ]
    }
]

/// The first form of a row, for about so many seconds.
let private point (seconds: float) (size: float) (row: Row) : Point =
    let variant = row.Variants.Head

    {
        Size = size
        Seconds = warmUp seconds variant.Compute
        Flops = variant.Flops()
    }

let private seriesOf (seconds: float) (subject: Subject) : Series list =
    let point size widths samples = point seconds (float size) (subject.Row widths samples)

    let series against expected points = {
        Name = subject.Title
        Against = against
        Expected = expected
        Points = points
    }

    let byWidth = [ for w in subject.Widths -> point w (widths w 1) 64 ]

    [
        series $"n (10-{subject.Held}-{subject.Held}-1)" subject.InSamples [
            for n in [ 64; 128; 256; 512 ] -> point n (widths subject.Held 1) n
        ]
        series "width w (10-w-w-1, n = 64)" subject.InWidth byWidth
        series
            "number of parameters (10-w-w-1, n = 64)"
            subject.InParameters
            (List.map2 (fun w p -> { p with Size = parameters (widths w 1) }) subject.Widths byWidth)
        series $"number of {subject.Held}-{subject.Held} layers (n = 64)" subject.InLayers [
            for layers in [ 1; 2; 4; 8 ] -> point layers (widths subject.Held layers) 64
        ]
    ]

/// Measures everything; each size for about so many seconds.
let measure (seconds: float) : Series list = [
    yield! subjects |> List.collect (seriesOf seconds)

    {
        Name = "jet"
        Against = "order (10-32-32-1, n = 64)"
        Expected = 2.0
        Points = [
            for order in [ 2; 4; 8; 16; 32 ] -> point seconds (float order) (Rows.directional order (widths 32 1) 64)
        ]
    }
]
