using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Hesse.Cli.Machine;

namespace Hesse.Cli.Results;

/// <summary>The settings that decide the numbers of a run; a run is only resumed with the same ones.</summary>
/// <param name="Seed">Seed of all random numbers.</param>
/// <param name="Quick">Smaller sizes and fewer repetitions.</param>
/// <param name="Ids">The reproductions asked for.</param>
internal sealed record RunSettings(int Seed, bool Quick, IReadOnlyList<string> Ids);

/// <summary>How far a reproduction came.</summary>
internal enum RunState
{
    /// <summary>Not started.</summary>
    Pending,

    /// <summary>Started; a process that was killed leaves this state behind.</summary>
    Running,

    /// <summary>Ran to its end.</summary>
    Finished,

    /// <summary>Stopped by the user.</summary>
    Cancelled,

    /// <summary>Stopped by an error.</summary>
    Failed,
}

/// <summary>A reproduction within a run: what the report says of it beyond its claims.</summary>
internal sealed record ManifestEntry
{
    /// <summary>Identifier.</summary>
    public required string Id { get; init; }

    /// <summary>Title.</summary>
    public required string Title { get; init; }

    /// <summary>Citation of the paper.</summary>
    public required string Citation { get; init; }

    /// <summary>What the paper shows and what was run.</summary>
    public required string Summary { get; init; }

    /// <summary>The claims it is to record.</summary>
    public required IReadOnlyList<string> Claims { get; init; }

    /// <summary>How far it came.</summary>
    public RunState State { get; init; }

    /// <summary>Number of figures in <c>figures/ID-1.json</c>, <c>figures/ID-2.json</c>, …</summary>
    public int Figures { get; init; }

    /// <summary>Wall-clock seconds.</summary>
    public double Seconds { get; init; }

    /// <summary>The error that stopped it, on one line.</summary>
    public string? Error { get; init; }
}

/// <summary>The file <c>run.json</c>: what was run, with which settings, where and when.</summary>
internal sealed record RunManifest
{
    /// <summary>The value of <see cref="Tool"/> in folders made by this program.</summary>
    public const string ToolName = "hesse";

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter<RunState>(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>The program that made the folder.</summary>
    public required string Tool { get; init; }

    /// <summary>The settings.</summary>
    public required RunSettings Settings { get; init; }

    /// <summary>Start of the run, UTC.</summary>
    public required DateTimeOffset StartedUtc { get; init; }

    /// <summary>Versions of Hesse and what it stands on.</summary>
    public required VersionInfo Versions { get; init; }

    /// <summary>The machine.</summary>
    public required MachineInfo Machine { get; init; }

    /// <summary>The reproductions, in the order of the report.</summary>
    public required IReadOnlyList<ManifestEntry> Reproductions { get; init; }

    /// <summary>Writes the file atomically.</summary>
    public void Save(string path) => AtomicFile.WriteAllText(path, JsonSerializer.Serialize(this, Options) + "\n");

    /// <summary>Reads the file.</summary>
    /// <exception cref="UserErrorException">It is damaged.</exception>
    public static RunManifest Load(string path)
    {
        try
        {
            RunManifest manifest = JsonSerializer.Deserialize<RunManifest>(File.ReadAllBytes(path), Options)
                ?? throw new JsonException("it is empty");
            return manifest.Tool == ToolName
                ? manifest
                : throw new JsonException($"its tool is '{manifest.Tool}'");
        }
        catch (JsonException error)
        {
            throw new UserErrorException(
                $"{path} is damaged or was not written by hesse ({ErrorClassifier.SingleLine(error.Message)}); run again into another folder with --out.",
                error);
        }
    }

    /// <summary>The manifest with one entry changed.</summary>
    public RunManifest With(string id, Func<ManifestEntry, ManifestEntry> change)
    {
        var entries = new List<ManifestEntry>(Reproductions);
        int place = entries.FindIndex(e => e.Id == id);
        entries[place] = change(entries[place]);
        return this with { Reproductions = entries };
    }
}
