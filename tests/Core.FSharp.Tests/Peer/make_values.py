"""Writes peer-values.json: programs evaluated by PyTorch and functorch in float64.

Run in this folder: python3 make_values.py  (torch 1.13 with functorch; the seed is fixed, so the file is reproducible).
Every case holds its inputs and its outputs; PeerTests.fs rebuilds the outputs in Hesse from the inputs.
"""

import json
import math

import functorch as ft
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240611)

CASES = []


def normal(*shape):
    # Few digits keep the file small; both sides read the same numbers.
    return torch.round(torch.randn(*shape) * 1e4) / 1e4


def uniform(low, high, *shape):
    return torch.round((low + (high - low) * torch.rand(*shape)) * 1e4) / 1e4


def pack(t):
    t = t.detach()
    return {"shape": list(t.shape), "data": t.reshape(-1).tolist()}


def case(name, inputs, outputs):
    CASES.append(
        {
            "name": name,
            "inputs": {k: pack(v) for k, v in inputs.items()},
            "outputs": {k: pack(v) for k, v in outputs.items()},
        }
    )


def derivatives(name, f, x, v):
    """Value, gradient, Hessian, Hessian-vector product and D3 f[v, v] of a scalar function."""
    hvp = lambda z: ft.jvp(ft.grad(f), (z,), (v,))[1]
    case(
        name,
        {"x": x, "v": v},
        {
            "value": f(x),
            "grad": ft.grad(f)(x),
            "hessian": ft.hessian(f)(x),
            "hvp": hvp(x),
            "third": ft.jvp(hvp, (x,), (v,))[1],
        },
    )


# ----- scalar functions: all derivatives to order three -----

derivatives("rosenbrock", lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), normal(5), normal(5))
derivatives("logSumExp", lambda x: torch.logsumexp(x, 0), normal(6), normal(6))
derivatives("softplus", lambda x: torch.log1p(torch.exp(x)).sum(), normal(4), normal(4))
derivatives("tanhProduct", lambda x: torch.prod(torch.tanh(x)), normal(4), normal(4))
derivatives("erfSquare", lambda x: (torch.erf(x) ** 2).sum(), normal(4), normal(4))
derivatives("gelu", lambda x: (0.5 * x * (1 + torch.erf(x / math.sqrt(2)))).sum(), normal(4), normal(4))
derivatives("sigmoidEntropy", lambda x: (-torch.sigmoid(x) * torch.log(torch.sigmoid(x))).sum(), normal(4), normal(4))
derivatives("powerTower", lambda x: (x ** (x.flip(0))).sum(), uniform(0.5, 2.0, 4), normal(4))
derivatives("powers", lambda x: (x**3 + x**-2 + x**1.7).sum(), uniform(0.5, 2.0, 4), normal(4))
derivatives("quotient", lambda x: (torch.sin(x) / (2 + torch.cos(x))).sum() / (1 + (x * x).sum()), normal(4), normal(4))
derivatives("norm", lambda x: torch.sqrt((x * x).sum()), normal(5), normal(5))
derivatives("expm1Log1p", lambda x: (torch.expm1(x) * torch.log1p(x * x)).sum(), normal(4), normal(4))
derivatives("maxAbs", lambda x: (torch.maximum(x, x.flip(0) ** 2) * x.abs()).sum(), normal(5), normal(5))
derivatives("reluCubed", lambda x: (torch.relu(x) ** 3 * torch.exp(x)).sum(), normal(6), normal(6))
derivatives("maximum", lambda x: x.max() * x.sum(), normal(5), normal(5))
derivatives(
    "gather", lambda x: (x[[0, 2, 2, 4]] * torch.exp(x[[1, 1, 3, 0]])).sum(), normal(5), normal(5)
)
derivatives("sliceConcat", lambda x: (torch.cat([x[1::2], x[:2]]) ** 2 * torch.sin(x[:4])).sum(), normal(5), normal(5))
derivatives(
    "matrixPowerTrace", lambda x: torch.trace(x.reshape(3, 3) @ x.reshape(3, 3) @ x.reshape(3, 3).t()), normal(9), normal(9)
)

# ----- matrices and einsum -----

