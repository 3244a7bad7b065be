using Hesse.Reproductions;

namespace Hesse.Cli.Running;

/// <summary>Shows a run while it goes on.</summary>
internal interface IRunView
{
    /// <summary>A reproduction starts.</summary>
    void Start(Reproduction reproduction);

    /// <summary>A reproduction has come some way.</summary>
    /// <param name="id">The reproduction.</param>
    /// <param name="fraction">How far, in [0, 1].</param>
    /// <param name="what">What is being done.</param>
    void Progress(string id, double fraction, string what);

    /// <summary>A claim is finished.</summary>
    void Record(Claim claim);

    /// <summary>A reproduction has ended.</summary>
    /// <param name="id">The reproduction.</param>
    /// <param name="completed">Whether it ran to its end.</param>
    void Finish(string id, bool completed);

    /// <summary>A remark of one line.</summary>
    void Note(string text);
}
