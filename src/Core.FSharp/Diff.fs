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

    // ----- vmap, compile -----

    /// <summary>Applies a function to every part of its arguments along an axis, as one batch.</summary>
    /// <param name="inAxis">The axis of every input tensor that is mapped over.</param>
    /// <param name="outAxis">The place of that axis in every output tensor.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same length along the axis.</param>
    /// <returns>The results of f, stacked along outAxis.</returns>
    /// <exception cref="T:Hesse.HesseException">A tensor lacks the axis, or lengths differ.</exception>
    let vmapAxes (inAxis: int) (outAxis: int) (f: 'X -> 'Y) (xs: 'X) : 'Y = Vectorise.vmapAxes inAxis outAxis f xs

    /// <summary>Applies a function to every part of its arguments along the first axis, as one batch.</summary>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same first length n.</param>
    /// <returns>The results of f, stacked: every output tensor has a new first axis of length n.</returns>
    let vmap (f: 'X -> 'Y) (xs: 'X) : 'Y = vmapAxes 0 0 f xs

    /// <summary>A function that is traced and compiled once for each argument structure, and from then on runs its plan.</summary>
    /// <param name="f">From a tree to a tree, built from tensor operations and transformations. It is called once per structure: side effects and branches on values are not repeated.</param>
    /// <returns>The same function, faster. Safe to call from several threads; inside another transformation it is f itself.</returns>
    let compile (f: 'X -> 'Y) : 'X -> 'Y = Compiled.compile f

    /// <summary>The plan that `compile` makes for a function, as text: operations, FLOPs, bytes, memory.</summary>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the shapes in question.</param>
    /// <returns>One line per step, then the totals.</returns>
    let explain (f: 'X -> 'Y) (x: 'X) : string = Compiled.explain f x
