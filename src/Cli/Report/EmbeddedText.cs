using System;
using System.IO;
using System.Text;

namespace Hesse.Cli.Report;

/// <summary>Reads the text files that are part of this assembly.</summary>
internal static class EmbeddedText
{
    /// <summary>The content of a file by its logical name.</summary>
    public static string Read(string name)
    {
        using Stream stream = typeof(EmbeddedText).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the assembly lacks its resource {name}");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
