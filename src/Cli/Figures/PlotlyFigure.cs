using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hesse.Reproductions;
using Microsoft.FSharp.Collections;

namespace Hesse.Cli.Figures;

/// <summary>
/// A figure as Plotly JSON, <c>{ data, layout }</c>, and back. What Plotly does not know (the caption, and the
/// place of a series in the palette) is in <c>meta</c>. Numbers that are not finite become null, which Plotly draws as a gap.
/// </summary>
internal static class PlotlyFigure
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a figure.</summary>
    /// <exception cref="ArgumentException">A series has different numbers of x and y values.</exception>
    public static string Write(Figure figure)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, WriterOptions))
        {
            json.WriteStartObject();
            json.WriteStartArray("data");
            foreach ((Series series, int colour) in figure.Series.Zip(SeriesColours.Of(figure)))
            {
                WriteTrace(json, figure, series, colour);
            }

            json.WriteEndArray();
            json.WriteStartObject("layout");
            WriteText(json, "title", figure.Title);
            WriteAxis(json, "xaxis", figure.XLabel, figure.LogX);
            WriteAxis(json, "yaxis", figure.YLabel, figure.LogY);
            json.WriteString("barmode", "group");
            json.WriteBoolean("showlegend", figure.Series.Length > 1);
            json.WriteStartObject("meta");
            json.WriteString("caption", figure.Caption);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Reads a figure that <see cref="Write"/> has written.</summary>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static Figure Read(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text);
            JsonElement root = JsonElement.ParseValue(ref reader);
            JsonElement layout = root.GetProperty("layout");
            JsonElement x = layout.GetProperty("xaxis");
            JsonElement y = layout.GetProperty("yaxis");
            return new Figure(
                TextOf(layout.GetProperty("title")),
                layout.GetProperty("meta").GetProperty("caption").GetString()!,
                TextOf(x.GetProperty("title")),
                TextOf(y.GetProperty("title")),
                IsLog(x),
                IsLog(y),
                ListModule.OfSeq(root.GetProperty("data").EnumerateArray().Select(ReadTrace)));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("it is no figure of hesse", error);
        }
    }

    private static void WriteTrace(Utf8JsonWriter json, Figure figure, Series series, int number)
    {
        if (series.X.Length != series.Y.Length)
        {
            throw new ArgumentException(
                $"figure '{figure.Title}', series '{series.Name}': got {series.X.Length} x values and {series.Y.Length} y values, wanted as many of each.");
        }

        string colour = Palette.Light(number);
        json.WriteStartObject();
        json.WriteString("type", series.Mark.IsBars ? "bar" : "scatter");
        json.WriteString("name", series.Name);
        json.WriteStartObject("meta");
        json.WriteNumber("palette", number);
        json.WriteEndObject();
        if (series.Mark.IsMarkers)
        {
            json.WriteString("mode", "markers");
            json.WriteStartObject("marker");
            json.WriteString("color", colour);
            json.WriteNumber("size", 8);
            json.WriteString("symbol", Palette.Symbol(number));
            json.WriteEndObject();
        }
        else if (series.Mark.IsBars)
        {
            json.WriteStartObject("marker");
            json.WriteString("color", colour);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("mode", "lines");
            json.WriteStartObject("line");
            json.WriteString("color", colour);
            json.WriteNumber("width", 2);
            json.WriteString("dash", series.Mark.IsDashedLines ? "dash" : "solid");
            json.WriteEndObject();
        }

        WriteNumbers(json, "x", series.X);
        WriteNumbers(json, "y", series.Y);
        json.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, double[] values)
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

    private static void WriteAxis(Utf8JsonWriter json, string name, string label, bool log)
    {
        json.WriteStartObject(name);
        WriteText(json, "title", label);
        json.WriteString("type", log ? "log" : "linear");
        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, string name, string text)
    {
        json.WriteStartObject(name);
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    private static Series ReadTrace(JsonElement trace)
    {
        Mark mark = trace.GetProperty("type").ValueEquals("bar") ? Mark.Bars
            : trace.GetProperty("mode").ValueEquals("markers") ? Mark.Markers
            : trace.GetProperty("line").GetProperty("dash").ValueEquals("dash") ? Mark.DashedLines
            : Mark.Lines;
        double[] x = ReadNumbers(trace.GetProperty("x"));
        double[] y = ReadNumbers(trace.GetProperty("y"));
        return x.Length == y.Length
            ? new Series(trace.GetProperty("name").GetString(), mark, x, y)
            : throw new FormatException("a series has different numbers of x and y values");
    }

    private static double[] ReadNumbers(JsonElement values) =>
        [.. values.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Null ? double.NaN : v.GetDouble())];

    private static string TextOf(JsonElement title) => title.GetProperty("text").GetString()!;

    private static bool IsLog(JsonElement axis) => axis.GetProperty("type").ValueEquals("log");
}
