using System;
using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hesse.Reproductions;

namespace Hesse.Cli.Results;

/// <summary>A claim as one line of JSON: doubles round-trip, and those JSON cannot write are the strings "NaN", "Infinity", "-Infinity".</summary>
internal static class ClaimJson
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a claim as one line, without the line end.</summary>
    public static string Write(Claim claim)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("paper", claim.Paper);
            json.WriteString("claim", claim.Claim);
            WriteDouble(json, "predicted", claim.Predicted);
            WriteDouble(json, "measured", claim.Measured);
            WriteDouble(json, "tolerance", claim.Tolerance);
            json.WriteBoolean("holds", claim.Holds);
            json.WriteNumber("seed", claim.Seed);
            WriteDouble(json, "seconds", claim.Seconds);
            json.WriteString("relation", RelationName(claim.Relation));
            json.WriteString("status", StatusName(claim.Status));
            json.WriteString("statement", claim.Statement);
            json.WriteString("formula", claim.Formula);
            json.WriteString("detail", claim.Detail);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Reads a claim back.</summary>
    /// <exception cref="FormatException">The line is no claim; the message says why, without naming the place.</exception>
    public static Claim Read(ReadOnlySpan<byte> line)
    {
        JsonElement root;
        try
        {
            var reader = new Utf8JsonReader(line);
            root = JsonElement.ParseValue(ref reader);
            if (reader.Read())
            {
                throw new FormatException("more than one JSON value");
            }
        }
        catch (JsonException error)
        {
            throw new FormatException("it is not complete JSON", error);
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("it is not a JSON object");
        }

        var claim = new Claim(
            Text(root, "paper"),
            Text(root, "claim"),
            ParseStatus(Text(root, "status")),
            Text(root, "statement"),
            Text(root, "formula"),
            Number(root, "predicted"),
            Number(root, "measured"),
            Number(root, "tolerance"),
            ParseRelation(Text(root, "relation")),
            Text(root, "detail"),
            Integer(root, "seed"),
            Number(root, "seconds"));
        JsonElement holds = Property(root, "holds");
        if (holds.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            throw new FormatException("\"holds\" is neither true nor false");
        }

        return holds.GetBoolean() == claim.Holds
            ? claim
            : throw new FormatException("\"holds\" contradicts its numbers");
    }

    /// <summary>The name of a relation in the ledger.</summary>
    public static string RelationName(Relation relation) => relation.Tag switch
    {
        Relation.Tags.Absolute => "absolute",
        Relation.Tags.Relative => "relative",
        Relation.Tags.AtMost => "at-most",
        _ => "at-least",
    };

    /// <summary>The name of a status in the ledger.</summary>
    public static string StatusName(Status status) => status.Tag switch
    {
        Status.Tags.Theorem => "theorem",
        Status.Tags.Prediction => "prediction",
        _ => "observation",
    };

    private static Relation ParseRelation(string name) => name switch
    {
        "absolute" => Relation.Absolute,
        "relative" => Relation.Relative,
        "at-most" => Relation.AtMost,
        "at-least" => Relation.AtLeast,
        _ => throw new FormatException($"\"relation\" is \"{name}\""),
    };

    private static Status ParseStatus(string name) => name switch
    {
        "theorem" => Status.Theorem,
        "prediction" => Status.Prediction,
        "observation" => Status.Observation,
        _ => throw new FormatException($"\"status\" is \"{name}\""),
    };

    private static void WriteDouble(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteString(
                name, double.IsNaN(value) ? "NaN" : double.IsPositiveInfinity(value) ? "Infinity" : "-Infinity");
        }
    }

    private static JsonElement Property(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value)
            ? value
            : throw new FormatException($"\"{name}\" is missing");

    private static string Text(JsonElement root, string name)
    {
        JsonElement value = Property(root, name);
        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new FormatException($"\"{name}\" is not a string");
    }

    private static int Integer(JsonElement root, string name)
    {
        JsonElement value = Property(root, name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : throw new FormatException($"\"{name}\" is not a whole number");
    }

    private static double Number(JsonElement root, string name)
    {
        JsonElement value = Property(root, name);
        return value.ValueKind switch
        {
            JsonValueKind.Number => value.GetDouble(),
            JsonValueKind.String when value.ValueEquals("NaN") => double.NaN,
            JsonValueKind.String when value.ValueEquals("Infinity") => double.PositiveInfinity,
            JsonValueKind.String when value.ValueEquals("-Infinity") => double.NegativeInfinity,
            _ => throw new FormatException($"\"{name}\" is not a number"),
        };
    }
}
