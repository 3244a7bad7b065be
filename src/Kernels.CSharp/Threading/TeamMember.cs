namespace Hesse.Kernels;

/// <summary>A thread of a team at work on a plan.</summary>
/// <param name="Team">The team.</param>
/// <param name="Index">Its number; 0 is the thread that called.</param>
internal readonly record struct TeamMember(Team Team, int Index)
{
    /// <summary>Whether this is the thread that called, which finishes the work whatever becomes of the team.</summary>
    public bool IsCaller => Index == 0;

    /// <summary>Waits until every thread of the team is here; each then sees what the others wrote before.</summary>
    /// <returns>Whether the team stays together; if not, the workers leave at once and the caller goes on alone.</returns>
    public bool Meet() => Team.Meet(Index);
}
