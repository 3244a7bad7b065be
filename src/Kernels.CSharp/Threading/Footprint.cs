using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>The memory that each thread of a team has read and written since the threads last met.</summary>
/// <remarks>
/// Addresses are a region (the arena, or one result array) and bytes from its start. A strided access counts as everything between its
/// first and last byte: that may ask for a barrier too many, never for one too few.
/// </remarks>
internal sealed class Footprint
{
    /// <summary>Accesses of a thread beyond which it is cheaper to meet than to go on comparing.</summary>
    private const int MaxAccesses = 128;

    private readonly (int Region, long Start)[] places;
    private readonly List<Access>[] settled;
    private readonly List<Access>[] pending;
    private int current;

    /// <summary>An empty record.</summary>
    /// <param name="places">Region and first byte of every slot; a negative region is never written and needs no order.</param>
    /// <param name="threads">Number of threads.</param>
    public Footprint((int Region, long Start)[] places, int threads)
    {
        this.places = places;
        settled = new List<Access>[threads];
        pending = new List<Access>[threads];
        for (int t = 0; t < threads; t++)
        {
            (settled[t], pending[t]) = ([], []);
        }
    }

    /// <summary>The accesses that follow are those of a thread.</summary>
    public void Of(int thread) => current = thread;

    /// <summary>Bytes [from, to) of a slot are read.</summary>
    public void Reads(int slot, long from, long to) => Add(slot, from, to, false);

    /// <summary>Bytes [from, to) of a slot are written.</summary>
    public void Writes(int slot, long from, long to) => Add(slot, from, to, true);

    /// <summary>Whether an access of the step conflicts with what another thread did since the threads last met.</summary>
    public bool Conflicts()
    {
        for (int t = 0; t < settled.Length; t++)
        {
            if (settled[t].Count > MaxAccesses)
            {
                return true;
            }

            foreach (Access access in pending[t])
            {
                for (int other = 0; other < settled.Length; other++)
                {
                    if (other != t && settled[other].Exists(access.ConflictsWith))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }

    /// <summary>Takes the accesses of the step into the record.</summary>
    public void Settle()
    {
        for (int t = 0; t < settled.Length; t++)
        {
            settled[t].AddRange(pending[t]);
            pending[t].Clear();
        }
    }

    /// <summary>Forgets the accesses of the step.</summary>
    public void Discard()
    {
        foreach (List<Access> accesses in pending)
        {
            accesses.Clear();
        }
    }

    /// <summary>The threads have met.</summary>
    public void Clear()
    {
        foreach (List<Access> accesses in settled)
        {
            accesses.Clear();
        }
    }

    /// <summary>The accesses of a thread that are not settled yet: region, bytes from and up to, and whether they are written.</summary>
    public IEnumerable<(int Region, long From, long To, bool IsWrite)> Pending(int thread)
    {
        foreach (Access access in pending[thread])
        {
            yield return (access.Region, access.From, access.To, access.IsWrite);
        }
    }

    private void Add(int slot, long from, long to, bool isWrite)
    {
        (int region, long start) = places[slot];
        if (region >= 0 && to > from)
        {
            pending[current].Add(new Access(region, start + from, start + to, isWrite));
        }
    }

    private readonly record struct Access(int Region, long From, long To, bool IsWrite)
    {
        public bool ConflictsWith(Access other) =>
            Region == other.Region && (IsWrite || other.IsWrite) && From < other.To && other.From < To;
    }
}
