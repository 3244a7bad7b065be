using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hesse.Cli.Machine;
using Hesse.Theory;

namespace Hesse.Cli.Summary;

/// <summary>A summary as JSON: settings, machine, numbers with their certificates, eigenvalues, quadrature nodes and weights.</summary>
internal static class SummaryJson
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Indented = true,
    };

    /// <summary>Writes a summary. Numbers that are not finite are null.</summary>
    public static string Write(
        ModelCurvatureRequest request, ModelCurvatureFacts facts, SummaryResults results, VersionInfo versions, MachineInfo machine, DateTimeOffset started)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            json.WriteStartObject();
            json.WriteBoolean("complete", results.Complete);
            json.WriteString("startedUtc", started.UtcDateTime);
            json.WritePropertyName("request");
            JsonSerializer.Serialize(json, request);
            json.WriteStartObject("model");
            json.WriteString("kind", facts.Kind);
            json.WriteString("architecture", facts.Architecture);
            Numbers(json, "widths", Array.ConvertAll(facts.Widths, w => (double)w));
            json.WriteNumber("parameters", facts.Parameters);
            json.WriteString("activation", facts.Activation);
            json.WriteNumber("rows", facts.Rows);
            Number(json, "accuracy", facts.Accuracy);
            json.WriteEndObject();
            json.WritePropertyName("versions");
            JsonSerializer.Serialize(json, versions);
            json.WritePropertyName("machine");
            JsonSerializer.Serialize(json, machine);
            json.WriteStartArray("measurements");
            foreach (Measurement m in results.Measurements)
            {
                Measurement(json, m);
            }

            json.WriteEndArray();
            if (results.LeadingPairs is { } leading)
            {
                json.WriteStartArray("eigenpairs");
                foreach (Eigenpair pair in leading.Pairs)
                {
                    json.WriteStartObject();
                    Number(json, "value", pair.Value);
                    Number(json, "residual", pair.Residual);
                    Number(json, "errorBound", pair.ErrorBound);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            if (results.SpectralDensity is { } density)
            {
                json.WriteStartArray("density");
                for (int probe = 0; probe < density.Nodes.Length; probe++)
                {
                    json.WriteStartObject();
                    Numbers(json, "nodes", density.Nodes[probe]);
                    Numbers(json, "weights", density.Weights[probe]);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    private static void Measurement(Utf8JsonWriter json, Measurement m)
    {
        json.WriteStartObject();
        json.WriteString("name", m.Name);
        json.WriteString("symbol", m.Symbol);
        Number(json, "value", m.Value);
        Number(json, "lower", m.Lower);
        Number(json, "upper", m.Upper);
        json.WriteString("certificate", m.Certificate);
        json.WriteNumber("products", m.Products);
        Number(json, "seconds", m.Seconds);
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            if (double.IsFinite(value))
            {
                json.WriteNumberValue(value);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
