#:project ../src/Interop.CSharp/Interop.CSharp.csproj
#:property PublishAot=false
#:property GenerateDocumentationFile=false
#:property EnforceCodeStyleInBuild=false
#:property ImplicitUsings=disable

// %% A tour of Hesse from C#
//
// The same exact derivatives as in F#, in .NET style: Func in, tensors out. Parameters of a model can be an array, a list, a record.
//
//     dotnet run notebooks/CSharpTour.cs
//
// or eng/run-notebooks.sh, which runs every notebook. Each section prints its results and checks them; the program ends with exit
// code 1 if a check fails. The sections are cells for editors that know "// %%".

using System;
using System.Collections.Generic;
using System.Linq;
using Hesse.Interop;

// %% 1. Tensors
//
// Tensors are immutable float64 arrays with operators, NumPy's broadcasting, and C#'s own indices and ranges.

Section("1. Tensors");
var matrix = Tensor.FromArray(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } });
var scaled = 2.0 * matrix + Tensor.FromArray(0.0, 10.0, 20.0);
Console.WriteLine($"   {scaled}");
Check("a row is broadcast over the matrix", scaled.ToArray().SequenceEqual([2.0, 14.0, 26.0, 8.0, 20.0, 32.0]));
Check("ranges exclude their end, as in C#", matrix[^1, 1..3].ToArray().SequenceEqual([5.0, 6.0]));

// %% 2. Gradient and Hessian
//
// Rosenbrock's function has its minimum at (1, 1), where the Hessian is [[802, −400], [−400, 200]].

Section("2. Gradient and Hessian");
var minimum = Tensor.Ones(2);
var gradient = Diff.Grad(Rosenbrock, minimum);
var hessian = Diff.Hessian(Rosenbrock, minimum);
Console.WriteLine($"   gradient {gradient}\n   Hessian  {hessian}");
Check("the gradient vanishes", Distance(gradient, Tensor.Zeros(2)) == 0.0);
Check("the Hessian is the known one", Distance(hessian, Tensor.FromArray(new double[,] { { 802, -400 }, { -400, 200 } })) < 1e-11);
Check("H·v needs no Hessian", Distance(Diff.Hvp(Rosenbrock, minimum, Tensor.FromArray(1.0, 2.0)), Tensor.FromArray(2.0, 0.0)) < 1e-11);

// %% 3. Ten derivatives at once
//
// Taylor mode: number k is the k-th derivative along the direction. For e^{2x} it is 2ᵏ e^{2x}.

Section("3. Ten derivatives at once");
var jet = Diff.Jet(10, x => (2.0 * x).Exp(), Tensor.Scalar(0.3), Tensor.Scalar(1.0));
var worst = jet.Select((d, k) => Math.Abs(d.Item() / (Math.Pow(2.0, k) * Math.Exp(0.6)) - 1.0)).Max();
Console.WriteLine($"   d¹⁰/dx¹⁰ e^(2x) at 0.3 = {jet[10].Item():F6}, largest relative error of all {worst:E1}");
Check("every order agrees with 2ᵏ e^(2x)", worst < 1e-13);

// %% 4. A model as a record
//
// The gradient of a record is a record: tensors are differentiated, everything else is carried along.

Section("4. A model as a record");
var keys = RandomKey.FromSeed(1).Split(4);
var net = new Mlp([new Dense(keys[0].Normal(2, 12), Tensor.Zeros(12)), new Dense(keys[1].Normal(12, 1) / Math.Sqrt(12.0), Tensor.Zeros(1))], "two layers");
var inputs = keys[2].Normal(64, 2);
var targets = inputs[.., 0..1] * inputs[.., 1..2];
Tensor Loss(Mlp m) => (m.Predict(inputs) - targets).Square().Mean();

// Compile traces the function once; after that a step only runs its plan.
var step = Diff.Compile((Mlp m) => Diff.ValueAndGrad(Loss, m));
var before = Loss(net);

for (var i = 0; i <= 600; i++)
{
    var (loss, slope) = step(net);

    if (i % 200 == 0)
    {
        Console.WriteLine($"   step {i,3}   loss {loss.Item():F6}");
    }

    net = net with { Layers = [.. net.Layers.Zip(slope.Layers, (p, g) => new Dense(p.Weight - 0.1 * g.Weight, p.Bias - 0.1 * g.Bias))] };
}

Check("the network learns the product of its inputs", Loss(net).Item() < 0.2 * before.Item());
Check("the name came along", net.Name == "two layers");

// %% 5. A gradient for every sample
//
// VMap makes a function of a batch from a function of one sample. The gradients of all samples give the neural tangent kernel.

Section("5. The neural tangent kernel");
var jacobian = Diff.Jacobian((Mlp m) => m.Predict(inputs).Flatten(), net);
var kernel = jacobian.MatMul(jacobian.Transpose());
var perSample = Diff.VMap((Tensor x) => Diff.Grad(m => m.Predict(x).Sum(), net), inputs);
var bySample = Tensor.Zeros(64, 64);

foreach (var part in perSample.Layers.SelectMany(l => new[] { l.Weight, l.Bias }))
{
    var rows = part.Reshape(64, -1);
    bySample += rows.MatMul(rows.Transpose());
}

Console.WriteLine($"   Θ has shape [{string.Join("; ", kernel.Shape)}] and trace {kernel.Trace().Item():F4}");
Check("J Jᵀ and the Gram matrix of per-sample gradients agree", Distance(kernel, bySample) < 1e-10);

// %% 6. The plan, and errors
//
// Explain says what will run. Errors name the operation, the shapes, and what to do; the type is Hesse.HesseException.

Section("6. The plan, and errors");
Console.WriteLine($"   {Diff.Explain((Mlp m) => Diff.Grad(Loss, m), net).Split('\n')[^1]}");
var message = "";

try
{
    matrix.MatMul(matrix);
}
catch (Hesse.HesseException e)
{
    message = e.Message;
}

Console.WriteLine($"   {message}");
Check("the message names the shapes", message.Contains("[2; 3]", StringComparison.Ordinal));
Console.WriteLine("\nEvery check holds.");

static Tensor Rosenbrock(Tensor x) => (1.0 - x[0]).Square() + 100.0 * (x[1] - x[0].Square()).Square();

static double Distance(Tensor a, Tensor b) => (a - b).Abs().Max().Item();

static void Section(string title) => Console.WriteLine($"\n{title}");

static void Check(string statement, bool holds)
{
    Console.WriteLine($"   {(holds ? "✓" : "✗")} {statement}");

    if (!holds)
    {
        Environment.Exit(1);
    }
}

internal sealed record Dense(Tensor Weight, Tensor Bias)
{
    public Tensor Apply(Tensor x) => x.MatMul(Weight) + Bias;
}

internal sealed record Mlp(List<Dense> Layers, string Name)
{
    public Tensor Predict(Tensor x) => Layers[1].Apply(Layers[0].Apply(x).Tanh());
}
