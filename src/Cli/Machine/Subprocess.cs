using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Hesse.Cli.Machine;

/// <summary>Runs another program with a time limit.</summary>
internal static class Subprocess
{
    /// <summary>What a finished program left.</summary>
    /// <param name="ExitCode">Its exit code.</param>
    /// <param name="Output">Its standard output.</param>
    /// <param name="Error">Its standard error.</param>
    internal readonly record struct Result(int ExitCode, string Output, string Error);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">File name or path.</param>
    /// <param name="arguments">Arguments, unquoted.</param>
    /// <param name="folder">Working folder; null for the current one.</param>
    /// <param name="limit">Time after which the program and its children are ended.</param>
    /// <exception cref="InvalidOperationException">It cannot be started, or ran past the limit.</exception>
    public static Result Run(string program, IReadOnlyList<string> arguments, string? folder, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder ?? string.Empty,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            CreateNoWindow = true,
        };
        using Process process = Start(start);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using var timer = new CancellationTokenSource(limit);
        try
        {
            Task.WhenAll(output, error, process.WaitForExitAsync(timer.Token)).WaitAsync(timer.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{program} did not end within {limit.TotalSeconds:0} s");
        }

        return new Result(process.ExitCode, output.Result, error.Result);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException($"{start.FileName} did not start: {error.Message}", error);
        }
    }
}
