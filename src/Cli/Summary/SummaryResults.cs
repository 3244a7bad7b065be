using System;
using System.Collections.Generic;
using Hesse.Theory;

namespace Hesse.Cli.Summary;

/// <summary>What a summary has found so far; it hears of every number while it is made.</summary>
internal sealed class SummaryResults(Action<string> progress) : ISummaryObserver
{
    private readonly List<Measurement> _measurements = [];

    /// <summary>The numbers, in the order in which they were found.</summary>
    public IReadOnlyList<Measurement> Measurements => _measurements;

    /// <summary>The leading eigenpairs of the Hessian, once they are there.</summary>
    public EigenSolution? LeadingPairs { get; private set; }

    /// <summary>The spectral density of the Hessian, once it is there.</summary>
    public SpectralDensity? SpectralDensity { get; private set; }

    /// <summary>Whether the measurement came to its end.</summary>
    public bool Complete { get; set; }

    /// <inheritdoc/>
    public void Measured(Measurement measurement) => _measurements.Add(measurement);

    /// <inheritdoc/>
    public void Leading(EigenSolution solution) => LeadingPairs = solution;

    /// <inheritdoc/>
    public void Density(SpectralDensity density) => SpectralDensity = density;

    /// <inheritdoc/>
    public void Progress(string what) => progress(what);
}
