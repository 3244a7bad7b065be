using System;
using System.Collections.Generic;
using Hesse.Cli.Results;

namespace Hesse.Cli.Running;

/// <summary>How a run ended.</summary>
/// <param name="Manifest">The manifest as it was last written.</param>
/// <param name="Cancelled">Whether the user stopped it.</param>
/// <param name="Failures">The reproductions that an error stopped, in order.</param>
internal sealed record RunOutcome(RunManifest Manifest, bool Cancelled, IReadOnlyList<RunFailure> Failures);

/// <summary>An error that stopped a reproduction.</summary>
/// <param name="Id">The reproduction.</param>
/// <param name="Error">The error.</param>
/// <param name="IsUserError">Whether the user can act on it; otherwise it is a bug in Hesse.</param>
internal sealed record RunFailure(string Id, Exception Error, bool IsUserError)
{
    /// <summary>The error on one line.</summary>
    public string OneLine => IsUserError
        ? $"{Id}: {ErrorClassifier.OneLine(Error)}"
        : $"{Id}: internal error ({Error.GetType().Name}: {ErrorClassifier.OneLine(Error)})";
}
