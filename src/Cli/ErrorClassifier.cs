using System;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Hesse.Cli;

/// <summary>Tells errors a user can act on from bugs in Hesse, and puts either on one line.</summary>
internal static class ErrorClassifier
{
    /// <summary>
    /// True when the user can act on the error: bad arguments, files or data. Everything else is a bug in Hesse.
    /// An aggregate counts as a user error when all its parts do.
    /// </summary>
    public static bool IsUserError(Exception error) => error switch
    {
        AggregateException many => many.InnerExceptions.Count > 0 && many.InnerExceptions.All(IsUserError),
        TargetInvocationException { InnerException: { } inner } => IsUserError(inner),
        TypeInitializationException { InnerException: { } inner } => IsUserError(inner),
        ArgumentNullException => false,
        UserErrorException or IOException or UnauthorizedAccessException => true,
        HesseException or InvalidDataException or ArgumentException => true,
        _ => false,
    };

    /// <summary>True when the error only says that the given run was cancelled.</summary>
    public static bool IsCancellation(Exception error) => error switch
    {
        OperationCanceledException => true,
        AggregateException many => many.InnerExceptions.Count > 0 && many.InnerExceptions.All(IsCancellation),
        TargetInvocationException { InnerException: { } inner } => IsCancellation(inner),
        _ => false,
    };

    /// <summary>The message of the innermost cause that says something, on one line.</summary>
    public static string OneLine(Exception error)
    {
        Exception cause = error;
        while (cause is AggregateException or TargetInvocationException or TypeInitializationException
               && cause.InnerException is { } inner)
        {
            cause = inner;
        }

        string message = cause is ArgumentException { ParamName: { } name }
            ? cause.Message.Replace($" (Parameter '{name}')", string.Empty, StringComparison.Ordinal)
            : cause.Message;
        return SingleLine(message);
    }

    /// <summary>Joins the lines of a text with single blanks.</summary>
    public static string SingleLine(string text) =>
        string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
