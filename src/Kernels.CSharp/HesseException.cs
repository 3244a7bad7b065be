using System;

namespace Hesse;

/// <summary>The one exception that Hesse raises for a mistake in the caller's input: a bad shape, a bad file, a non-finite
/// number, an impossible size.</summary>
/// <remarks>
/// The message is one sentence that names the operation, what it got, what it wanted and what to do. The type lives in the lowest
/// layer, so that a check may stand where the mistake first shows.
/// </remarks>
public sealed class HesseException : Exception
{
    /// <summary>An error with its underlying cause.</summary>
    /// <param name="message">What went wrong and what to do.</param>
    /// <param name="inner">The cause.</param>
    public HesseException(string message, Exception? inner)
        : base(message, inner)
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">What went wrong and what to do.</param>
    public HesseException(string message)
        : base(message)
    {
    }
}
