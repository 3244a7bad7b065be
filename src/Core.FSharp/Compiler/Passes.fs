namespace Hesse

/// How the threads of the process share the steps of a plan.
[<RequireQualifiedAccess>]
type internal Sharing =
    /// Where it pays.
    | WherePays
    /// Whatever can be cut is cut into so many shares.
    | Always of threads: int
    | Off

/// What the compiler does to a graph on its way to a plan. No choice changes results by more than rounding.
type internal Passes = {
    /// Loops make only the parts of their results that are read.
    Trimming: bool
    /// Sums of products are evaluated in the cheapest order.
    Contractions: bool
    /// Chains of elementwise operations are one loop.
    Fusion: bool
    /// Broadcasts, transposes and slices are read by strides and not stored.
    Views: bool
    /// Parts of joined tensors are made in their place.
    Joins: bool
    /// Memory of intermediate values that nobody reads any more is used again.
    Reuse: bool
    Sharing: Sharing
    /// Bytes that a plan may take; what is free decides if nothing is said.
    Memory: int64 voption
}

module internal Passes =
    /// All of them.
    let standard = {
        Trimming = true
        Contractions = true
        Fusion = true
        Views = true
        Joins = true
        Reuse = true
        Sharing = Sharing.WherePays
        Memory = ValueNone
    }

    /// A name by which what is compiled with these passes is kept.
    let key (passes: Passes) = if obj.ReferenceEquals(passes, standard) then "" else string passes
