namespace Hesse

/// Part of the module `Tensor`: products.
[<AutoOpen>]
module TensorProducts =
    /// Products that sum over axes.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>Products of the elements of two vectors, each with each.</summary>
        /// <param name="a">Shape [m].</param>
        /// <param name="b">Shape [n]; the result has shape [m; n].</param>
        /// <exception cref="T:Hesse.HesseException">An argument is not a vector.</exception>
        let outer (a: Tensor) (b: Tensor) =
            if a.Rank <> 1 || b.Rank <> 1 then
                Shape.fail
                    $"outer: expected two vectors, got {Shape.show a.Node.Shape} and {Shape.show b.Node.Shape}; flatten them"

            Tensor.expandDims 1 a * Tensor.expandDims 0 b

        /// <summary>Matrix product with NumPy's rules: the last axis of a with the second to last of b (the only one of a vector); equal leading axes are a batch.</summary>
        /// <param name="a">Shape [..; m; k] or [k].</param>
        /// <param name="b">Shape [..; k; n] or [k].</param>
        /// <exception cref="T:Hesse.HesseException">Inner or batch sizes differ.</exception>
        let matmul (a: Tensor) (b: Tensor) =
            Graph.checkTypes "matmul" [| a.Node; b.Node |]
            Tensor(Contraction.matmul a.Node b.Node)

        /// <summary>Inner product of two tensors of one shape; shape [].</summary>
        /// <param name="a">Any shape.</param>
        /// <param name="b">The same shape.</param>
        let dot (a: Tensor) (b: Tensor) =
            if a.Node.Shape <> b.Node.Shape then
                Shape.fail
                    $"dot: expected one shape, got {Shape.show a.Node.Shape} and {Shape.show b.Node.Shape}; use matmul or einsum"

            Graph.checkTypes "dot" [| a.Node; b.Node |]
            let labels = [| 0 .. a.Rank - 1 |]
            Tensor(Contraction.contract labels labels [||] a.Node b.Node)

        /// <summary>Sum of products in subscript notation, for any number of operands: "ij,jk->ik".</summary>
        /// <param name="spec">Letters per operand, separated by commas; after "->" those of the result.</param>
        /// <param name="operands">As many as the notation names.</param>
        /// <exception cref="T:Hesse.HesseException">Notation and shapes do not fit.</exception>
        let einsum (spec: string) (operands: Tensor seq) =
            let nodes = operands |> Seq.map (fun (t: Tensor) -> t.Node) |> Array.ofSeq
            Graph.checkTypes "einsum" nodes
            Tensor(Einsum.apply spec nodes)

        /// <summary>Sum of the diagonal of a square matrix; shape [].</summary>
        /// <param name="t">Shape [n; n].</param>
        let trace (t: Tensor) = einsum "ii->" [ t ]

        /// <summary>The diagonal of a square matrix.</summary>
        /// <param name="t">Shape [n; n]; the result has shape [n].</param>
        let diagonal (t: Tensor) = einsum "ii->i" [ t ]

        /// <summary>Kronecker product: the matrix of blocks a_ij · b.</summary>
        /// <param name="a">Shape [m; n].</param>
        /// <param name="b">Shape [p; q]; the result has shape [m·p; n·q].</param>
        /// <exception cref="T:Hesse.HesseException">An argument is not a matrix.</exception>
        let kron (a: Tensor) (b: Tensor) =
            if a.Rank <> 2 || b.Rank <> 2 then
                Shape.fail
                    $"kron: expected two matrices, got {Shape.show a.Node.Shape} and {Shape.show b.Node.Shape}; reshape them"

            let m, n, p, q = a.Node.Shape[0], a.Node.Shape[1], b.Node.Shape[0], b.Node.Shape[1]
            Tensor.reshape [ m * p; n * q ] (Tensor.reshape [ m; 1; n; 1 ] a * Tensor.reshape [ 1; p; 1; q ] b)
