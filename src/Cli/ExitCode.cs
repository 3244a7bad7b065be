namespace Hesse.Cli;

/// <summary>Exit codes of the <c>hesse</c> command.</summary>
internal static class ExitCode
{
    /// <summary>Every claim holds (or there was nothing to check).</summary>
    public const int Success = 0;

    /// <summary>At least one claim fails, or was not recorded.</summary>
    public const int ClaimFails = 1;

    /// <summary>Bad usage or bad input, or a bug in Hesse; one line on standard error says which.</summary>
    public const int BadInput = 2;

    /// <summary>Interrupted by Ctrl-C (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}
