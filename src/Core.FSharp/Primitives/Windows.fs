namespace Hesse

open Hesse.Kernels
open Hesse.Graph

/// Windows of the last axes, and their transpose. Convolutions are contractions of windows, poolings are reductions of them,
/// so neither needs a rule of its own.
module internal Windows =
    /// Elements that a window spans along an axis.
    let span (size: int) (dilation: int) = (size - 1) * dilation + 1

    /// Number of windows that fit.
    let private count (window: WindowAttr) d =
        let reach = span window.Size[d] window.Dilation[d]

        if window.Lengths[d] < reach then
            0
        else
            (window.Lengths[d] - reach) / window.Stride[d] + 1

    let private counts (window: WindowAttr) = Array.init window.Size.Length (count window)

    let private windowOf attr =
        match attr with
        | Cut window -> window
        | _ -> { Size = [||]; Stride = [||]; Dilation = [||]; Lengths = [||] }

    /// The axes before the last k ones.
    let private lead (k: int) (shape: int[]) = shape[.. shape.Length - k - 1]

    let private check op (window: WindowAttr) (shape: int[]) (wanted: int[]) =
        let k = wanted.Length

        if shape.Length < k || shape[shape.Length - k ..] <> wanted then
            Shape.fail $"{op}: the last axes of shape {Shape.show shape} are not {Shape.show wanted}"

        for d in 0 .. window.Size.Length - 1 do
            if window.Size[d] < 1 || window.Stride[d] < 1 || window.Dilation[d] < 1 then
                Shape.fail
                    $"{op}: size {window.Size[d]}, stride {window.Stride[d]} and dilation {window.Dilation[d]} of a window must be at least 1"

    let private packed (window: WindowAttr) = Array.append window.Size (counts window)

    /// Where the elements of all windows stand, as strides over [..., size..., count...].
    let strides (window: WindowAttr) (shape: int[]) =
        let all = Shape.strides shape
        let k = window.Size.Length
        let before, last = all[.. all.Length - k - 1], all[all.Length - k ..]
        let times = Array.map2 (fun (s: int64) (f: int) -> s * int64 f) last
        Array.concat [ before; times window.Dilation; times window.Stride ]

    let rec windowsP: Primitive = {
        Name = "windows"
        Doc =
            "Windows of the last axes: result[…, w, c] = a[…, stride · c + dilation · w], with the axes of w before those of c."
        Shape =
            fun attr s ->
                let window = windowOf attr
                check "windows" window s[0] window.Lengths
                Array.append (lead window.Size.Length s[0]) (packed window)
        Derivative = Derivative.Linear(fun _ -> true)
        Transpose = Some(fun attr _ ct _ -> bind overlapAddP attr [| ct |])
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify =
            fun attr args ->
                let window = windowOf attr

                if window.Size |> Array.forall ((=) 1) && window.Stride |> Array.forall ((=) 1) then
                    Some(Linear.reshape (Array.append (lead window.Size.Length args[0].Shape) (packed window)) args[0])
                else
                    None
        Lower =
            Lowering.Steps(fun attr s shape slots out -> [
                CopyStep(shape, slots[0], 0L, strides (windowOf attr) s[0], out, 0L, Shape.strides shape)
            ])
    }

    and overlapAddP: Primitive = {
        Name = "overlapAdd"
        Doc = "The transpose of windows: adds the elements of every window into zeros, at their places."
        Shape =
            fun attr s ->
                let window = windowOf attr
                check "overlapAdd" window s[0] (packed window)
                Array.append (lead (2 * window.Size.Length) s[0]) window.Lengths
        Derivative = Derivative.Linear(fun _ -> true)
        Transpose = Some(fun attr _ ct _ -> bind windowsP attr [| ct |])
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let window = windowOf attr
                let outer = lead (2 * window.Size.Length) s[0] |> Array.fold (*) 1

                [
                    OverlapAddStep(
                        outer,
                        window.Size,
                        counts window,
                        window.Stride,
                        window.Dilation,
                        window.Lengths,
                        slots[0],
                        out
                    )
                ])
    }

    /// Windows of the last axes, as many as there are sizes.
    let windows (size: int[]) (stride: int[]) (dilation: int[]) (x: Node) =
        let lengths = x.Shape[x.Shape.Length - size.Length ..]
        bind windowsP (Cut { Size = size; Stride = stride; Dilation = dilation; Lengths = lengths }) [| x |]

    /// The primitives of this file, in order.
    let primitives = [ windowsP; overlapAddP ]
