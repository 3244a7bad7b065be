using System;
using System.Text;

namespace Hesse.Cli.Report;

/// <summary>Escapes text for HTML, and scripts and JSON for script elements.</summary>
internal static class Html
{
    /// <summary>Escapes text for element content and for attribute values in quotes; characters XML forbids are dropped.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&#39;"),
                < ' ' and not ('\n' or '\t') => escaped,
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    /// <summary>
    /// Makes JSON safe within a script element. Within JSON text a less-than sign only stands in strings, where it may be written \u003c.
    /// </summary>
    public static string ScriptJson(string json) => json.Replace("<", "\\u003c", StringComparison.Ordinal);

    /// <summary>
    /// Makes JavaScript safe within a script element: in strings, templates and regular expressions, the only places of a
    /// working script where these sequences stand, a backslash before the slash or the exclamation mark changes nothing.
    /// </summary>
    public static string Script(string script) => script
        .Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase)
        .Replace("<!--", "<\\!--", StringComparison.Ordinal);
}
