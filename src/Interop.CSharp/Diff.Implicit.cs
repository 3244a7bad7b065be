using System;
using CoreDiff = Hesse.Diff;

namespace Hesse.Interop;

/// <content>Functions that are given by an equation.</content>
public static partial class Diff
{
    /// <summary>A root of F(a, x) = 0 that any procedure finds, with the derivative of the implicit function theorem.</summary>
    /// <param name="residual">F, from a and x to the shape of x; zero at the solver's result.</param>
    /// <param name="solver">From a to x. Where a has a value it may be any program; inside a transformation it must be made of tensor operations.</param>
    /// <param name="a">The parameters.</param>
    /// <returns>The solver's result, differentiable to any order.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The residual's shape is not that of x; or on differentiation, its Jacobian is singular.</exception>
    public static Tensor ImplicitRoot(Func<Tensor, Tensor, Tensor> residual, Func<Tensor, Tensor> solver, Tensor a)
    {
        ArgumentNullException.ThrowIfNull(residual);
        ArgumentNullException.ThrowIfNull(solver);
        return new Tensor(CoreDiff.implicitRoot(Adapter.ToCore(residual), Adapter.ToCore(solver), Tensor.Unwrap(a, nameof(a))));
    }

    /// <summary>A minimiser of an objective that any procedure finds, with the derivative of the implicit function theorem.</summary>
    /// <param name="objective">From a and x to a scalar; its gradient in x is zero at the solver's result.</param>
    /// <param name="solver">From a to x.</param>
    /// <param name="a">The parameters.</param>
    /// <returns>The solver's result, differentiable to any order.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">On differentiation, the Hessian of the objective in x is singular.</exception>
    public static Tensor ImplicitOptimum(Func<Tensor, Tensor, Tensor> objective, Func<Tensor, Tensor> solver, Tensor a)
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentNullException.ThrowIfNull(solver);
        return new Tensor(CoreDiff.implicitOptimum(Adapter.ToCore(objective), Adapter.ToCore(solver), Tensor.Unwrap(a, nameof(a))));
    }

    /// <summary>A fixed point x = g(a, x) by iteration, with the derivative of the implicit function theorem.</summary>
    /// <param name="g">From a and x to the shape of x; a contraction near the fixed point.</param>
    /// <param name="start">The first x.</param>
    /// <param name="a">The parameters.</param>
    /// <param name="tolerance">Stop when a step changes no element by more than this times 1 + the largest |element|.</param>
    /// <param name="maxSteps">Most steps.</param>
    /// <param name="memory">How many earlier steps Anderson's acceleration combines; 0 for plain iteration.</param>
    /// <returns>The fixed point; inside a transformation NaN where the iteration does not converge.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">No convergence where the arguments have values.</exception>
    public static Tensor FixedPoint(
        Func<Tensor, Tensor, Tensor> g, Tensor start, Tensor a, double tolerance = 1e-12, int maxSteps = 1000, int memory = 0)
    {
        ArgumentNullException.ThrowIfNull(g);
        var options = new IterationOptions(tolerance, maxSteps, memory);
        return new Tensor(
            CoreDiff.fixedPointWith(options, Adapter.ToCore(g), Tensor.Unwrap(start, nameof(start)), Tensor.Unwrap(a, nameof(a))));
    }

    /// <summary>A root of F(a, x) = 0 by Newton's method, with the derivative of the implicit function theorem.</summary>
    /// <param name="residual">F, from a and x to the shape of x.</param>
    /// <param name="start">The first x.</param>
    /// <param name="a">The parameters.</param>
    /// <param name="tolerance">Stop when a step changes no element by more than this times 1 + the largest |element|.</param>
    /// <param name="maxSteps">Most steps.</param>
    /// <returns>The root; inside a transformation NaN where the method does not converge.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">No convergence where the arguments have values, or a singular Jacobian.</exception>
    public static Tensor NewtonRoot(
        Func<Tensor, Tensor, Tensor> residual, Tensor start, Tensor a, double tolerance = 1e-12, int maxSteps = 50)
    {
        ArgumentNullException.ThrowIfNull(residual);
        var options = new IterationOptions(tolerance, maxSteps, 0);
        return new Tensor(
            CoreDiff.newtonRootWith(options, Adapter.ToCore(residual), Tensor.Unwrap(start, nameof(start)), Tensor.Unwrap(a, nameof(a))));
    }

    /// <summary>The solution y of apply(y) = b for a linear function, without its matrix, by restarted GMRES.</summary>
    /// <param name="apply">A regular linear map from the shape of b to the shape of b.</param>
    /// <param name="b">The right-hand side.</param>
    /// <param name="tolerance">Stop when |b − A y| is at most this times |b|.</param>
    /// <param name="maxSteps">Most applications of the map.</param>
    /// <param name="restart">How many vectors are kept before the method starts again.</param>
    /// <returns>y, differentiable to any order, also by what the map closes over; inside a transformation NaN where the method does not converge.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The map is not linear; or no convergence where the arguments have values.</exception>
    public static Tensor LinearSolve(
        Func<Tensor, Tensor> apply, Tensor b, double tolerance = 1e-10, int maxSteps = 1000, int restart = 30) =>
        LinearSolve(LinearSolver.NewGmres(restart), apply, b, tolerance, maxSteps);

    /// <summary>The solution y of apply(y) = b for a symmetric positive definite linear function, by conjugate gradients.</summary>
    /// <param name="apply">A symmetric positive definite linear map from the shape of b to the shape of b.</param>
    /// <param name="b">The right-hand side.</param>
    /// <param name="tolerance">Stop when |b − A y| is at most this times |b|.</param>
    /// <param name="maxSteps">Most applications of the map.</param>
    /// <returns>y, differentiable to any order, also by what the map closes over; inside a transformation NaN where the method does not converge.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The map is not linear; or no convergence where the arguments have values.</exception>
    public static Tensor ConjugateGradient(Func<Tensor, Tensor> apply, Tensor b, double tolerance = 1e-10, int maxSteps = 1000) =>
        LinearSolve(LinearSolver.ConjugateGradient, apply, b, tolerance, maxSteps);

    /// <summary>A root of F(a, x) = 0 as in <see cref="ImplicitRoot"/>, whose derivatives solve their linear systems by restarted GMRES, without the Jacobian.</summary>
    /// <param name="residual">F, from a and x to the shape of x; zero at the solver's result.</param>
    /// <param name="solver">From a to x.</param>
    /// <param name="a">The parameters.</param>
    /// <param name="tolerance">Relative residual at which a system counts as solved.</param>
    /// <param name="maxSteps">Most Jacobian-vector products for a system.</param>
    /// <param name="restart">How many vectors are kept before the method starts again.</param>
    /// <returns>The solver's result, differentiable to any order; a derivative is NaN where its system's solver does not converge.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The residual's shape is not that of x.</exception>
    public static Tensor ImplicitRootMatrixFree(
        Func<Tensor, Tensor, Tensor> residual, Func<Tensor, Tensor> solver, Tensor a, double tolerance = 1e-10, int maxSteps = 1000, int restart = 30)
    {
        ArgumentNullException.ThrowIfNull(residual);
        ArgumentNullException.ThrowIfNull(solver);
        var options = new LinearSolveOptions(LinearSolver.NewGmres(restart), tolerance, maxSteps);
        return new Tensor(
            CoreDiff.implicitRootWith(options, Adapter.ToCore(residual), Adapter.ToCore(solver), Tensor.Unwrap(a, nameof(a))));
    }

    private static Tensor LinearSolve(LinearSolver solver, Func<Tensor, Tensor> apply, Tensor b, double tolerance, int maxSteps)
    {
        ArgumentNullException.ThrowIfNull(apply);
        var options = new LinearSolveOptions(solver, tolerance, maxSteps);
        return new Tensor(CoreDiff.linearSolveWith(options, Adapter.ToCore(apply), Tensor.Unwrap(b, nameof(b))));
    }
}
