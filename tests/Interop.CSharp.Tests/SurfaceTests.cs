using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>What the assembly shows to the outside.</summary>
public class SurfaceTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Type[] PublicTypes = typeof(Tensor).Assembly.GetExportedTypes();

    [Fact]
    public void NoFSharpTypeIsInAnyPublicSignature()
    {
        var offenders =
            from type in PublicTypes
            from used in Mentioned(type)
            from part in Parts(used.Type)
            where IsFSharp(part)
            select $"{used.Where}: {part}";

        Assert.Empty(offenders);
    }

    [Fact]
    public void TheWalkSeesFSharpTypesWhereThereAreSome()
    {
        // The same walk over the core must find some, or the test above could not fail.
        var used = typeof(Hesse.Tensor).Assembly.GetExportedTypes().SelectMany(Mentioned).SelectMany(u => Parts(u.Type));
        Assert.Contains(used, t => t.FullName?.StartsWith("Microsoft.FSharp.Core.FSharpFunc", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void TheTypesAreTheDocumentedOnes() =>
        Assert.Equal(
            ["CheckGradients", "Conv", "DerivativePlan", "Diff", "Exact", "Fft", "JacobianMode", "Linalg", "Ode", "Planner", "Probe", "RandomKey", "Sparse", "SparseMatrix", "Tensor"],
            PublicTypes.Select(t => t.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void DiffHasEveryTransformation()
    {
        string[] names =
        [
            "BoundedWhile", "CheckFinite", "Checkpoint", "Compile", "CompileInto", "CompileStaged", "Cond", "ConjugateGradient", "CustomDerivative", "CustomPullback", "Derivative",
            "DerivativeTensor", "Directional", "Explain", "FixedPoint", "Grad", "Hessian", "HessianChunked", "Hvp", "ImplicitOptimum",
            "ImplicitRoot", "ImplicitRootMatrixFree", "Iterate", "JacFwd", "JacRev", "Jacobian", "Jet", "JetSeries", "Jvp", "Laplacian", "LaplacianAlong",
            "LaplacianTerms", "LaplacianWith", "LinearSolve", "LinearTranspose", "Linearize", "MixedJet", "NewtonRoot", "Plan", "Scan", "StochasticLaplacian",
            "StochasticLaplacianWith", "StochasticOperator", "VMap", "VMapChunked", "ValueAndGrad", "ValueGradLaplacian", "Vjp",
            "WhileLoop",
        ];
        Assert.Equal(names, typeof(Diff).GetMethods(BindingFlags.Public | BindingFlags.Static).Select(m => m.Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryReferenceArgumentIsCheckedForNull()
    {
        var methods = PublicTypes
            .SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(m => m.Name != nameof(Equals))
            .Select(m => m.IsGenericMethodDefinition ? m.MakeGenericMethod([.. m.GetGenericArguments().Select(_ => typeof(List<Tensor>))]) : m);
        var checkedArguments = 0;

        foreach (var method in methods)
        {
            var parameters = method.GetParameters();

            foreach (var target in parameters.Where(p => !p.ParameterType.IsValueType))
            {
                var arguments = parameters.Select(p => p == target ? null : Sample(p.ParameterType)).ToArray();
                var instance = method.IsStatic ? null : Sample(method.DeclaringType!);
                var error = Record.Exception(() => method.Invoke(instance, arguments))?.InnerException;
                var because = $"{method.DeclaringType!.Name}.{method.Name}({string.Join(", ", parameters.Select(p => p.ParameterType.Name))}), {target.Name}";
                Assert.True(error is ArgumentNullException { ParamName: { } name } && name == target.Name, $"{because}: {error}");
                checkedArguments++;
            }
        }

        Assert.True(checkedArguments > 100, $"only {checkedArguments} arguments were checked");
    }

    private static object? Sample(Type type)
    {
        var t = Tensor.Scalar(1.0);

        return type switch
        {
            _ when type == typeof(Tensor) => t,
            _ when type == typeof(Tensor[]) => new[] { t },
            _ when type == typeof(List<Tensor>) => new List<Tensor> { t },
            _ when type == typeof(RandomKey) => RandomKey.FromSeed(1),
            _ when type == typeof(string) => "->",
            _ when type == typeof(int[]) => Array.Empty<int>(),
            _ when type == typeof(double[]) => new[] { 1.0 },
            _ when type == typeof(float[]) => new[] { 1f },
            _ when type == typeof(double[,]) => new[,] { { 1.0 } },
            _ when type == typeof(Func<Tensor, Tensor>) => (Func<Tensor, Tensor>)(x => x),
            _ when type == typeof(Func<Tensor, Tensor, Tensor>) => (Func<Tensor, Tensor, Tensor>)((x, _) => x),
            _ when type == typeof(Func<Tensor, Tensor, Tensor, Tensor>) => (Func<Tensor, Tensor, Tensor, Tensor>)((x, _, d) => x * d),
            _ when type == typeof(Func<Tensor[], Tensor>) => (Func<Tensor[], Tensor>)(x => x[0]),
            _ when type == typeof(Func<List<Tensor>, Tensor>) => (Func<List<Tensor>, Tensor>)(x => x[0]),
            _ when type == typeof(Func<List<Tensor>, List<Tensor>>) => (Func<List<Tensor>, List<Tensor>>)(x => x),
            _ when type == typeof(Func<Tensor, List<Tensor>, List<Tensor>>) => (Func<Tensor, List<Tensor>, List<Tensor>>)((_, y) => y),
            _ when type == typeof(Func<Tensor, List<Tensor>, Tensor>) => (Func<Tensor, List<Tensor>, Tensor>)((_, y) => y[0]),
            _ when type == typeof(Func<List<Tensor>, List<Tensor>, (List<Tensor>, List<Tensor>)>) =>
                (Func<List<Tensor>, List<Tensor>, (List<Tensor>, List<Tensor>)>)((c, x) => (c, x)),
            _ when type == typeof(int?[]) => new int?[] { 0 },
            _ when type == typeof(List<Tensor>[]) => new[] { new List<Tensor> { t } },
            _ when type == typeof(DerivativePlan) => Planner.Laplacian(x => x * x, t),
            _ when type == typeof(SparseMatrix) => Sparse.Jacobian(x => x * x, t),
            _ when type == typeof(Func<RandomKey, (double, Tensor[])>) => (Func<RandomKey, (double, Tensor[])>)(_ => (1.0, [t])),
            _ when type.IsValueType => Activator.CreateInstance(type),
            _ => throw new InvalidOperationException($"no sample of {type}"),
        };
    }

    /// <summary>Every type that the public face of a type names: bases, interfaces, attributes, members, constraints.</summary>
    private static IEnumerable<(string Where, Type Type)> Mentioned(Type type)
    {
        yield return (type.Name, type.BaseType ?? typeof(object));

        foreach (var t in type.GetInterfaces().Concat(Attributes(type)).Concat(type.GetGenericArguments().SelectMany(a => a.GetGenericParameterConstraints())))
        {
            yield return (type.Name, t);
        }

        foreach (var member in type.GetMembers(All).Where(IsVisible))
        {
            var types = member switch
            {
                MethodInfo m => m.GetParameters().Select(p => p.ParameterType)
                    .Concat(m.GetParameters().SelectMany(p => p.GetCustomAttributesData().Select(a => a.AttributeType)))
                    .Concat(m.GetGenericArguments().SelectMany(a => a.GetGenericParameterConstraints()))
                    .Append(m.ReturnType),
                ConstructorInfo c => c.GetParameters().Select(p => p.ParameterType),
                PropertyInfo p => p.GetIndexParameters().Select(i => i.ParameterType).Append(p.PropertyType),
                FieldInfo f => [f.FieldType],
                EventInfo e => [e.EventHandlerType!],
                _ => [],
            };

            foreach (var t in types.Concat(Attributes(member)))
            {
                yield return ($"{type.Name}.{member.Name}", t);
            }
        }
    }

    private static IEnumerable<Type> Attributes(MemberInfo member) =>
        member.GetCustomAttributesData().SelectMany(a => a.ConstructorArguments.Select(c => c.Value).OfType<Type>().Append(a.AttributeType));

    private static bool IsVisible(MemberInfo member) => member switch
    {
        MethodBase m => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly,
        FieldInfo f => f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly,
        PropertyInfo p => p.GetAccessors(true).Any(a => IsVisible(a)),
        EventInfo e => IsVisible(e.AddMethod!),
        _ => false,
    };

    /// <summary>A type with its element type and its generic arguments, all the way down.</summary>
    private static IEnumerable<Type> Parts(Type type) =>
        new[] { type }.Concat((type.HasElementType ? [type.GetElementType()!] : type.GetGenericArguments()).SelectMany(t => t.IsGenericParameter ? [] : Parts(t)));

    private static bool IsFSharp(Type type) =>
        type.Assembly.GetName().Name == "FSharp.Core" || (type.Assembly == typeof(Hesse.Tensor).Assembly && type != typeof(HesseException));
}
