namespace Hesse.Tests

open System
open Hesse

/// Random loop bodies: smooth expressions of carries, elements and captured values, loops within loops among them.
module internal LoopGenerator =
    /// A number of steps that a while loop or a counted loop may have.
    type Kind =
        | Scan
        | Counted
        | While

    let private pick (random: Random) (items: 'a[]) = items[random.Next items.Length]

    /// A node in another shape: as it is, or its mean repeated.
    let private into (shape: int[]) (x: Node) =
        if x.Shape = shape then
            x
        else
            let total = Linear.sum [| 0 .. x.Shape.Length - 1 |] x
            Linear.broadcast shape [||] (Linear.scale (1.0 / float (max 1L (Shape.size x.Shape))) total)

    let private smooth (random: Random) (x: Node) =
        match random.Next 5 with
        | 0 -> Elementwise.tanh x
        | 1 -> Elementwise.sin x
        | 2 -> Elementwise.div x (Linear.add (Linear.mul x x) (Graph.full x.Shape 1.0))
        | 3 -> Linear.scale 0.5 x
        | _ -> Linear.neg x

    /// An expression of a shape.
    let private expression (random: Random) (values: Node[]) (shape: int[]) =
        let one () = into shape (pick random values)
        let mutable result = one ()

        for _ in 0 .. random.Next 2 do
            let other = smooth random (one ())

            result <-
                match random.Next 4 with
                | 0 -> Linear.mul result other
                | 1 -> Linear.sub result other
                | 2 -> Linear.add (Linear.scale 0.5 result) other
                | _ -> smooth random result

        result

    let rec private step (random: Random) depth (values: Node[]) (shapes: int[][]) : Node[] =
        let values =
            if depth > 0 && random.Next 4 = 0 then
                // A scan inside, over one of the values.
                let init = Linear.scale 0.5 (pick random values)
                let loop = make random (depth - 1) Scan 2 [| init.Shape |] [||] (values |> Array.map (fun v -> v.Shape))
                let result = ScanPrimitive.bind loop (Array.append [| init |] values)
                Array.append values [| Loop.part loop result (Final 0) |]
            else
                values

        shapes |> Array.map (expression random values)

    /// A loop; `arguments` are those that its argument list must have: the count first if it is counted, then carries, elements and
    /// captured values in full, whether the body reads them or not. A while loop has two more: a counter from 0, the last carry,
    /// and a limit, the last captured value.
    and make (random: Random) depth kind length (carries: int[][]) (elements: int[][]) (captured: int[][]) : Loop =
        let variables (shapes: int[][]) = shapes |> Array.map Graph.variable
        let c, x, k = variables carries, variables elements, variables captured
        let counter, limit = Graph.variable [||], Graph.variable [||]
        let own = Array.concat [ c; x; k ]
        let outputs = [| for _ in 0 .. random.Next 2 - 1 -> pick random (Array.append carries elements) |]
        let made = step random depth own (Array.append carries (if kind = While then [||] else outputs))
        let next, ys = Array.splitAt carries.Length made
        let extra (item: 'a) = if kind = While then [| item |] else [||]

        Loop(
            Loop.withHistories {
                Carries = Array.append c (extra counter)
                Elements = x
                Captured = Array.append k (extra limit)
                Next = Array.append next (extra (Linear.add counter (Graph.full [||] 1.0)))
                Outputs = ys
                Trips =
                    match kind with
                    | Scan -> Trips.Fixed
                    | Counted -> Trips.Counted
                    | While -> Trips.While(Elementwise.greater limit counter)
                Length = length
                Reverse = (kind <> While && random.Next 3 = 0)
                Kept = [||]
                Linear = false
                LinearElements = x |> Array.map (fun _ -> false)
                LinearCaptured = Array.append k (extra limit) |> Array.map (fun _ -> false)
            }
        )