a, b, c = normal(2, 3, 4), normal(4, 5), normal(2, 5)
einsum = lambda a, b, c: torch.einsum("bij,jk,bk->ib", a, b, c)
weights = normal(3, 2)
ga, gb, gc = ft.grad(lambda a, b, c: (weights * torch.tanh(einsum(a, b, c))).sum(), argnums=(0, 1, 2))(a, b, c)
case(
    "einsum",
    {"a": a, "b": b, "c": c, "w": weights},
    {"value": einsum(a, b, c), "gradA": ga, "gradB": gb, "gradC": gc},
)

m, n = normal(3, 2, 4), normal(3, 4, 2)
case(
    "batchedMatmul",
    {"m": m, "n": n},
    {
        "value": m @ n,
        "grad": ft.grad(lambda m: torch.sin(m @ n).sum())(m),
        "trace": torch.einsum("bii->b", m @ n),
    },
)

# ----- networks -----


def unpack(theta, sizes):
    parts, at = [], 0
    for i, o in zip(sizes[:-1], sizes[1:]):
        parts.append((theta[at : at + i * o].reshape(i, o), theta[at + i * o : at + i * o + o]))
        at += i * o + o
    return parts


def mlp(theta, x, sizes, activation):
    layers = unpack(theta, sizes)
    for k, (w, bias) in enumerate(layers):
        x = x @ w + bias
        if k < len(layers) - 1:
            x = activation(x)
    return x


def count(sizes):
    return sum(i * o + o for i, o in zip(sizes[:-1], sizes[1:]))


sizes = [3, 4, 2]
theta, x, direction = normal(count(sizes)) * 0.5, normal(5, 3), normal(count(sizes))
f = lambda t: mlp(t, x, sizes, torch.tanh)
_, tangent = ft.jvp(f, (theta,), (direction,))
jacobian = ft.jacrev(f)(theta)
flat = jacobian.reshape(10, -1)
case(
    "mlpJacobian",
    {"theta": theta, "x": x, "v": direction},
    {"value": f(theta), "jvp": tangent, "jacobian": jacobian, "kernel": flat @ flat.t()},
)

target = normal(5, 2)
loss = lambda t: 0.5 * ((mlp(t, x, sizes, torch.tanh) - target) ** 2).mean()
case(
    "mlpSquareLoss",
    {"theta": theta, "x": x, "target": target, "v": direction},
    {
        "value": loss(theta),
        "grad": ft.grad(loss)(theta),
        "hessian": ft.hessian(loss)(theta),
        "hvp": ft.jvp(ft.grad(loss), (theta,), (direction,))[1],
    },
)

labels = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
cross = lambda t: F.cross_entropy(mlp(t, x, sizes, torch.relu), labels.long())
case(
    "softmaxCrossEntropy",
    {"theta": theta, "x": x, "labels": labels, "v": direction},
    {
        "value": cross(theta),
        "grad": ft.grad(cross)(theta),
        # Reverse over reverse: the log-softmax of torch 1.13 has no forward derivative of its backward pass.
        "hessian": ft.jacrev(ft.jacrev(cross))(theta),
        "hvp": ft.vjp(ft.grad(cross), theta)[1](direction)[0],
    },
)

per_example = lambda t, xi, yi: 0.5 * ((mlp(t, xi, sizes, torch.tanh) - yi) ** 2).sum()
case(
    "perExampleGradients",
    {"theta": theta, "x": x, "target": target},
    {"grads": ft.vmap(ft.grad(per_example), in_dims=(None, 0, 0))(theta, x, target)},
)

# Gradient penalty: a derivative with respect to parameters of a derivative with respect to inputs.
scalar_sizes = [3, 4, 1]
small = normal(count(scalar_sizes)) * 0.5
input_gradient = lambda t, xi: ft.grad(lambda z: mlp(t, z, scalar_sizes, torch.tanh).sum())(xi)
penalty = lambda t: (ft.vmap(input_gradient, in_dims=(None, 0))(t, x) ** 2).sum(1).mean()
case("gradientPenalty", {"theta": small, "x": x}, {"value": penalty(small), "grad": ft.grad(penalty)(small)})

laplacian = lambda t, xi: torch.trace(ft.hessian(lambda z: mlp(t, z, scalar_sizes, torch.tanh).sum())(xi))
residual = lambda t: (ft.vmap(laplacian, in_dims=(None, 0))(t, x) ** 2).mean()
case("laplacianResidual", {"theta": small, "x": x}, {"value": residual(small), "grad": ft.grad(residual)(small)})

