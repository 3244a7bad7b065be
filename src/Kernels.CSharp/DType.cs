namespace Hesse;

/// <summary>The precision of a tensor's elements.</summary>
public enum DType
{
    /// <summary>IEEE 754 binary64: 53 significant bits; the default.</summary>
    Float64,

    /// <summary>IEEE 754 binary32: 24 significant bits.</summary>
    Float32,
}
