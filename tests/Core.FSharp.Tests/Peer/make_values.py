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

with open("peer-values.json", "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")

print(f"{len(CASES)} cases")
