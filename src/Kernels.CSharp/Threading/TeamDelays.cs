using System;
using System.Diagnostics;

namespace Hesse.Kernels;

/// <summary>Time that the caller of a team loses to threads that other processes keep from running.</summary>
/// <remarks>
/// A caller that waits much longer than its own work took is held up. When that costs a good part of a run, the team parts at the next
/// meeting and rests, twice as long for every such run in a row.
/// </remarks>
internal sealed class TeamDelays
{
    /// <summary>A wait that only a thread which does not run explains.</summary>
    private static readonly TimeSpan LongWait = TimeSpan.FromMicroseconds(200);

    /// <summary>Time that a run may lose by such waits: so much, and a part of the whole.</summary>
    private static readonly TimeSpan MostLost = TimeSpan.FromMilliseconds(1);

    private const double MostLostPart = 0.2;

    /// <summary>How long the team rests after the first such run.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(1);

    /// <summary>Such runs in a row after which the rest grows no longer: 64 ms, some turns of a scheduler.</summary>
    private const int MostSlowRuns = 6;

    private int slowRuns;
    private TimeSpan lost;
    private long start;
    private long lastLeft;
    private long lastSlow;

    /// <summary>Whether the run in hand loses too much.</summary>
    public bool AreTooMany { get; private set; }

    /// <summary>Whether the team rests.</summary>
    public bool Rests => slowRuns > 0 && Stopwatch.GetElapsedTime(lastSlow) < Rest * (1 << slowRuns);

    /// <summary>A run begins.</summary>
    public void Begin()
    {
        AreTooMany = false;
        lost = TimeSpan.Zero;
        start = lastLeft = Stopwatch.GetTimestamp();
    }

    /// <summary>A wait of the caller is over.</summary>
    /// <param name="arrived">Timestamp of its beginning.</param>
    public void Note(long arrived)
    {
        long left = Stopwatch.GetTimestamp();
        TimeSpan wait = Stopwatch.GetElapsedTime(arrived, left);
        if (wait > LongWait && wait > Stopwatch.GetElapsedTime(lastLeft, arrived) / 2)
        {
            lost += wait;
            AreTooMany = lost > MostLost + (Stopwatch.GetElapsedTime(start, left) * MostLostPart);
        }

        lastLeft = left;
    }

    /// <summary>A run is over.</summary>
    public void End()
    {
        slowRuns = AreTooMany ? Math.Min(slowRuns + 1, MostSlowRuns) : 0;
        lastSlow = Stopwatch.GetTimestamp();
    }
}