# Single-head attention.
tokens, wq, wk, wv = normal(4, 3), normal(3, 3), normal(3, 3), normal(3, 3)


def attention(tokens, wq, wk, wv):
    scores = (tokens @ wq) @ (tokens @ wk).t() / math.sqrt(3.0)
    return torch.softmax(scores, 1) @ (tokens @ wv)


gq, gk, gv = ft.grad(lambda q, k, v: (attention(tokens, q, k, v) ** 2).sum(), argnums=(0, 1, 2))(wq, wk, wv)
case(
    "attention",
    {"tokens": tokens, "wq": wq, "wk": wk, "wv": wv},
    {
        "value": attention(tokens, wq, wk, wv),
        "gradQ": gq,
        "gradK": gk,
        "gradV": gv,
        "jacobian": ft.jacfwd(attention)(tokens, wq, wk, wv),
    },
)

# ----- more scalar functions: reverse mode at every order, which torch 1.13 has for all of them -----


def reverse_derivatives(name, f, x, v):
    """As `derivatives`, by torch.autograd alone."""
    gradient = lambda z: torch.autograd.grad(f(z), z, create_graph=True)[0]
    z = x.clone().requires_grad_()
    first = gradient(z)
    second = torch.stack([torch.autograd.grad(g, z, retain_graph=True, create_graph=True)[0] for g in first])
    product = second @ v
    (third,) = torch.autograd.grad(product @ v, z)
    case(
        name,
        {"x": x, "v": v},
        {"value": f(x), "grad": first, "hessian": second, "hvp": product, "third": third},
    )


special = torch.special
tame = lambda x: 0.9 * torch.tanh(x)
reverse_derivatives("erfc", lambda x: (x * torch.erfc(x)).sum(), normal(5), normal(5))
reverse_derivatives("erfcx", lambda x: special.erfcx(x).sum(), uniform(-1.0, 3.0, 5), normal(5))
reverse_derivatives("normalCdf", lambda x: (special.ndtr(x) * torch.sin(x)).sum(), normal(5), normal(5))
reverse_derivatives("normalLogCdf", lambda x: special.log_ndtr(x).sum(), 2.0 * normal(5), normal(5))
reverse_derivatives("lgamma", lambda x: (torch.lgamma(x) * x).sum(), uniform(0.3, 5.0, 5), normal(5))
reverse_derivatives("digamma", lambda x: (torch.digamma(x) ** 2).sum(), uniform(0.4, 4.0, 4), normal(4))
reverse_derivatives("polygamma", lambda x: torch.polygamma(2, x).sum(), uniform(0.6, 4.0, 4), normal(4))
reverse_derivatives("hyperbolic", lambda x: (torch.sinh(x) * torch.cosh(x.flip(0))).sum(), normal(4), normal(4))
reverse_derivatives(
    "inverseTrigonometric",
    lambda x: (torch.asin(tame(x)) * torch.acos(tame(x.flip(0))) + torch.atan(x) ** 2).sum(),
    normal(4),
    normal(4),
)
reverse_derivatives(
    "inverseHyperbolic",
    lambda x: (torch.asinh(x) * torch.acosh(1.5 + x * x) + torch.atanh(tame(x))).sum(),
    normal(4),
    normal(4),
)
reverse_derivatives("atan2", lambda x: (torch.atan2(x, x.roll(1, 0)) ** 2).sum(), normal(5), normal(5))
reverse_derivatives(
    "geluTanh",
    lambda x: (0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))).sum(),
    normal(5),
    normal(5),
)
reverse_derivatives("silu", lambda x: (x * torch.sigmoid(x)).sum() ** 2, normal(4), normal(4))
reverse_derivatives("logSigmoid", lambda x: (-torch.log1p(torch.exp(-x)) * x).sum(), normal(4), normal(4))
reverse_derivatives("guardedLog", lambda x: torch.where(x > 0, torch.log(torch.where(x > 0, x, x * 0 + 1)), x).sum(), normal(6), normal(6))

x, w = normal(4), normal(4)
case("activations", {"x": x}, {"gelu": F.gelu(x), "geluTanh": F.gelu(x, approximate="tanh"), "silu": F.silu(x), "softplus": F.softplus(x), "logSigmoid": F.logsigmoid(x)})

