namespace Hesse.Interop;

/// <summary>Which way a Jacobian is computed.</summary>
public enum JacobianMode
{
    /// <summary>Whichever is predicted to take less work.</summary>
    Auto,

    /// <summary>One direction for each input element.</summary>
    Forward,

    /// <summary>One cotangent for each output element.</summary>
    Reverse,
}
