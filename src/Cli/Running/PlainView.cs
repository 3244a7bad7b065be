using System.IO;
using System.Threading;
using Hesse.Reproductions;

namespace Hesse.Cli.Running;

/// <summary>For files and pipes: a line per finished claim and nothing else.</summary>
/// <param name="output">Where the lines go.</param>
internal sealed class PlainView(TextWriter output) : IRunView
{
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public void Start(Reproduction reproduction)
    {
    }

    /// <inheritdoc/>
    public void Progress(string id, double fraction, string what)
    {
    }

    /// <inheritdoc/>
    public void Record(Claim claim) => Note(ClaimText.Line(claim));

    /// <inheritdoc/>
    public void Finish(string id, bool completed)
    {
    }

    /// <inheritdoc/>
    public void Note(string text)
    {
        lock (_lock)
        {
            output.WriteLine(text);
            output.Flush();
        }
    }
}
