namespace Hesse

open System.Collections.Generic

/// Which elementwise nodes share one loop, and which nodes are never stored.
module internal Fusion =
    /// More operations than this in one loop do not help: their tiles no longer stay in the first-level cache.
    [<Literal>]
    let largestGroup = 48

    /// The users of every node, within the graph: once for each argument that it is.
    let users (order: Node[]) =
        let table = Dictionary<Node, List<Node>>(HashIdentity.Reference)

        for node in order do
            table[node] <- List()

        for node in order do
            for arg in node.Args do
                match table.TryGetValue arg with
                | true, list -> list.Add node
                | _ -> ()

        table

    /// For every elementwise node the node at whose place its loop runs, of at most `largest` operations.
    /// A node joins the loop of its users if all of them are in one loop over the same shape; then nothing is computed
    /// twice and nobody else needs its value.
    let plan (largest: int) (order: Node[]) (outputs: HashSet<Node>) (users: Dictionary<Node, List<Node>>) =
        let root = Dictionary<Node, Node>(HashIdentity.Reference)
        let members = Dictionary<Node, int>(HashIdentity.Reference)
        let isTile = Views.isTile

        for node in Array.rev order do
            if isTile node then
                let own = users[node]

                let shared =
                    if outputs.Contains node || own.Count = 0 || not (isTile own[0]) then
                        None
                    else
                        let candidate = root[own[0]]

                        if
                            own.TrueForAll(fun u ->
                                isTile u && u.Shape = node.Shape && obj.ReferenceEquals(root[u], candidate))
                            && members[candidate] < largest
                        then
                            Some candidate
                        else
                            None

                match shared with
                | Some r ->
                    root[node] <- r
                    members[r] <- members[r] + 1
                | None ->
                    root[node] <- node
                    members[node] <- 1

        root
