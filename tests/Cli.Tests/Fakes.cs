using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hesse.Reproductions;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace Hesse.Cli.Tests;

/// <summary>Reproductions that behave in one known way each.</summary>
internal static class Fakes
{
    public static Claim Claim(
        string paper, string claim, double measured = 1.0, double predicted = 1.0, double tolerance = 0.1, int seed = 0) => new(
        paper, claim, Status.Theorem, $"Statement of {claim}.", "a = b (eq. 1)", predicted, measured, tolerance, Relation.Absolute, "A detail.", seed, 0.2);

    public static Figure Figure(params Series[] series) => Figure(false, false, series);

    public static Figure Figure(bool logX, bool logY, params Series[] series) => new(
        "A title", "A caption.", "x axis", "y axis", logX, logY, ListModule.OfSeq(series));

    public static Series Line(string name, double[] x, double[] y) => new(name, Mark.Lines, x, y);

    public static Reproduction Reproduction(string id, IEnumerable<string> claims, Action<Context> run) => new(
        id, $"Title of {id}", $"Author, Paper on {id}, 2020", $"Summary of {id}.", ListModule.OfSeq(claims), FuncConvert.FromAction(run));

    /// <summary>Two claims that hold and two figures; the measured value is the seed, so that re-runs show.</summary>
    public static Reproduction Passing(string id = "passing") => Reproduction(id, ["first", "second"], context =>
    {
        context.Progress.Invoke(0.5).Invoke("halfway");
        context.Record.Invoke(Claim(id, "first", measured: context.Seed, predicted: context.Seed, seed: context.Seed));
        context.Draw.Invoke(Figure(Line("line", [0, 1, 2], [0, 1, 4])));
        context.Record.Invoke(Claim(id, "second", seed: context.Seed));
        context.Draw.Invoke(Figure(false, true, Line("log", [0, 1, 2], [1, 10, 100])));
        context.Progress.Invoke(1.0).Invoke("done");
    });

    public static Reproduction Failing() => Reproduction("failing", ["good", "bad"], context =>
    {
        context.Record.Invoke(Claim("failing", "good"));
        context.Record.Invoke(Claim("failing", "bad", measured: 2.0));
    });

    public static Reproduction Throwing(string id, Func<Exception> error) => Reproduction(id, ["never"], _ => throw error());

    /// <summary>Records its first claim, calls back, then waits for cancellation when told so.</summary>
    public static Reproduction Slow(Func<bool> wait, Action afterFirst) => Reproduction("slow", ["early", "late"], context =>
    {
        context.Record.Invoke(Claim("slow", "early", seed: context.Seed));
        afterFirst();
        if (wait())
        {
            Assert(context.Cancellation.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
            context.Cancellation.ThrowIfCancellationRequested();
        }

        context.Record.Invoke(Claim("slow", "late", seed: context.Seed));
    });

    private static void Assert(bool cancelled) => Xunit.Assert.True(cancelled, "the run was not cancelled within 30 s");
}
