using System;
using System.Diagnostics;

namespace Hesse.Kernels;

/// <summary>Whether a plan runs on the team or on the calling thread alone: whichever took less time lately.</summary>
/// <remarks>
/// What it costs two threads to meet depends on where they run: some 0.1 µs on cores that share a cache, more than 1 µs on others, and a
/// virtual machine may be moved from one to the other at any time. So a plan is timed both ways: now and then a few runs go the other
/// way, seldom while the team is clearly faster. Results do not depend on it.
/// </remarks>
internal sealed class TeamChoice
{
    /// <summary>Runs of a trial, of which the fastest counts; one of a plan that takes milliseconds.</summary>
    private const int TrialRuns = 3;

    /// <summary>Runs before a trial of the team is given up because the workers do not come.</summary>
    private const int MostTries = 24;

    private const int BeforeFirst = 16;

    /// <summary>Runs from a trial to the next one; of plans that take milliseconds; and while the team is clearly faster.</summary>
    private const int Between = 100;

    private const int BetweenSlow = 25;

    private const int BetweenSeldom = 4000;

    /// <summary>The team is clearly faster when it takes less than this part of the time of one thread.</summary>
    private const double Clearly = 0.75;

    /// <summary>Part of the time that the other way must save.</summary>
    private const double WorthChanging = 0.95;

    /// <summary>Weight of a new time in the mean.</summary>
    private const double Weight = 0.125;

    /// <summary>A plan that takes longer is on the team without trials: its steps are long, and meeting costs it little.</summary>
    private static readonly long Long = Stopwatch.Frequency / 20;

    /// <summary>Ticks from which a plan is one of milliseconds.</summary>
    private static readonly long Slow = Stopwatch.Frequency / 500;

    /// <summary>Trials begin at most so often, as plans of a microsecond follow each other closely.</summary>
    private static readonly TimeSpan LeastPause = TimeSpan.FromMilliseconds(5);

    private double together;
    private double alone;
    private double best;
    private int samples;
    private int tries;
    private int runs;
    private int until = BeforeFirst;
    private long lastTrial;

    /// <summary>What the plan does outside trials.</summary>
    public bool PrefersTeam { get; private set; } = true;

    /// <summary>Whether the run in hand is one of a trial.</summary>
    public bool IsTrial { get; private set; }

    /// <summary>Whether the next run is to be on the team.</summary>
    /// <param name="now">The time, in ticks of <see cref="Stopwatch"/>.</param>
    public bool Next(long now)
    {
        bool seldom = PrefersTeam && together < Clearly * alone;
        if (!IsTrial
            && ++runs >= (seldom ? BetweenSeldom : until)
            && together < Long
            && Stopwatch.GetElapsedTime(lastTrial, now) >= LeastPause)
        {
            IsTrial = true;
            best = double.MaxValue;
            (samples, tries) = (0, 0);
        }

        return PrefersTeam != IsTrial;
    }

    /// <summary>A run is over.</summary>
    /// <param name="onTeam">Whether all threads ran it from its first step on.</param>
    /// <param name="onCaller">Whether the caller ran all of it.</param>
    /// <param name="time">What it took, in ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="now">The time.</param>
    public void Note(bool onTeam, bool onCaller, double time, long now)
    {
        if (IsTrial)
        {
            tries++;
            if (PrefersTeam ? onCaller : onTeam)
            {
                samples++;
                best = Math.Min(best, time);
            }

            if (samples >= (IsSlow ? 1 : TrialRuns) || tries >= MostTries)
            {
                EndTrial(now);
            }
        }
        else if (PrefersTeam ? onTeam : onCaller)
        {
            ref double mean = ref PrefersTeam ? ref together : ref alone;

            // A run that was held up counts twice the mean at most.
            mean = mean == 0 ? time : mean + (Weight * (Math.Min(time, 2 * mean) - mean));
        }
    }

    private bool IsSlow => (PrefersTeam ? together : alone) > Slow;

    private void EndTrial(long now)
    {
        IsTrial = false;
        lastTrial = now;
        runs = 0;
        until = IsSlow ? BetweenSlow : Between;
        if (samples > 0)
        {
            (double usual, double other) = (PrefersTeam ? together : alone, best);
            (PrefersTeam ? ref alone : ref together) = best;
            if (usual > 0 && other < WorthChanging * usual)
            {
                PrefersTeam = !PrefersTeam;
            }
        }
    }
}
