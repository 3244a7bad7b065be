using System.Diagnostics;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Plans on a machine whose threads meet at changing costs, by a clock of its own.</summary>
public sealed class TeamChoiceTests
{
    private static readonly long Microsecond = Stopwatch.Frequency / 1_000_000;

    private readonly TeamChoice choice = new();
    private long now = Stopwatch.Frequency;

    [Fact]
    public void APlanThatTheTeamMakesFasterStaysOnIt()
    {
        (int onTeam, int alone) = Run(20_000, 60, 100);
        Assert.True(choice.PrefersTeam);
        Assert.InRange(alone, 3, 40);
        Assert.Equal(20_000, onTeam + alone);
    }

    [Fact]
    public void APlanThatIsFasterAloneLeavesTheTeamAndComesBackWhenThatChanges()
    {
        Run(500, 150, 100);
        Assert.False(choice.PrefersTeam);
        (int onTeam, int alone) = Run(20_000, 150, 100);
        Assert.False(choice.PrefersTeam);
        Assert.InRange(onTeam, 30, 800);
        Run(300, 60, 100);
        Assert.True(choice.PrefersTeam);
        Run(200, 150, 100);
        Assert.False(choice.PrefersTeam);
    }

    [Fact]
    public void PlansOfMillisecondsChangeWithinASecondAndATrialIsOneRun()
    {
        (_, int alone) = Run(20, 17_000, 25_000);
        Assert.Equal(1, alone);
        Run(30, 48_000, 25_000);
        Assert.False(choice.PrefersTeam);
        Run(30, 17_000, 25_000);
        Assert.True(choice.PrefersTeam);
    }

    [Fact]
    public void WorkersThatNeverComeDoNotHoldATrialOpen()
    {
        Run(500, 150, 100);
        Assert.False(choice.PrefersTeam);
        for (int i = 0; i < 1000; i++)
        {
            _ = choice.Next(now);
            now += 100 * Microsecond;
            choice.Note(false, true, 100 * Microsecond, now);
        }

        Assert.False(choice.PrefersTeam);
    }

    [Fact]
    public void LongPlansAreNotTried()
    {
        (_, int alone) = Run(200, 60_000, 100_000);
        Assert.Equal(0, alone);
    }

    private (int OnTeam, int Alone) Run(int runs, int together, int alone)
    {
        int count = 0;
        for (int i = 0; i < runs; i++)
        {
            bool onTeam = choice.Next(now);
            long time = (onTeam ? together : alone) * Microsecond;
            now += time;
            choice.Note(onTeam, !onTeam, time, now);
            count += onTeam ? 1 : 0;
        }

        return (count, runs - count);
    }
}
