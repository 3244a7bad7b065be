namespace Hesse

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Reflection
open System.Runtime.CompilerServices
open FSharp.Reflection

/// Trees of tensors: a tensor, or a tuple, array, list, option, map (by key order), record or union of trees. Whatever else a
/// value holds (numbers, strings, functions) is kept as it is and has no derivative; do not change it in place. An object with tensors
/// among its elements or properties that is none of these is an error, which names its place; an `obj` or an interface goes by its value.
[<RequireQualifiedAccess>]
module Tree =
    /// Tensors in a row, taken one after the other.
    type private Supply(tensors: Tensor[]) =
        let mutable taken = 0

        member _.Take() =
            taken <- taken + 1
            tensors[taken - 1]

    /// How values of one type are taken apart into tensors and put together again.
    type private Shape = {
        /// Adds the tensors, and what else decides whether two trees have the same structure.
        Collect: obj -> List<Tensor> -> List<obj> -> unit
        /// The value with tensors from a supply, in the order of Collect.
        Rebuild: obj -> Supply -> obj
        /// The parts one level down with the names that lead to them, in the order of Collect; nothing for a tensor and for what is no tree.
        Parts: obj -> (string * Shape * obj)[]
    }

    let private shapes = ConcurrentDictionary<Type, Shape>()

    let private isGeneric (definition: Type) (t: Type) = t.IsGenericType && t.GetGenericTypeDefinition() = definition

    /// An array or list of any number of parts, as its parts, and back.
    type private ISequence =
        abstract Read: obj -> obj[]
        abstract Make: obj[] -> obj

    type private Arrays<'T>() =
        interface ISequence with
            member _.Read value = Array.map box (unbox<'T[]> value)
            member _.Make parts = box (Array.map unbox<'T> parts)

    type private Lists<'T>() =
        interface ISequence with
            member _.Read value =
                let parts = List.toArray (unbox<'T list> value)
                Array.map box parts

            member _.Make parts =
                let mutable list: 'T list = []

                for i in parts.Length - 1 .. -1 .. 0 do
                    list <- unbox<'T> parts[i] :: list

                box list

    type private Maps<'K, 'V when 'K: comparison>() =
        static member Keys(map: obj) : obj seq = (unbox<Map<'K, 'V>> map).Keys |> Seq.map box

        static member Values(map: obj) : obj seq = (unbox<Map<'K, 'V>> map).Values |> Seq.map box

        static member Create(keys: obj seq, values: obj seq) : obj =
            box (Map.ofSeq (Seq.zip (keys |> Seq.map unbox<'K>) (values |> Seq.map unbox<'V>)))

    let private call (definition: Type) (arguments: Type[]) (name: string) (values: obj[]) =
        let flags = BindingFlags.Static ||| BindingFlags.Public ||| BindingFlags.NonPublic

        definition.MakeGenericType(arguments).GetMethod(name, flags).Invoke(null, values)

    /// A value that is no tree though it holds tensors; on its way up it learns where it stands.
    exception private NoTree of place: string * typeName: string

    /// Collects the parts in order; `nameOf` names a part in errors.
    let private collectAll (nameOf: int -> string) (shapes: int -> Shape) (parts: obj[]) leaves statics =
        let mutable i = 0

        try
            while i < parts.Length do
                (shapes i).Collect parts[i] leaves statics
                i <- i + 1
        with NoTree(place, name) ->
            raise (NoTree(nameOf i + place, name))

    /// A fixed number of parts, each with a name and a type of its own.
    let private product
        (names: string[])
        (parts: Type[])
        (read: obj -> obj[])
        (make: obj[] -> obj)
        (shapeOf: Type -> Shape)
        =
        let inner = parts |> Array.map (fun p -> lazy (shapeOf p))
        let nameOf i = "." + names[i]
        let shapeAt i = inner[i].Value

        {
            Collect = fun value leaves statics -> collectAll nameOf shapeAt (read value) leaves statics
            Rebuild =
                fun value supply ->
                    make (Array.map2 (fun (s: Lazy<Shape>) part -> s.Value.Rebuild part supply) inner (read value))
            Parts =
                fun value ->
                    Array.map3 (fun name (s: Lazy<Shape>) part -> $".{name}", s.Value, part) names inner (read value)
        }

    /// Any number of parts of one type.
    let private sequence (element: Type) (read: obj -> obj[]) (make: obj -> obj[] -> obj) (shapeOf: Type -> Shape) =
        let inner = lazy (shapeOf element)
        let nameOf (i: int) = $"[{i}]"
        let shapeAt _ = inner.Value

        {
            Collect =
                fun value leaves statics ->
                    let parts = read value
                    statics.Add(box parts.Length)
                    collectAll nameOf shapeAt parts leaves statics
            Rebuild =
                fun value supply -> make value (read value |> Array.map (fun part -> inner.Value.Rebuild part supply))
            Parts = fun value -> read value |> Array.mapi (fun i part -> $"[{i}]", inner.Value, part)
        }

    /// An array or list of parts of one type, by the class that reads and makes it.
    let private typed (definition: Type) (element: Type) (shapeOf: Type -> Shape) =
        let access = Activator.CreateInstance(definition.MakeGenericType element, true) :?> ISequence

        sequence element access.Read (fun _ parts -> access.Make parts) shapeOf

    /// One of several cases, each with its own parts.
    let private union (t: Type) (shapeOf: Type -> Shape) =
        let tag = FSharpValue.PreComputeUnionTagReader(t, true)

        let cases =
            FSharpType.GetUnionCases(t, true)
            |> Array.map (fun case ->
                let fields = case.GetFields()
                let names = fields |> Array.map (fun field -> $"{case.Name}.{field.Name}")
                let parts = fields |> Array.map (fun field -> field.PropertyType)
                let read = FSharpValue.PreComputeUnionReader(case, true)
                product names parts read (FSharpValue.PreComputeUnionConstructor(case, true)) shapeOf)

        {
            Collect =
                fun value leaves statics ->
                    statics.Add(tag value)
                    cases[tag value].Collect value leaves statics
            Rebuild = fun value supply -> cases[tag value].Rebuild value supply
            Parts = fun value -> cases[tag value].Parts value
        }

    let private isFunction (t: Type) =
        typeof<Delegate>.IsAssignableFrom t
        || FSharpType.IsFunction t
        || (not (isNull t.BaseType) && FSharpType.IsFunction t.BaseType)

    /// Whether a value of a type that is no tree has tensors in sight: as elements or as properties. What a function closes over does
    /// not count.
    let private holdsTensors (t: Type) =
        let visited = HashSet<Type>()

        let flags = BindingFlags.Public ||| BindingFlags.NonPublic ||| BindingFlags.Instance

        let isPlain (t: Type) =
            t.IsPrimitive
            || t.IsEnum
            || isFunction t
            || (not t.IsGenericType && t.Assembly = typeof<string>.Assembly)

        let rec holds (t: Type) =
            if t = typeof<Tensor> || t = typeof<Key> then
                true
            elif t.IsArray then
                holds (t.GetElementType())
            elif isPlain t || not (visited.Add t) then
                false
            else
                let sequences = Array.append [| t |] (t.GetInterfaces()) |> Array.filter (isGeneric typedefof<seq<_>>)

                let properties = t.GetProperties flags |> Array.filter (fun p -> p.GetIndexParameters().Length = 0)

                Seq.append
                    (sequences |> Seq.collect (fun s -> s.GetGenericArguments()))
                    (properties |> Seq.map (fun p -> p.PropertyType))
                |> Seq.append (if t.IsGenericType then t.GetGenericArguments() else [||])
                |> Seq.exists holds

        holds t

    let rec private shapeOf (t: Type) : Shape = shapes.GetOrAdd(t, describe)

    and private describe (t: Type) : Shape =
        if t = typeof<Tensor> then
            {
                Collect = fun value leaves _ -> leaves.Add(unbox<Tensor> value)
                Rebuild = fun _ supply -> box (supply.Take())
                Parts = fun _ -> [||]
            }
        elif t = typeof<Key> then
            {
                Collect = fun value leaves _ -> leaves.Add (unbox<Key> value).Words
                Rebuild = fun _ supply -> box (Key(supply.Take()))
                Parts = fun _ -> [||]
            }
        elif t.IsArray && t.GetArrayRank() = 1 && not (t.GetElementType().IsPrimitive) then
            typed typedefof<Arrays<_>> (t.GetElementType()) shapeOf
        elif isGeneric typedefof<_ list> t then
            typed typedefof<Lists<_>> (t.GetGenericArguments()[0]) shapeOf
        elif isGeneric typedefof<Map<_, _>> t then
            let arguments = t.GetGenericArguments()
            let ask name (value: obj) = call typedefof<Maps<_, _>> arguments name [| value |] :?> obj seq

            let inner =
                sequence
                    arguments[1]
                    (fun value -> ask "Values" value |> Array.ofSeq)
                    (fun value parts ->
                        call typedefof<Maps<_, _>> arguments "Create" [| ask "Keys" value; Seq.ofArray parts |])
                    shapeOf

            {
                inner with
                    Collect =
                        fun value leaves statics ->
                            statics.AddRange(ask "Keys" value)
                            inner.Collect value leaves statics
                    Parts =
                        fun value ->
                            Seq.map2
                                (fun key (_, part, below) -> $"[{key}]", part, below)
                                (ask "Keys" value)
                                (inner.Parts value)
                            |> Array.ofSeq
            }
        elif FSharpType.IsTuple t then
            let parts = FSharpType.GetTupleElements t

            let read (value: obj) =
                let tuple = value :?> ITuple
                Array.init tuple.Length (fun i -> tuple[i])

            // Of eight parts and more, the last are in a tuple within the tuple.
            let make: obj[] -> obj =
                if parts.Length < 8 then
                    let constructor = ConstructorInvoker.Create(t.GetConstructor parts)
                    fun values -> constructor.Invoke(values.AsSpan())
                else
                    FSharpValue.PreComputeTupleConstructor t

            product (parts |> Array.mapi (fun i _ -> "Item" + string (i + 1))) parts read make shapeOf
        elif FSharpType.IsRecord(t, true) then
            let fields = FSharpType.GetRecordFields(t, true)

            product
                (fields |> Array.map (fun p -> p.Name))
                (fields |> Array.map (fun p -> p.PropertyType))
                (FSharpValue.PreComputeRecordReader(t, true))
                (FSharpValue.PreComputeRecordConstructor(t, true))
                shapeOf
        elif FSharpType.IsUnion(t, true) then
            union t shapeOf
        elif t = typeof<obj> || t.IsInterface then
            // The declared type says nothing: go by the value.
            let actual (value: obj) = shapeOf (value.GetType())

            {
                Collect =
                    fun value leaves statics ->
                        if isNull value || value.GetType() = typeof<obj> then
                            statics.Add value
                        else
                            statics.Add(value.GetType())
                            (actual value).Collect value leaves statics
                Rebuild =
                    fun value supply ->
                        if isNull value || value.GetType() = typeof<obj> then
                            value
                        else
                            (actual value).Rebuild value supply
                Parts =
                    fun value ->
                        if isNull value || value.GetType() = typeof<obj> then
                            [||]
                        else
                            (actual value).Parts value
            }
        elif holdsTensors t then
            {
                Collect = fun _ _ _ -> raise (NoTree("", t.Name))
                Rebuild = fun value _ -> value
                Parts = fun _ -> [||]
            }
        else
            {
                Collect = fun value _ statics -> statics.Add value
                Rebuild = fun value _ -> value
                Parts = fun _ -> [||]
            }

    /// A boxed Tensor must not be taken for its static type when 'T is obj.
    let private shapeOfTree (tree: 'T) : Shape =
        if isNull (box tree) || typeof<'T> <> typeof<obj> then
            shapeOf typeof<'T>
        else
            shapeOf ((box tree).GetType())

    /// Adds the tensors of a tree, and the rest of its structure.
    let internal collect (tree: 'T) (leaves: List<Tensor>) (statics: List<obj>) : unit =
        try
            (shapeOfTree tree).Collect (box tree) leaves statics
        with NoTree(place, name) ->
            let where = if place = "" then "" else $" at {place.TrimStart '.'}"

            Shape.fail
                $"Tree: the value{where} of type {name} holds tensors but is no tree; use an array, list, map, tuple, record or union"

    /// The tensors of a tree, the rest of its structure, and the way back from tensors to a tree.
    let internal flatten (tree: 'T) : Tensor[] * obj[] * (Tensor[] -> 'T) =
        let leaves, statics = List<Tensor>(), List<obj>()
        collect tree leaves statics
        let count = leaves.Count

        let rebuild (parts: Tensor[]) =
            if parts.Length <> count then
                Shape.fail $"Tree: this tree has {count} tensors, got {parts.Length}; the structures must be the same"

            unbox<'T>((shapeOfTree tree).Rebuild (box tree) (Supply parts))

        leaves.ToArray(), statics.ToArray(), rebuild

    /// For every tensor of a tree the leaf of a prefix of that tree that stands above it: `parts` gives those of a prefix that is no leaf.
    let internal spreadPrefix (name: string) (parts: 'P -> 'P list option) (prefix: 'P) (tree: 'T) : 'P[] =
        let rec spread (prefix: 'P) (shape: Shape, value: obj) : 'P[] =
            match parts prefix with
            | None ->
                let leaves = List<Tensor>()
                shape.Collect value leaves (List<obj>())
                Array.replicate leaves.Count prefix
            | Some given ->
                let below = shape.Parts value

                if below.Length <> given.Length then
                    Shape.fail
                        $"{name}: {given.Length} parts are given for a value of type {value.GetType().Name}, which has {below.Length}; give one for each"

                Array.map2 (fun prefix (_, part, value) -> spread prefix (part, value)) (Array.ofList given) below
                |> Array.concat

        spread prefix (shapeOfTree tree, box tree)

    /// <summary>The tensors of a tree, in a fixed order: fields and elements as they are declared, maps by key.</summary>
    /// <param name="tree">Any tree.</param>
    let leaves (tree: 'T) : Tensor[] =
        let leaves, _, _ = flatten tree
        leaves

    /// <summary>The places of the tensors of a tree, in the order of <c>leaves</c>: <c>[0].Weight</c> is the field Weight of the first
    /// element, <c>[encoder].Item2</c> the second part of a pair in a map, <c>Some.Value</c> what an option holds.</summary>
    /// <param name="tree">Any tree.</param>
    /// <returns>One path for each tensor; the empty path for a tree that is one tensor.</returns>
    let paths (tree: 'T) : string[] =
        let rec below (path: string) (shape: Shape, value: obj) : string[] =
            match shape.Parts value with
            | [||] ->
                let leaves = List<Tensor>()
                shape.Collect value leaves (List<obj>())
                Array.replicate leaves.Count (path.TrimStart '.')
            | parts -> parts |> Array.collect (fun (name, shape, value) -> below (path + name) (shape, value))

        flatten tree |> ignore
        below "" (shapeOfTree tree, box tree)

    /// <summary>A tree of the same structure with every tensor mapped.</summary>
    /// <param name="f">Applied to each tensor.</param>
    /// <param name="tree">Any tree.</param>
    let map (f: Tensor -> Tensor) (tree: 'T) : 'T =
        let leaves, _, rebuild = flatten tree
        rebuild (Array.map f leaves)

    /// <summary>A tree of the same structure with corresponding tensors combined.</summary>
    /// <param name="f">Applied to each pair of tensors.</param>
    /// <param name="a">Any tree.</param>
    /// <param name="b">A tree of the same structure.</param>
    /// <exception cref="T:Hesse.HesseException">The trees have different numbers of tensors.</exception>
    let map2 (f: Tensor -> Tensor -> Tensor) (a: 'T) (b: 'T) : 'T =
        let la, _, rebuild = flatten a
        let lb = leaves b

        if la.Length <> lb.Length then
            Shape.fail $"Tree.map2: the trees have {la.Length} and {lb.Length} tensors; the structures must be the same"

        rebuild (Array.map2 f la lb)

    /// <summary>All elements of a tree as one vector, and the way back.</summary>
    /// <param name="tree">Any tree with P elements in all.</param>
    /// <returns>The vector, shape [P], and the function from such a vector to a tree of the same structure.</returns>
    let ravel (tree: 'T) : Tensor * (Tensor -> 'T) =
        let leaves, _, rebuild = flatten tree
        let sizes = leaves |> Array.map (fun t -> t.Size)
        let starts = Array.scan (+) 0 sizes
        let total = Array.sum sizes

        let flat =
            match leaves with
            | [||] -> Tensor.zeros [ 0 ]
            | [| one |] -> Tensor.flatten one
            | _ ->
                Graph.checkTypes "ravel" (leaves |> Array.map (fun t -> t.Node))
                Tensor.concat 0 (leaves |> Array.map Tensor.flatten)

        let unravel (vector: Tensor) =
            if vector.Shape <> [| total |] then
                Shape.fail
                    $"unravel: expected shape [{total}], got {Shape.show vector.Shape}; this tree has {total} elements"

            leaves
            |> Array.mapi (fun i leaf -> Tensor.reshape leaf.Shape (Tensor.slice 0 starts[i] starts[i + 1] 1 vector))
            |> rebuild

        flat, unravel
