using System.Formats.Tar;
using System.IO;
using System.IO.Compression;

namespace Hesse.Cli.Plotly;

/// <summary>Reads gzip-compressed tar archives.</summary>
internal static class Tarball
{
    /// <summary>The content of one file of an archive; nothing is written to disk.</summary>
    /// <param name="stream">The compressed archive.</param>
    /// <param name="name">The name of the file in the archive, with forward slashes.</param>
    /// <exception cref="InvalidDataException">The archive is damaged, or has no such file.</exception>
    public static byte[] ReadFile(Stream stream, string name)
    {
        try
        {
            using var unzipped = new GZipStream(stream, CompressionMode.Decompress);
            using var archive = new TarReader(unzipped);
            while (archive.GetNextEntry() is { } entry)
            {
                if (entry.Name == name && entry.DataStream is { } data)
                {
                    using var content = new MemoryStream();
                    data.CopyTo(content);
                    return content.ToArray();
                }
            }
        }
        catch (EndOfStreamException error)
        {
            throw new InvalidDataException("the archive ends too early", error);
        }

        throw new InvalidDataException($"the archive has no file {name}");
    }
}