tower = lambda x: torch.erf(torch.sin(torch.erf(x)))
at, orders = torch.tensor(0.3, requires_grad=True), []
y = tower(at)
for _ in range(4):
    (y,) = torch.autograd.grad(y, at, create_graph=True)
    orders.append(y)
case("erfTowerToOrderFour", {"x": at}, {"derivatives": torch.stack(orders)})

# ----- order, running operations, indexing -----

reverse_derivatives("runningSumAndProduct", lambda x: (torch.cumsum(x, 0) * torch.cumprod(x, 0)).sum(), normal(5), normal(5))
reverse_derivatives("sort", lambda x: (torch.arange(1.0, 7.0) * torch.sort(x)[0] ** 3).sum(), normal(6), normal(6))
reverse_derivatives("topK", lambda x: torch.exp(torch.topk(x, 3)[0]).prod(), normal(6), normal(6))
index = torch.tensor([2, 0, 2, 1, 1])
reverse_derivatives("scatterAdd", lambda x: torch.sin(torch.zeros(4).index_add(0, index, x * x)).sum(), normal(5), normal(5))
reverse_derivatives("rows", lambda x: (x.reshape(3, 2)[[2, 0, 2]] ** 3).prod(1).sum(), normal(6), normal(6))
reverse_derivatives("maxOverRows", lambda x: (x.reshape(3, 3).max(1)[0] ** 3).sum() * x.reshape(3, 3).min(0)[0].sum(), normal(9), normal(9))
reverse_derivatives("deviation", lambda x: x.std(unbiased=False) * torch.exp(x).var(unbiased=False), normal(5), normal(5))
reverse_derivatives("threeNorm", lambda x: (x.abs() ** 3).sum() ** (1 / 3) + torch.linalg.norm(x), normal(5), normal(5))


def layer_norm(m):
    # Not F.layer_norm: its third derivative in torch 1.13 differs from a difference quotient of its second.
    centred = m - m.mean(1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-5)


reverse_derivatives("layerNorm", lambda x: (layer_norm(x.reshape(2, 3)) ** 3).sum(), normal(6), normal(6))
reverse_derivatives("rowLogSumExp", lambda x: (torch.logsumexp(x.reshape(2, 3), 1) ** 2).sum(), normal(6), normal(6))
reverse_derivatives("softmaxPower", lambda x: (torch.softmax(x, 0) ** 1.5).sum(), normal(5), normal(5))

# ----- linear algebra: a matrix in the first elements of x -----

eye = torch.eye(3)
square = lambda x: x[:9].reshape(3, 3)
definite = lambda x: square(x) @ square(x).t() + eye
reverse_derivatives("solve", lambda x: (torch.linalg.solve(square(x) + 3 * eye, x[9:]) ** 2).sum(), normal(12), normal(12))
reverse_derivatives("determinant", lambda x: torch.det(square(x)) ** 2, normal(9), normal(9))
reverse_derivatives("logDeterminant", lambda x: torch.logdet(definite(x)), normal(9), normal(9))
reverse_derivatives("inverse", lambda x: (torch.linalg.inv(square(x) + 3 * eye) ** 3).sum(), normal(9), normal(9))
reverse_derivatives("cholesky", lambda x: (torch.linalg.cholesky(definite(x)) ** 3).sum(), normal(9), normal(9))
reverse_derivatives(
    "triangularSolve",
    lambda x: (torch.linalg.solve_triangular(torch.tril(square(x)) + 3 * eye, x[9:].reshape(3, 1), upper=False) ** 2).sum(),
    normal(12),
    normal(12),
)
reverse_derivatives("eigenvalues", lambda x: (torch.tensor([1.0, -2.0, 0.5]) * torch.linalg.eigvalsh(square(x) + square(x).t()) ** 2).sum(), normal(9), normal(9))


def projector(x):
    vectors = torch.linalg.eigh(square(x) + square(x).t())[1]
    return ((vectors[:, :1] @ vectors[:, :1].t()) ** 3).sum()


reverse_derivatives("eigenprojector", projector, normal(9), normal(9))
reverse_derivatives("matrixExponential", lambda x: (torch.matrix_exp(0.5 * square(x)) ** 2).sum(), normal(9), normal(9))


def orthonormal_factor(x):
    q, r = torch.linalg.qr(square(x))
    return ((q * torch.sign(torch.diagonal(r)).detach()) ** 3).sum()


