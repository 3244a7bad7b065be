using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.FSharp.Collections;

namespace Hesse.Cli.Machine;

/// <summary>Versions that a number in the report may depend on.</summary>
/// <param name="Hesse">Hesse, with the commit where known.</param>
/// <param name="DotNet">The .NET runtime.</param>
/// <param name="FSharpCore">The F# core library.</param>
/// <param name="MatrixProduct">The matrix product in use.</param>
/// <param name="LinearAlgebra">The decompositions in use.</param>
internal sealed record VersionInfo(
    string Hesse, string DotNet, string FSharpCore, string MatrixProduct, string LinearAlgebra)
{
    /// <summary>The versions of this process.</summary>
    public static VersionInfo Current(BackendNames backend) => new(
        Of(typeof(VersionInfo).Assembly),
        RuntimeInformation.FrameworkDescription,
        typeof(FSharpList<int>).Assembly.GetName().Version?.ToString() ?? "unknown",
        backend.MatrixProduct,
        backend.LinearAlgebra);

    private static string Of(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
        ?? assembly.GetName().Version?.ToString()
        ?? "unknown";
}
