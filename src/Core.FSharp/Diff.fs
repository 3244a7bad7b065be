namespace Hesse

/// Differentiation, vectorisation and compilation of functions on trees of tensors.
///
/// Every transformation calls its function once on fresh variables, transforms the graph that comes back, and puts the
/// arguments in place of the variables. Results are concrete when the arguments are; inside another transformation they are a
/// graph again, so that transformations nest in any order.
[<RequireQualifiedAccess>]
module Diff =
    // ----- first derivatives -----

    /// <summary>The value and the gradient of a scalar function.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; a tree.</param>
    /// <returns>f(x) and a tree of the structure of x. Tensors that f does not use have gradient zero.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    /// <remarks>Cost: at most about 3 evaluations of f (Griewank and Walther 2008, section 3.3).</remarks>
    let valueAndGrad (f: 'X -> Tensor) (x: 'X) : Tensor * 'X = FirstOrder.valueAndGrad f x

    /// <summary>The gradient of a scalar function.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; a tree.</param>
    /// <returns>A tree of the structure of x. Tensors that f does not use have gradient zero.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    /// <example><code>Diff.grad (fun x -> Tensor.sum (x * x)) (Tensor.ofArray [| 1.0; 2.0 |])  // [2; 4]</code></example>
    let grad (f: 'X -> Tensor) (x: 'X) : 'X = FirstOrder.grad f x

    /// <summary>Value and directional derivative: forward mode.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="dx">The direction; a tree of the structure of x.</param>
    /// <returns>f(x) and Df(x)[dx], both of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">dx and x differ in structure or shape.</exception>
    let jvp (f: 'X -> 'Y) (x: 'X) (dx: 'X) : 'Y * 'Y = FirstOrder.jvp f x dx

    /// <summary>The value, and the derivative at x as a function of the direction; the value is computed once.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and dx ↦ Df(x)[dx].</returns>
    let linearize (f: 'X -> 'Y) (x: 'X) : 'Y * ('X -> 'Y) = FirstOrder.linearize f x

    /// <summary>The value, and the transposed derivative at x as a function of the cotangent: reverse mode.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and ct ↦ Df(x)ᵀ[ct], with ct of the structure of f's result; the value is computed once.</returns>
    let vjp (f: 'X -> 'Y) (x: 'X) : 'Y * ('Y -> 'X) = FirstOrder.vjp f x

    /// <summary>The transpose of a linear function, as a function: ⟨f(x), ct⟩ = ⟨x, fᵀ(ct)⟩.</summary>
    /// <param name="f">From a tree to a tree, linear in all of it. That is decided operation by operation, so a function that is linear only because terms cancel is refused.</param>
    /// <param name="x">Any argument of the shapes in question; its values do not matter.</param>
    /// <returns>fᵀ, from trees of the structure of f's result to trees of the structure of x.</returns>
    /// <exception cref="T:Hesse.HesseException">The function is not linear, or affine; the message names the operation. Also when the structure of ct is not that of f's result.</exception>
    /// <remarks>Cost: about one evaluation of f for each call.</remarks>
    let linearTranspose (f: 'X -> 'Y) (x: 'X) : 'Y -> 'X = FirstOrder.linearTranspose f x

    // ----- second derivatives -----

    /// <summary>Hessian-vector product of a scalar function: forward over reverse.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <param name="v">The vector; a tree of the structure of x.</param>
    /// <returns>∇²f(x)·v, of the structure of x.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar, or v and x differ.</exception>
    /// <remarks>The exact product (Pearlmutter 1994), about two gradients' cost, without the Hessian.</remarks>
    let hvp (f: 'X -> Tensor) (x: 'X) (v: 'X) : 'X = FirstOrder.hvp f x v

    /// <summary>The Jacobian by forward mode: one batch of directions, one per input element.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacfwd (f: 'X -> Tensor) (x: 'X) : Tensor = Jacobians.jacfwd f x

    /// <summary>The Jacobian by reverse mode: one batch of cotangents, one per output element.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacrev (f: 'X -> Tensor) (x: 'X) : Tensor = Jacobians.jacrev f x

    /// <summary>The Jacobian, by whichever mode is predicted to take less work.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    let jacobian (f: 'X -> Tensor) (x: 'X) : Tensor =
        Jacobians.jacobianWith { Mode = JacobianMode.Auto; Chunk = None } f x

    /// <summary>The Jacobian, in a mode and with a bound on memory that you choose.</summary>
    /// <param name="options">Forward, reverse or chosen; and how many directions are taken at once. Memory for intermediate values grows with that number; results do not depend on it.</param>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x (by [P] if x is a tree, in the order of Tree.ravel).</returns>
    /// <exception cref="T:Hesse.HesseException">The chunk is below 1.</exception>
    /// <remarks>Inside another transformation all directions are one batch, whatever the chunk.</remarks>
    let jacobianWith (options: JacobianOptions) (f: 'X -> Tensor) (x: 'X) : Tensor = Jacobians.jacobianWith options f x

    /// <summary>The Hessian of a scalar function, as a batch of Hessian-vector products.</summary>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of x twice; [P; P] if x is a tree, in the order of Tree.ravel.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar.</exception>
    let hessian (f: 'X -> Tensor) (x: 'X) : Tensor = Jacobians.hessianWith None f x

    /// <summary>The Hessian of a scalar function, so many Hessian-vector products at once.</summary>
    /// <param name="chunk">How many products are taken at once, at least 1; memory for intermediate values grows with it.</param>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of x twice; [P; P] if x is a tree, in the order of Tree.ravel.</returns>
    /// <exception cref="T:Hesse.HesseException">The output is not a scalar, or the chunk is below 1.</exception>
    let hessianChunked (chunk: int) (f: 'X -> Tensor) (x: 'X) : Tensor = Jacobians.hessianWith (Some chunk) f x

    // ----- sums of second derivatives -----

    /// <summary>The sum of second derivatives Σ ∂²f/∂xᵢ², by the forward Laplacian.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x).</returns>
    /// <remarks>One forward pass carries the value, P first derivatives and one sum of second derivatives (Li et al. 2024; Dangel et al.
    /// 2025): about the cost of P jvps, in blocks of directions of bounded memory. No gradient is needed, so f may have any shape.</remarks>
    let laplacian (f: 'X -> Tensor) (x: 'X) : Tensor = Laplacians.laplacian f x

    /// <summary>Value, all first derivatives and the sum of second derivatives, in one forward pass.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>f(x); the Jacobian, of the shape of f(x) followed by that of x ([P] for a tree), which for a scalar f is the gradient; and Σ ∂²f/∂xᵢ², of the shape of f(x).</returns>
    /// <remarks>Cost: that of `laplacian`.</remarks>
    let valueGradLaplacian (f: 'X -> Tensor) (x: 'X) : Tensor * Tensor * Tensor = Laplacians.valueGradLaplacian f x

    /// <summary>The second derivatives ∂²f/∂xᵢ² one by one: the diagonal of the Hessian of every output.</summary>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x ([P] for a tree).</returns>
    /// <remarks>Cost: P second-order jets, in blocks.</remarks>
    let laplacianTerms (f: 'X -> Tensor) (x: 'X) : Tensor = Laplacians.laplacianTerms f x

    /// <summary>The second-order operator Σ aᵢⱼ ∂²f/∂xᵢ∂xⱼ with constant weights, by the forward Laplacian.</summary>
    /// <param name="weights">[P] for a diagonal, or [P; P], over the elements of x in the order of Tree.ravel; of any sign. Only the symmetric part matters, and at rank r it costs r directions.</param>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x).</returns>
    /// <exception cref="T:Hesse.HesseException">The weights are symbolic or of another shape.</exception>
    /// <remarks>A matrix is factored as Σ λₖ uₖuₖᵀ; eigenvalues below P · 2.2·10⁻¹⁶ of the largest are left out. Cost: that of a Laplacian with r directions.</remarks>
    let laplacianWith (weights: Tensor) (f: 'X -> Tensor) (x: 'X) : Tensor = Laplacians.laplacianWith weights f x

    /// <summary>The sum Σ wₖ D²f(x)[dₖ, dₖ] over given directions, by the forward Laplacian.</summary>
    /// <param name="weights">w, shape [m]; of any sign. May depend on variables of a surrounding transformation, as may the directions.</param>
    /// <param name="directions">A tree of the structure of x whose tensors have a further, leading axis of length m.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>Of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">Weights and directions do not fit each other or x.</exception>
    /// <remarks>With dₖ the columns of σ this is Σ (σσᵀ)ᵢⱼ ∂²f/∂xᵢ∂xⱼ, the generator of a diffusion. Cost: about m jvps, in blocks.</remarks>
    let laplacianAlong (weights: Tensor) (directions: 'X) (f: 'X -> 'Y) (x: 'X) : 'Y =
        Laplacians.laplacianAlong weights directions f x

    /// <summary>An unbiased estimate of Σ ∂²f/∂xᵢ² from second-order jets along random directions.</summary>
    /// <param name="options">Probes, their distribution, key, and how many are taken at once.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>Mean and standard error over the probes, both of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">There are fewer than 2 probes, or the chunk is below 1.</exception>
    /// <remarks>Cost: one second-order jet for each probe, whatever the number of elements of x (Hutchinson 1990; Shi et al. 2024).</remarks>
    let stochasticLaplacian (options: StochasticOptions) (f: 'X -> 'Y) (x: 'X) : StochasticEstimate<'Y> =
        Stochastic.laplacian options f x

    /// <summary>An unbiased estimate of Σ aᵢⱼ ∂²f/∂xᵢ∂xⱼ from mixed derivatives D²f[v, A v] along random v.</summary>
    /// <param name="weights">[P] for a diagonal, or [P; P], over the elements of x in the order of Tree.ravel; of any sign, need not be symmetric.</param>
    /// <param name="options">Probes, their distribution, key, and how many are taken at once.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Mean and standard error over the probes, both of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">The weights are symbolic or of another shape, there are fewer than 2 probes, or the chunk is below 1.</exception>
    let stochasticLaplacianWith
        (weights: Tensor)
        (options: StochasticOptions)
        (f: 'X -> 'Y)
        (x: 'X)
        : StochasticEstimate<'Y> =
        Stochastic.laplacianWith weights options f x

    /// <summary>An unbiased estimate of a linear differential operator of any order: the mean of w·Dᵏf(x)[v₁, …, v_k] over samples of w and v.</summary>
    /// <param name="sample">From a key to a weight and k directions, drawn so that E[w·v₁⊗…⊗v_k] are the coefficients of the operator. Give one and the same tree where directions are equal.</param>
    /// <param name="options">Probes, key, and how many are taken at once; the distribution is the sampler's own.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>Mean and standard error over the probes, both of the structure of f's result.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction does not fit x, samples differ in which directions are equal, there are fewer than 2 probes, or the chunk is below 1.</exception>
    /// <remarks>Cost: for each probe one multivariate jet, as in `directional` (Shi, Hu, Lin and Kawaguchi 2024, "Stochastic Taylor derivative estimator").</remarks>
    let stochasticOperator
        (sample: Key -> float * 'X list)
        (options: StochasticOptions)
        (f: 'X -> 'Y)
        (x: 'X)
        : StochasticEstimate<'Y> =
        Stochastic.operator sample options f x

    // ----- higher derivatives -----

    /// <summary>Derivatives of every order along a line, by Taylor mode.</summary>
    /// <param name="order">Highest order K, at least 0.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="direction">v, a tree of the structure of x.</param>
    /// <returns>K + 1 results; number k is dᵏ/dtᵏ f(x + t v) at t = 0, that is Dᵏf(x)[v, …, v].</returns>
    /// <remarks>Cost O(K²) evaluations of f, not 2ᴷ (Griewank and Walther 2008, chapter 13).</remarks>
    let jet (order: int) (f: 'X -> 'Y) (x: 'X) (direction: 'X) : 'Y[] = TaylorMode.jet order f x direction

    /// <summary>The Taylor coefficients of a function along a curve x(t) = x₀ + x₁t + x₂t² + ….</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="series">x₀, …, x_K: coefficients, not derivatives; trees of one structure.</param>
    /// <returns>y₀, …, y_K with f(x(t)) = Σ y_k tᵏ + O(tᴷ⁺¹); the k-th derivative along the curve is k!·y_k.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no coefficient, or they differ in structure or shape.</exception>
    /// <remarks>Cost O(K²) evaluations of f. `jet` is the case of a line, x_k = 0 from k = 2 on (Griewank and Walther 2008, chapter 13).</remarks>
    let jetSeries (f: 'X -> 'Y) (series: 'X[]) : 'Y[] = TaylorMode.jetSeries f series

    /// <summary>All partial derivatives up to an order along several directions, in one pass of multivariate Taylor mode.</summary>
    /// <param name="order">Highest total order K, at least 0.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_m; trees of the structure of x.</param>
    /// <returns>For every multi-index [a₁; …; a_m] with Σ aᵢ ≤ K the derivative Π ∂^aᵢ/∂tᵢ^aᵢ of f(x + Σ tᵢvᵢ) at t = 0.</returns>
    /// <exception cref="T:Hesse.HesseException">The order is negative, or a direction and x differ in structure or shape.</exception>
    /// <remarks>There are C(m + K, K) results; a product in f takes C(2m + K, K) products of them (Griewank, Utke and Walther 2000).</remarks>
    let mixedJet (order: int) (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : Map<int list, 'Y> =
        TaylorMode.mixedJet order f x directions

    /// <summary>The mixed derivative Dᵏf(x)[v₁, …, v_k], exactly, by the cheapest of several routes.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_k; trees of the structure of x. Give one and the same tree where directions are equal: that is cheaper.</param>
    /// <returns>Of the structure of f's result; f(x) for no direction.</returns>
    /// <exception cref="T:Hesse.HesseException">A direction and x differ in structure or shape.</exception>
    /// <remarks>A multivariate jet that keeps only the terms below the one wanted takes Π (mᵢ + 1)(mᵢ + 2)/2 products for each product in f, if
    /// direction i occurs mᵢ times: O(k²) for equal directions, 3ᵏ for different ones. `Planner.directional` shows the other routes and their costs.</remarks>
    let directional (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : 'Y = Directional.directional f x directions

    /// <summary>All derivatives of one order, by the cheapest of several routes.</summary>
    /// <param name="order">k, at least 0.</param>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape of f(x), followed by the shape of x ([P] for a tree) k times; symmetric in these.</returns>
    /// <exception cref="T:Hesse.HesseException">The order is negative, or the result does not fit into an array.</exception>
    /// <remarks>Pᵏ numbers for each output. `Planner.derivativeTensor` shows the routes and their costs.</remarks>
    let derivativeTensor (order: int) (f: 'X -> Tensor) (x: 'X) : Tensor = DerivativeTensors.derivativeTensor order f x

    /// <summary>The n-th derivative of a function of one number.</summary>
    /// <param name="n">The order, at least 0.</param>
    /// <param name="f">From a scalar to a tensor of any shape.</param>
    /// <param name="x">Where; shape [].</param>
    /// <returns>dⁿf/dxⁿ, of the shape of f(x).</returns>
    let derivative (n: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor = TaylorMode.derivative n f x

    // ----- rules that the user gives -----

    /// <summary>A function with a derivative that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="rule">From x, y = f(x) and a tangent dx (like x) to the tangent dy (like y). It must be linear in dx; it is differentiated in turn for higher orders.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x); every transformation (forward, reverse, jets, vmap, compile) uses the rule.</returns>
    /// <exception cref="T:Hesse.HesseException">The rule's result has other shapes than f's; or, on differentiation, f uses a value from outside that is being differentiated too.</exception>
    let customDerivative (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'X -> 'Y) (x: 'X) : 'Y = CustomRules.customDerivative f rule x

    /// <summary>A function with a pullback that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="rule">From x, y = f(x) and a cotangent ct (like y) to the cotangent of x (like x). It must be linear in ct.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x); forward mode and jets use the transpose of the rule.</returns>
    /// <exception cref="T:Hesse.HesseException">The rule's result has other shapes than x.</exception>
    let customPullback (f: 'X -> 'Y) (rule: 'X -> 'Y -> 'Y -> 'X) (x: 'X) : 'Y = CustomRules.customPullback f rule x

    // ----- implicit functions -----

    /// <summary>A root x(a) of residual a x = 0 that any procedure finds, with the derivative of the implicit function theorem.</summary>
    /// <param name="residual">F, from a and x to a tree like x; it must be zero at the solver's result.</param>
    /// <param name="solver">From a to x. Where a has a value it may be any program; inside another transformation it must be made of tensor operations.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>The solver's result, whose derivative is dx = −(∂F/∂x)⁻¹ (∂F/∂a) da, of every order and in every transformation. Values that F takes from outside count as parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">F's result is not like x; the solver needs values where there are none; on differentiation, ∂F/∂x is singular.</exception>
    /// <remarks>Nothing is differentiated through the solver (Christianson 1994; Blondel et al. 2022, equation 2). Cost of a derivative: the n × n Jacobian ∂F/∂x and its factorisation.</remarks>
    /// <example><code>Diff.grad (Diff.implicitRoot (fun a x -> x * x - a) Tensor.sqrt) (Tensor.scalar 4.0)  // 1/4</code></example>
    let implicitRoot (residual: 'A -> 'X -> 'X) (solver: 'A -> 'X) (a: 'A) : 'X =
        Implicit.root "implicitRoot" residual solver a

    /// <summary>A minimiser (or any stationary point) x(a) of an objective that any procedure finds, with the derivative of the implicit function theorem.</summary>
    /// <param name="objective">From a and x to a scalar; its gradient in x must be zero at the solver's result.</param>
    /// <param name="solver">From a to x, as in implicitRoot.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>The solver's result, whose derivative is that of implicitRoot for the gradient: hyper-gradients without unrolling.</returns>
    /// <exception cref="T:Hesse.HesseException">As implicitRoot; the Jacobian is the Hessian of the objective in x.</exception>
    let implicitOptimum (objective: 'A -> 'X -> Tensor) (solver: 'A -> 'X) (a: 'A) : 'X =
        Implicit.root "implicitOptimum" (fun a x -> FirstOrder.grad (objective a) x) solver a

    /// <summary>As implicitRoot, with a choice of how derivatives solve their linear systems.</summary>
    /// <param name="options">The solver of systems with ∂F/∂x, or its transpose: without its matrix for all but Dense.</param>
    /// <param name="residual">F, from a and x to a tree like x; it must be zero at the solver's result.</param>
    /// <param name="solver">From a to x, as in implicitRoot.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>As implicitRoot; a derivative is NaN where its system's solver does not converge.</returns>
    /// <exception cref="T:Hesse.HesseException">As implicitRoot; or a tolerance, restart or number of steps that is not positive.</exception>
    /// <remarks>A step of the solver costs a product of ∂F/∂x (in reverse mode of its transpose) with a vector: two or three evaluations of F, and no n × n matrix.</remarks>
    let implicitRootWith (options: LinearSolveOptions) (residual: 'A -> 'X -> 'X) (solver: 'A -> 'X) (a: 'A) : 'X =
        Implicit.rootWith "implicitRoot" options residual solver a

    /// <summary>As implicitOptimum, with a choice of how derivatives solve their linear systems.</summary>
    /// <param name="options">The solver of systems with the Hessian; conjugate gradients suit a minimum that is not degenerate.</param>
    /// <param name="objective">From a and x to a scalar; its gradient in x must be zero at the solver's result.</param>
    /// <param name="solver">From a to x, as in implicitRoot.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>As implicitRootWith for the gradient: hyper-gradients by Hessian-vector products (Pedregosa 2016).</returns>
    /// <exception cref="T:Hesse.HesseException">As implicitRootWith.</exception>
    let implicitOptimumWith
        (options: LinearSolveOptions)
        (objective: 'A -> 'X -> Tensor)
        (solver: 'A -> 'X)
        (a: 'A)
        : 'X =
        Implicit.rootWith "implicitOptimum" options (fun a x -> FirstOrder.grad (objective a) x) solver a

    /// <summary>The solution y of apply y = b for a linear function, without its matrix; `linearSolveWith` and restarted GMRES.</summary>
    /// <param name="apply">A regular linear map of trees like b. It is called once, on symbolic values; what it closes over may be differentiated too.</param>
    /// <param name="b">The right-hand side; a tree of n elements in all.</param>
    /// <returns>y, like b, with |b − A y| ≤ 1e-10 |b|; inside a transformation NaN where the solver does not converge.</returns>
    /// <exception cref="T:Hesse.HesseException">The map is not linear or its result is not like b; or no convergence in 1000 applications where the arguments have values.</exception>
    /// <example><code>Diff.linearSolve (fun y -> 2.0 * y + Tensor.roll 0 1 y) (Tensor.ofArray [| 3.0; 3.0; 3.0 |])  // [1; 1; 1]</code></example>
    let linearSolve (apply: 'X -> 'X) (b: 'X) : 'X = LinearSolves.linearSolve LinearSolves.defaults apply b

    /// <summary>The solution y of apply y = b for a linear function, by a solver of your choice.</summary>
    /// <param name="options">The solver and when it stops.</param>
    /// <param name="apply">A regular linear map A(θ) of trees like b; for conjugate gradients symmetric positive definite.</param>
    /// <param name="b">The right-hand side; a tree of n elements in all.</param>
    /// <returns>y, like b; inside a transformation NaN where the solver does not converge.</returns>
    /// <exception cref="T:Hesse.HesseException">The map is not linear or its result is not like b; no convergence where the arguments have values; or options that are not positive.</exception>
    /// <remarks>
    /// The solver is not differentiated: dy = A⁻¹ (db − dA y) is a system with the same map, its transpose one with Aᵀ, whose graph is the transpose of the
    /// map's, and a Taylor coefficient one with A again (Christianson 1994). So every order and transformation works, each with the same solver.
    /// A step of conjugate gradients is one application and O(n); one of GMRES one application and O(n · restart).
    /// </remarks>
    let linearSolveWith (options: LinearSolveOptions) (apply: 'X -> 'X) (b: 'X) : 'X =
        LinearSolves.linearSolve options apply b

    /// <summary>A fixed point x(a) = g a x by iteration, with the derivative of the implicit function theorem; `fixedPointWith` and the default options.</summary>
    /// <param name="g">From a and x to a tree like x; a contraction near the fixed point.</param>
    /// <param name="start">The first x.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>x, of the structure of start.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence; or on differentiation, I − ∂g/∂x is singular.</exception>
    /// <example><code>Diff.fixedPoint (fun a x -> a * Tensor.cos x) (Tensor.scalar 0.5) (Tensor.scalar 1.0)  // 0.739085…</code></example>
    let fixedPoint (g: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X = FixedPoints.fixedPoint FixedPoints.defaults g start a

    /// <summary>A fixed point x(a) = g a x by plain iteration or with Anderson's acceleration, with the derivative of the implicit function theorem.</summary>
    /// <param name="options">When to stop, and the depth of the acceleration.</param>
    /// <param name="g">From a and x to a tree like x.</param>
    /// <param name="start">The first x; its derivative is not taken.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>x, of the structure of start; inside a transformation NaN where the iteration does not converge.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence where the arguments have values; or on differentiation, I − ∂g/∂x is singular.</exception>
    /// <remarks>Memory does not grow with the number of steps: nothing of the iteration is differentiated (Christianson 1994). Anderson's acceleration in the form of Walker and Ni (2011).</remarks>
    let fixedPointWith (options: IterationOptions) (g: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X =
        FixedPoints.fixedPoint options g start a

    /// <summary>A root of residual a x = 0 by Newton's method, with the derivative of the implicit function theorem; inside any transformation.</summary>
    /// <param name="residual">F, from a and x to a tree like x.</param>
    /// <param name="start">The first x; its derivative is not taken.</param>
    /// <param name="a">The parameters; a tree.</param>
    /// <returns>x, of the structure of start; inside a transformation NaN where the method does not converge.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence in 50 steps where the arguments have values, or a singular Jacobian ∂F/∂x.</exception>
    /// <remarks>Convergence is quadratic next to a regular root. Cost of a step: the n × n Jacobian and its factorisation.</remarks>
    let newtonRoot (residual: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X =
        FixedPoints.newtonRoot { FixedPoints.defaults with MaxSteps = 50 } residual start a

    /// <summary>As newtonRoot, with a tolerance and a number of steps of your own; Memory is not used.</summary>
    /// <param name="options">When to stop.</param>
    /// <param name="residual">F, from a and x to a tree like x.</param>
    /// <param name="start">The first x; its derivative is not taken.</param>
    /// <param name="a">The parameters; a tree.</param>
    let newtonRootWith (options: IterationOptions) (residual: 'A -> 'X -> 'X) (start: 'X) (a: 'A) : 'X =
        FixedPoints.newtonRoot options residual start a

    // ----- loops, branches, checkpoints -----

    /// <summary>Goes through elements with a carry: (c, xs[0]) ↦ (c₁, ys[0]), (c₁, xs[1]) ↦ (c₂, ys[1]), …</summary>
    /// <param name="step">From carry and element to the next carry and a result. It is called once, on symbolic values; what it closes over may be differentiated too.</param>
    /// <param name="init">The first carry; a tree.</param>
    /// <param name="xs">A tree whose tensors have a common leading length T; step t gets their parts number t.</param>
    /// <returns>The last carry, and the results stacked along a new leading axis of length T. With T = 0 the carry is init.</returns>
    /// <exception cref="T:Hesse.HesseException">The step changes the structure or a shape of the carry, or leading lengths differ.</exception>
    /// <remarks>
    /// Every transformation goes through a scan as through any operation, to any order, and compiles one plan for the body. A derivative keeps
    /// the carry before each step, T carries in all, and computes again what a step makes inside; `scanWith` keeps fewer.
    /// Reverse mode: Griewank and Walther (2008), chapters 3 and 12.
    /// </remarks>
    /// <example><code>Diff.scan (fun c x -> c + x, c * x) (Tensor.scalar 0.0) (Tensor.ofArray [| 1.0; 2.0; 3.0 |])  // 6, [0; 2; 9]</code></example>
    let scan (step: 'C -> 'X -> 'C * 'Y) (init: 'C) (xs: 'X) : 'C * 'Y =
        Control.scanWith { Reverse = false; Snapshots = [] } step init xs

    /// <summary>As `scan`, from the last element to the first.</summary>
    /// <param name="step">From carry and element to the next carry and a result.</param>
    /// <param name="init">The carry that the last element is met with.</param>
    /// <param name="xs">A tree whose tensors have a common leading length T.</param>
    /// <returns>The carry after the first element, and the results in the order of the elements.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `scan`.</exception>
    let scanBack (step: 'C -> 'X -> 'C * 'Y) (init: 'C) (xs: 'X) : 'C * 'Y =
        Control.scanWith { Reverse = true; Snapshots = [] } step init xs

    /// <summary>As `scan`, with a direction and a chosen number of carries that a derivative keeps.</summary>
    /// <param name="options">Direction and snapshots. With Snapshots = [s] about s + T/s carries are in memory at once, for one more evaluation; [s; s; …] (n times) needs about n·T^(1/(n + 1)) with s = T^(1/(n + 1)), for n more.</param>
    /// <param name="step">From carry and element to the next carry and a result.</param>
    /// <param name="init">The first carry.</param>
    /// <param name="xs">A tree whose tensors have a common leading length T.</param>
    /// <returns>As `scan`.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `scan`; or a number of snapshots below 1.</exception>
    /// <remarks>The snapshots are equidistant (nested scans), not binomial: Griewank and Walther (2008), section 12.3, multilevel checkpointing.</remarks>
    let scanWith (options: ScanOptions) (step: 'C -> 'X -> 'C * 'Y) (init: 'C) (xs: 'X) : 'C * 'Y =
        Control.scanWith options step init xs

    /// <summary>A step applied again and again: step(step(… init)).</summary>
    /// <param name="count">How often, at least 0.</param>
    /// <param name="step">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The last carry.</returns>
    /// <exception cref="T:Hesse.HesseException">The step changes the structure or a shape of the carry; or count is negative.</exception>
    /// <example><code>Diff.iterate 1000 (fun w -> w - 0.1 * Diff.grad loss w) w0  // a training run as one operation</code></example>
    let iterate (count: int) (step: 'C -> 'C) (init: 'C) : 'C = Control.iterateWith [] count step init

    /// <summary>As `iterate`, with a chosen number of carries that a derivative keeps; see `scanWith`.</summary>
    /// <param name="snapshots">How many carries are kept, level by level; empty for all.</param>
    /// <param name="count">How often, at least 0.</param>
    /// <param name="step">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The last carry.</returns>
    /// <exception cref="T:Hesse.HesseException">As for `iterate`; or a number of snapshots below 1.</exception>
    let iterateWith (snapshots: int list) (count: int) (step: 'C -> 'C) (init: 'C) : 'C =
        Control.iterateWith snapshots count step init

    /// <summary>Applies a body while a condition holds; any number of times.</summary>
    /// <param name="condition">From carry to a scalar, shape []: go on unless it is 0 or NaN.</param>
    /// <param name="body">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The first carry for which the condition does not hold.</returns>
    /// <exception cref="T:Hesse.HesseException">The body changes the structure or a shape of the carry, or the condition is not scalar; in reverse mode always, see `boundedWhile`.</exception>
    /// <remarks>Forward mode, jets and vmap go through it; in a vmap each member stops by itself. The derivative is that of the steps taken: the number of steps counts as locally constant.</remarks>
    let whileLoop (condition: 'C -> Tensor) (body: 'C -> 'C) (init: 'C) : 'C =
        fst (Control.whileAtMost "whileLoop" Loop.unbounded condition body init)

    /// <summary>Applies a body while a condition holds, at most a given number of times: a while loop that has reverse mode.</summary>
    /// <param name="maxSteps">Most steps, at least 0. A derivative keeps room for that many carries.</param>
    /// <param name="condition">From carry to a scalar, shape []: go on unless it is 0 or NaN.</param>
    /// <param name="body">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The last carry, and the number of steps taken, shape []. If that is maxSteps and the condition of the last carry still holds, the bound ended the loop.</returns>
    /// <exception cref="T:Hesse.HesseException">The body changes the structure or a shape of the carry, or the condition is not scalar.</exception>
    /// <remarks>Value and derivatives run the steps taken, not maxSteps; the number of steps counts as locally constant.</remarks>
    let boundedWhile (maxSteps: int) (condition: 'C -> Tensor) (body: 'C -> 'C) (init: 'C) : 'C * Tensor =
        if maxSteps < 0 then
            Shape.fail $"boundedWhile: maxSteps is {maxSteps}; want at least 0"

        Control.whileAtMost "boundedWhile" (min maxSteps (Loop.unbounded - 1)) condition body init

    /// <summary>One of two functions of x, by a condition; only that one is run.</summary>
    /// <param name="predicate">A scalar, shape []: whenTrue unless it is 0 or NaN.</param>
    /// <param name="whenTrue">From a tree to a tree.</param>
    /// <param name="whenFalse">From a tree to a tree of the same structure and shapes.</param>
    /// <param name="x">The argument of either.</param>
    /// <returns>whenTrue(x) or whenFalse(x).</returns>
    /// <exception cref="T:Hesse.HesseException">The predicate is not scalar, or the results differ in structure or shapes.</exception>
    /// <remarks>
    /// With a concrete predicate this is an ordinary `if`. In a vmap over the predicate each branch runs if some member takes it, on the
    /// arguments of members that take it, so that neither values nor derivatives are asked for elsewhere.
    /// </remarks>
    let cond (predicate: Tensor) (whenTrue: 'X -> 'Y) (whenFalse: 'X -> 'Y) (x: 'X) : 'Y =
        Control.cond predicate whenTrue whenFalse x

    /// <summary>A function of which derivatives keep only the argument: what depends on it inside is computed again.</summary>
    /// <param name="f">From a tree to a tree. What it closes over and what depends on that alone is kept.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x).</returns>
    /// <remarks>Less memory in reverse mode, for one more evaluation of f.</remarks>
    let checkpoint (f: 'X -> 'Y) (x: 'X) : 'Y = Control.checkpoint f x

    // ----- vmap, compile -----

    /// <summary>Applies a function to every part of its arguments along an axis, as one batch.</summary>
    /// <param name="inAxis">The axis of every input tensor that is mapped over.</param>
    /// <param name="outAxis">The place of that axis in every output tensor.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same length along the axis.</param>
    /// <returns>The results of f, stacked along outAxis.</returns>
    /// <exception cref="T:Hesse.HesseException">A tensor lacks the axis, or lengths differ.</exception>
    let vmapAxes (inAxis: int) (outAxis: int) (f: 'X -> 'Y) (xs: 'X) : 'Y =
        Vectorise.vmapWith { In = InAxes.At inAxis; Out = outAxis; Chunk = None } f xs

    /// <summary>Applies a function to every part of its arguments along the first axis, as one batch.</summary>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same first length n.</param>
    /// <returns>The results of f, stacked: every output tensor has a new first axis of length n.</returns>
    let vmap (f: 'X -> 'Y) (xs: 'X) : 'Y = vmapAxes 0 0 f xs

    /// <summary>Applies a function to every part of its argument, with an axis for each tensor and a bound on memory.</summary>
    /// <param name="options">Which axes are mapped over (a prefix of the tree of xs: `InAxes.Parts [ InAxes.At 0; InAxes.Whole ]` maps the first of a pair and not the second), where the new axis goes, and how many parts are taken at once.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree; what is mapped over has the same length n along its axis.</param>
    /// <returns>The results of f, stacked along options.Out.</returns>
    /// <exception cref="T:Hesse.HesseException">A tensor lacks its axis, lengths differ, nothing is mapped, the prefix does not fit, or the chunk is below 1.</exception>
    /// <remarks>f is called once. Chunks run one after the other, each in the memory of one; results do not depend on the chunk.</remarks>
    let vmapWith (options: VmapOptions) (f: 'X -> 'Y) (xs: 'X) : 'Y = Vectorise.vmapWith options f xs

    /// <summary>Applies a function to every part of its arguments along the first axis, so many parts at once.</summary>
    /// <param name="chunk">How many parts are taken at once, at least 1; memory for intermediate values grows with it.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same first length n.</param>
    /// <returns>What `vmap f xs` gives.</returns>
    /// <exception cref="T:Hesse.HesseException">A tensor is a scalar, lengths differ, or the chunk is below 1.</exception>
    let vmapChunked (chunk: int) (f: 'X -> 'Y) (xs: 'X) : 'Y =
        Vectorise.vmapWith { In = InAxes.At 0; Out = 0; Chunk = Some chunk } f xs

    /// <summary>A function that is traced and compiled once for each argument structure, and from then on runs its plan.</summary>
    /// <param name="f">From a tree to a tree, built from tensor operations and transformations. It is called once per structure: side effects and branches on values are not repeated.</param>
    /// <returns>The same function, faster. Safe to call from several threads; inside another transformation it is f itself.</returns>
    /// <exception cref="T:Hesse.HesseException">Intermediate values, constants and results would take more than 80 % of the free memory, or than HESSE_MEMORY (an environment variable, in MiB) allows: the
    /// plan is refused before it runs. The message names the largest buffers and what would make them smaller.</exception>
    let compile (f: 'X -> 'Y) : 'X -> 'Y = Compiled.compile f

    /// <summary>A compiled function that writes its result into an array of the caller: for sums over many parts of a data set, which
    /// then allocate nothing for each part.</summary>
    /// <param name="f">From a tree to a tensor. It is called once per structure of the argument.</param>
    /// <returns>A function of the argument and of an array of exactly as many numbers as the result has, which is overwritten; it must not
    /// be one that an argument was made from. Safe to call from several threads with arrays of their own.</returns>
    /// <exception cref="T:Hesse.HesseException">The array has another length, or the function or an argument belongs to a surrounding
    /// transformation.</exception>
    let compileInto (f: 'X -> Tensor) : 'X -> float[] -> unit = Compiled.compileInto f

    /// <summary>A function of two arguments that is compiled in two stages: what depends on the first argument alone is computed once for
    /// each first argument, at the first call with it, and every call computes the rest. A Hessian-vector product at a fixed point thus
    /// leaves out the forward and backward passes.</summary>
    /// <param name="f">Of two trees to a tree, built from tensor operations and transformations. It is traced once per structure of both.</param>
    /// <returns>The same function: give it the first argument and keep the function of the second that you get, which holds what was
    /// computed as long as it lives. Safe to call from several threads; inside another transformation it is f itself.</returns>
    /// <exception cref="T:Hesse.HesseException">A stage would not fit into memory.</exception>
    /// <remarks>Cost: for a perceptron's Hessian-vector product the later calls take 2 instead of 3 matrix products in the first layer and 6
    /// instead of 8 in every other one (of 2·rows·in·out FLOPs), and no activation function. Kept is the set of fewest bytes from which the rest can go on without matrix products,
    /// transcendental functions and whatever else is not elementwise arithmetic or a view of what is kept; arithmetic that only fused loops read is done again.</remarks>
    let compileStaged (f: 'A -> 'B -> 'C) : 'A -> 'B -> 'C = Staged.compileStaged f

    /// <summary>A function that is compiled in two stages and writes its result into an array of the caller, with a say in what is kept.</summary>
    /// <param name="f">Of two trees to a tensor. It is traced once per structure of both.</param>
    /// <returns>A function of the first argument; what it gives has <c>Run</c>, which keeps what depends on that argument alone,
    /// <c>RunOnce</c>, which does not, and <c>Release</c>. Both give the same bits.</returns>
    /// <exception cref="T:Hesse.HesseException">On a call: the array has another length, or the function or an argument belongs to a surrounding
    /// transformation.</exception>
    /// <remarks>Cost: as for <c>compileStaged</c>; a warm call allocates nothing that grows with the data.</remarks>
    let compileStagedInto (f: 'A -> 'B -> Tensor) : 'A -> Staged<'B> = Staged.compileStagedInto f

    /// <summary>The plan that `compile` makes for a function, as a table: a row for each step (operation, shape, FLOPs, bytes, threads), and totals.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the shapes in question; its values do not matter.</param>
    /// <returns>An immutable record; its text is that of `explain`. The steps of a loop are rows of greater Depth below the loop's own.</returns>
    /// <exception cref="T:Hesse.HesseException">The function uses a variable of a surrounding transformation, or the plan would not fit into memory.</exception>
    /// <remarks>Cost: the function is traced and compiled; nothing is run. The number of threads is that of this process (HESSE_THREADS), the rest does not depend on the machine.</remarks>
    let plan (f: 'X -> 'Y) (x: 'X) : PlanTable = Compiled.plan "plan" f x

    /// <summary>The plan that `compile` makes for a function, as text: operations, shapes, FLOPs, bytes, memory.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the shapes in question; its values do not matter.</param>
    /// <returns>One line per step, then the totals; the text of `plan`.</returns>
    /// <exception cref="T:Hesse.HesseException">The function uses a variable of a surrounding transformation, or the plan would not fit into memory.</exception>
    let explain (f: 'X -> 'Y) (x: 'X) : string = (Compiled.plan "explain" f x).ToString()

    /// <summary>A function that stops at the first value that is not finite, and says which operation made it.</summary>
    /// <param name="f">From a tree to a tree; may be a derivative, `Diff.checkFinite (Diff.grad loss)`.</param>
    /// <param name="x">Where; leave it out to get the function.</param>
    /// <returns>f(x), all of whose intermediate values are finite.</returns>
    /// <exception cref="T:Hesse.HesseException">A value is NaN or infinite. The message names the operation, the shapes, the element and the arguments there, and, where the stack shows it, the
    /// function of yours that made the operation. What comes in not finite, in x or as a constant, is reported as that. A value that a mask takes out later counts too: its derivative would not be finite.</exception>
    /// <remarks>Cost: every operation runs on its own and keeps its result, so time and memory are those of f without compilation, and f is called twice when the
    /// check fails. Inside another transformation, where there are no values, it is f itself.</remarks>
    let checkFinite (f: 'X -> 'Y) (x: 'X) : 'Y = Checked.checkFinite f x
