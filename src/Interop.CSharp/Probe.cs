namespace Hesse.Interop;

/// <summary>How a random direction v is drawn; E[v vᵀ] is the identity for each.</summary>
public enum Probe
{
    /// <summary>±1 in every element.</summary>
    Rademacher,

    /// <summary>Standard normal in every element.</summary>
    Gaussian,

    /// <summary>√P times a unit vector along a random element.</summary>
    Coordinate,
}