reverse_derivatives("orthonormalFactor", orthonormal_factor, normal(9), normal(9))

# ----- transformations -----

field = lambda x: torch.stack([torch.sin(x[0] * x[1]), torch.exp(x[1] - x[2]), x[2] ** 3 * x[0], (x * x).sum()])
x, v, u = normal(3), normal(3), normal(4)
case(
    "jacobians",
    {"x": x, "v": v, "u": u},
    {
        "forward": ft.jacfwd(field)(x),
        "reverse": ft.jacrev(field)(x),
        "jvp": ft.jvp(field, (x,), (v,))[1],
        "vjp": ft.vjp(field, x)[1](u)[0],
        "second": ft.jacfwd(ft.jacrev(field))(x),
        "gaussNewton": ft.vjp(field, x)[1](ft.jvp(field, (x,), (v,))[1])[0],
    },
)
cubic = lambda x: (torch.sin(x).sum() * x.prod()) + torch.exp(x[0] * x[1])
case("thirdDerivativeTensor", {"x": x}, {"third": ft.jacfwd(ft.jacfwd(ft.jacrev(cubic)))(x)})
y = normal(2)
bilinear = lambda x, y: torch.tanh(x.sum() * y).sum() + (x[:2] * y).prod()
case("mixedPartials", {"x": x, "y": y}, {"mixed": ft.jacfwd(ft.jacrev(bilinear, argnums=0), argnums=1)(x, y)})
points = normal(4, 3)
case(
    "perExampleHessians",
    {"points": points, "v": v},
    {
        "hessians": ft.vmap(ft.hessian(cubic))(points),
        "products": ft.vmap(lambda p: ft.jvp(ft.grad(cubic), (p,), (v,))[1])(points),
    },
)


# ----- singular values, convolutions, transforms: value, gradient, and Hessian by reverse over reverse -----


def second(name, f, x, **more):
    case(
        name,
        {"x": x, **more},
        {"value": f(x), "grad": ft.grad(f)(x), "hessian": torch.autograd.functional.hessian(f, x)},
    )


weights = normal(4, 4)
second("singularValues", lambda a: (torch.linalg.svdvals(a) ** 3).sum(), normal(4, 3))
second("nuclearNorm", lambda a: torch.linalg.matrix_norm(a, "nuc"), normal(3, 4))


def leading(a):
    u = torch.linalg.svd(a, full_matrices=False)[0][:, :2]
    return (weights * (u @ u.t())).sum()


second("singularProjector", leading, normal(4, 3), w=weights)
second("pinv", lambda a: (weights[:3] * torch.linalg.pinv(a)).sum(), normal(4, 3), w=weights[:3])
second("det", lambda a: torch.linalg.det(a), normal(3, 3))

kernel, image = normal(4, 2, 2, 2), normal(2, 4, 5, 5)
conv2d = lambda x, k: torch.tanh(F.conv2d(x, k, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2))
gx, gk = ft.grad(lambda x, k: conv2d(x, k).sum(), argnums=(0, 1))(image, kernel)
case("conv2d", {"x": image, "k": kernel}, {"value": conv2d(image, kernel), "gradX": gx, "gradK": gk})
signal = normal(1, 2, 7)
second(
    "conv1dKernel",
    lambda k: (F.conv1d(signal, k, stride=2, padding=1) ** 3).sum(),
    normal(2, 2, 3),
    signal=signal,
)
pools = lambda x: (F.max_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 0)) ** 2 * F.avg_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 0))).sum()
second("pooling", pools, normal(1, 1, 5, 4))


def spectrum(x):
    z = torch.fft.rfft(x)
    return (z.real**3 + z.real * z.imag**2).sum()


second("rfft", spectrum, normal(7))
re, im = normal(3, 6), normal(3, 6)
z = torch.fft.fft2(torch.complex(re, im))
y = torch.fft.irfft(torch.complex(re[:, :4], im[:, :4]), n=6, dim=1)
case("fft2", {"re": re, "im": im}, {"real": z.real, "imaginary": z.imag, "irfft": y})
second("cummax", lambda x: (torch.cummax(x, 0).values ** 3).sum(), normal(6))
second("kron", lambda x: (torch.kron(x, x.t().contiguous()) ** 3).sum(), normal(2, 2))

with open("peer-values.json", "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")

print(f"{len(CASES)} cases")
