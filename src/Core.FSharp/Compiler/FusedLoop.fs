namespace Hesse

open System
open System.Collections.Generic
open Hesse.Kernels

/// Where a node's value lives.
[<NoEquality; NoComparison>]
type internal Place = {
    Slot: int
    /// The slot whose buffer it is: another one for views and for parts of joined tensors.
    Buffer: int
    /// Whether the buffer holds float32. The caller's arrays hold float64 always.
    IsSingle: bool
    /// For a part of a joined tensor that is not one piece of it: where its elements go. Nobody reads such a place.
    Berth: Berth voption
}

/// Elementwise nodes as one step.
module internal FusedLoop =
    /// Registers of one fused loop are reused as soon as their value has been read for the last time.
    let private allocateRegisters (inputs: int) (body: Node[]) (register: Dictionary<Node, int>) =
        let lastUse = Dictionary<Node, int>(HashIdentity.Reference)

        body
        |> Array.iteri (fun i node ->
            for a in node.Args do
                lastUse[a] <- i)

        let free = Stack<int>()
        let mutable next = inputs

        body
        |> Array.iteri (fun i node ->
            // An operation may write over its own arguments, so their registers are free for its result.
            for a in Array.distinct node.Args do
                match register.TryGetValue a with
                | true, ra when ra >= inputs && lastUse[a] = i -> free.Push ra
                | _ -> ()

            register[node] <-
                if free.Count > 0 then
                    free.Pop()
                else
                    next <- next + 1
                    next - 1)

    /// The fused loop that computes `root`, from the nodes that share it (arguments first).
    let step (root: Node) (body: Node[]) (placeOf: Node -> Place) (output: Place) (isVirtual: Node -> bool) : Step =
        let inBody = HashSet<Node>(body, HashIdentity.Reference)
        let inputs = List<TileInput>()
        let register = Dictionary<Node, int>(HashIdentity.Reference)
        let constants = Dictionary<int64, int>()

        /// Register of an argument that comes from outside the loop.
        let load (arg: Node) =
            match arg.Uniform with
            | ValueSome u ->
                let bits = BitConverter.DoubleToInt64Bits u

                if not (constants.ContainsKey bits) then
                    inputs.Add(TileInput(-1, 0L, null, u))
                    constants[bits] <- inputs.Count - 1

                constants[bits]
            | ValueNone ->
                let view = Views.ofNode isVirtual arg
                let place = placeOf view.Source
                let strides = if isVirtual arg then view.Strides else null
                inputs.Add(TileInput(place.Slot, view.Offset, strides, 0.0, place.IsSingle))
                inputs.Count - 1

        for node in body do
            for arg in node.Args do
                if not (inBody.Contains arg || register.ContainsKey arg) then
                    register[arg] <- load arg

        allocateRegisters inputs.Count body register

        let program =
            body
            |> Array.map (fun node ->
                let r i = if i < node.Args.Length then register[node.Args[i]] else 0

                match node.Prim.Lower with
                | Lowering.Tile op -> TileInstruction(op, register[node], r 0, r 1, r 2)
                | _ -> invalidOp "only elementwise operations are fused")

        let result =
            match output.Berth with
            | ValueSome berth ->
                TileOutput(register[root], output.Slot, output.IsSingle, berth.Offset, berth.Run, berth.Pitch)
            | ValueNone -> TileOutput(register[root], output.Slot, output.IsSingle)

        FusedStep(root.Shape, inputs.ToArray(), program, [| result |])
