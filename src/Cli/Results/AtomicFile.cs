using System;
using System.IO;
using System.Text;

namespace Hesse.Cli.Results;

/// <summary>Whole-file writes that a crash cannot leave half done: a temporary file in the same folder, then a rename.</summary>
internal static class AtomicFile
{
    private const string Suffix = ".hesse-tmp";

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Replaces or creates a UTF-8 text file; it is on disk when the call returns.</summary>
    public static void WriteAllText(string path, string text) => WriteAllBytes(path, Utf8.GetBytes(text));

    /// <summary>Replaces or creates a file; it is on disk when the call returns.</summary>
    /// <exception cref="IOException">The folder cannot be written, or the disk is full; the old file is untouched.</exception>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> bytes)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}{Suffix}");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Removes the temporary files that a killed process has left in a folder.</summary>
    public static void RemoveLeftovers(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, $".*{Suffix}"))
        {
            File.Delete(path);
        }
    }
}
