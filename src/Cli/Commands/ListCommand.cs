using System.CommandLine;
using System.Linq;
using Hesse.Reproductions;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse list</c>: the reproductions.</summary>
internal static class ListCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host)
    {
        var command = new Command("list", "List the reproductions: identifier, number of claims, title.");
        command.SetAction(_ =>
        {
            int width = host.Reproductions.Select(r => r.Id.Length).DefaultIfEmpty(0).Max();
            foreach (Reproduction reproduction in host.Reproductions)
            {
                string claims = Numbers.Count(reproduction.Claims.Length, "claim");
                host.Out.WriteLine($"{reproduction.Id.PadRight(width)}  {claims,9}  {reproduction.Title}");
            }

            return ExitCode.Success;
        });
        return command;
    }
}
