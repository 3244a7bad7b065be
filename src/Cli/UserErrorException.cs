using System;

namespace Hesse.Cli;

/// <summary>A mistake in usage or input: the message is one line that says what is wrong and what to do.</summary>
internal sealed class UserErrorException : Exception
{
    /// <summary>Makes an error whose message is shown as it is.</summary>
    public UserErrorException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an error whose message is shown as it is, keeping its cause.</summary>
    public UserErrorException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
