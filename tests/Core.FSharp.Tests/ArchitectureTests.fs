/// The layers' arrows point down only, and every public member is documented.
module Hesse.Tests.ArchitectureTests

open System
open System.IO
open System.Reflection
open System.Xml.Linq
open Hesse
open Xunit

let private core = typeof<Tensor>.Assembly
let private kernels = typeof<Hesse.Kernels.Plan>.Assembly

let private references (assembly: Assembly) =
    assembly.GetReferencedAssemblies()
    |> Array.map (fun a -> a.Name)
    |> Array.filter (fun name -> name.StartsWith("Hesse", StringComparison.Ordinal))

[<Fact>]
let ``kernels refer to no Hesse assembly, and the core only to kernels`` () =
    Assert.Equal("Hesse", core.GetName().Name)
    Assert.Equal("Hesse.Kernels", kernels.GetName().Name)
    Assert.Empty(references kernels)
    Assert.Equal<string[]>([| "Hesse.Kernels" |], references core)

[<Fact>]
let ``no public signature of the core shows a type of the kernels other than the exception, the precision and the table of a plan``
    ()
    =
    let shown = [ typeof<DType>; typeof<PlanTable>; typeof<PlanRow> ]

    let rec parts (t: Type) = seq {
        t

        for a in t.GetGenericArguments() do
            yield! parts a
    }

    let everything =
        BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly

    for t in core.GetExportedTypes() do
        for m in t.GetMethods everything do
            for p in Seq.append [ m.ReturnType ] (m.GetParameters() |> Seq.map (fun p -> p.ParameterType)) do
                for q in parts p do
                    let isKernels = obj.ReferenceEquals(q.Assembly, kernels) && not (List.contains q shown)
                    Assert.False(isKernels, $"{t.Name}.{m.Name} shows {q.Name}")

/// The documentation file that the compiler wrote next to the assembly: entries by member name.
let private documentation (assembly: Assembly) =
    let file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml")

    [
        for m in XDocument.Load(file).Descendants(XName.Get "member") -> m.Attribute(XName.Get "name").Value, m
    ]

let private text (e: XElement) = if isNull e then "" else e.Value.Trim()

let private isGenerated (m: MemberInfo) =
    m.Name.StartsWith("<", StringComparison.Ordinal)
    || (m.Name = "Tags"
        && not (isNull m.DeclaringType)
        && FSharp.Reflection.FSharpType.IsUnion m.DeclaringType)
    || m.GetCustomAttributes(true)
       |> Array.exists (fun a -> a.GetType().Name = "CompilerGeneratedAttribute")

/// "M:Hesse.DiffModule.grad" of "M:Hesse.DiffModule.grad``1(…)".
let private bareName (id: string) = id.Split('(').[0].Split("``").[0]

/// What is missing in the docs of the public functions and methods of an assembly.
let private gaps (assembly: Assembly) = [
    let docs = documentation assembly |> List.map (fun (id, e) -> bareName id, e)

    let everything =
        BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.Static ||| BindingFlags.DeclaredOnly

    for t in assembly.GetExportedTypes() do
        // A union's Tags and case classes are the compiler's.
        let ofUnion = not (isNull t.DeclaringType) && FSharp.Reflection.FSharpType.IsUnion t.DeclaringType

        if not (isGenerated t || ofUnion) then
            let typeName = t.FullName.Replace('+', '.')

            if
                docs
                |> List.forall (fun (id, e) -> id <> $"T:{typeName}" || text (e.Element(XName.Get "summary")) = "")
            then
                $"{typeName}: no summary"

            for m in t.GetMethods everything do
                // Operators are what they say; overrides inherit their docs; equality and comparison are the compiler's.
                let exempt =
                    isGenerated m
                    || m.IsSpecialName
                    || m.GetBaseDefinition().DeclaringType <> m.DeclaringType
                    || Array.contains m.Name [| "Equals"; "GetHashCode"; "CompareTo"; "ToString"; "Pow" |]
                    || m.Name.StartsWith("op_", StringComparison.Ordinal)

                if not exempt then
                    let parameters = m.GetParameters() |> Array.map (fun p -> p.Name)

                    let entries = docs |> List.filter (fun (id, _) -> id = $"M:{typeName}.{m.Name}") |> List.map snd

                    let documents (e: XElement) =
                        let named =
                            e.Elements(XName.Get "param")
                            |> Seq.filter (fun p -> text p <> "")
                            |> Seq.map (fun p -> p.Attribute(XName.Get "name").Value)
                            |> Set.ofSeq

                        text (e.Element(XName.Get "summary")) <> "" && parameters |> Array.forall named.Contains

                    if not (List.exists documents entries) then
                        let list = String.Join(", ", parameters)
                        $"{typeName}.{m.Name}({list}): no summary, or not every parameter"

            for p in t.GetProperties everything do
                let inherits = p.CanRead && p.GetMethod.GetBaseDefinition().DeclaringType <> p.DeclaringType

                if not (isGenerated p || inherits) then
                    let entries = docs |> List.filter (fun (id, _) -> id = $"P:{typeName}.{p.Name}")

                    if not (entries |> List.exists (fun (_, e) -> text (e.Element(XName.Get "summary")) <> "")) then
                        $"{typeName}.{p.Name}: no summary"
]

let private complete (assembly: Assembly) =
    match gaps assembly with
    | [] -> ()
    | missing -> Assert.Fail(String.Join("\n", missing))

[<Fact>]
let ``every public member of the core has a summary and all its parameters`` () = complete core

[<Fact>]
let ``every public member of the kernels has a summary and all its parameters`` () = complete kernels
