"""The other side of the benchmark: PyTorch, in whichever form is fastest.

usage: peer.py FOLDER

Reads lines on standard input and answers each with one line of JSON:
  prepare ROW      reads FOLDER/ROW.json (inputs written by the benchmark), tries every form of the row with one and with
                   all threads, keeps the fastest, writes its result: {"form": ..., "seconds": ..., "result": FILE}
  run ROW REPEATS  times the kept form: {"seconds": [...]}
The forms of a row compute the same numbers: "eager" with torch.autograd (double backward), "functorch" with its transformations.
"""

import array
import json
import os
import sys
import time

try:
    import functorch
    import torch
except ImportError:
    sys.exit(1)

torch.set_default_dtype(torch.float64)


class Inputs:
    """Tensors of a row: single ones by name, lists by prefix."""

    def __init__(self, folder, row):
        with open(os.path.join(folder, row + ".json"), encoding="utf-8") as file:
            described = json.load(file)
        self.tensors = {name: self.read(entry) for name, entry in described.items()}

    @staticmethod
    def read(entry):
        numbers = array.array("d")
        with open(entry["file"], "rb") as file:
            numbers.frombytes(file.read())
        return torch.tensor(numbers, dtype=getattr(torch, entry["dtype"])).reshape(entry["shape"])

    def one(self, name):
        return self.tensors[name]

    def many(self, prefix):
        count = sum(1 for name in self.tensors if name.rstrip("0123456789") == prefix and name != prefix)
        return tuple(self.tensors[f"{prefix}{i}"] for i in range(count))


def network(parameters, x):
    """A tanh network with a linear last layer; weights of shape (inputs, outputs)."""
    depth = len(parameters) // 2
    for layer in range(depth):
        x = torch.matmul(x, parameters[2 * layer]) + parameters[2 * layer + 1]
        if layer < depth - 1:
            x = torch.tanh(x)
    return x


def network_of_copies(parameters, x):
    """The network with a copy of the parameters for every sample, which makes one backward pass give per-sample gradients
    without any transformation: the copies (broadcast, not stored) and the outputs of shape (samples, outputs)."""
    samples = x.shape[0]
    copies = tuple(p.detach().expand(samples, *p.shape).requires_grad_(True) for p in parameters)
    h = x.unsqueeze(1)
    depth = len(copies) // 2
    for layer in range(depth):
        h = torch.baddbmm(copies[2 * layer + 1].unsqueeze(1), h, copies[2 * layer])
        if layer < depth - 1:
            h = torch.tanh(h)
    return copies, h.squeeze(1)


def mean_square(x, y):
    return lambda parameters: torch.mean((network(parameters, x) - y) ** 2)


def leaves(tensors):
    return tuple(t.detach().clone().requires_grad_(True) for t in tensors)


def unravel_like(parameters):
    """The function from a flat vector to tensors of these shapes."""
    shapes = [p.shape for p in parameters]
    sizes = [p.numel() for p in parameters]
    return lambda flat: tuple(part.reshape(shape) for part, shape in zip(torch.split(flat, sizes), shapes))


def gradient(inputs):
    parameters = inputs.many("p")
    loss = mean_square(inputs.one("x"), inputs.one("y"))
    active = leaves(parameters)
    transformed = functorch.grad(loss)
    return {
        "eager": lambda: torch.autograd.grad(loss(active), active),
        "functorch": lambda: transformed(parameters),
    }


def hessian_vector(inputs):
    parameters, direction = inputs.many("p"), inputs.many("v")
    loss = mean_square(inputs.one("x"), inputs.one("y"))
    active = leaves(parameters)

    def double_backward():
        first = torch.autograd.grad(loss(active), active, create_graph=True)
        return torch.autograd.grad(first, active, grad_outputs=direction)

    return {
        "eager": double_backward,
        "functorch": lambda: functorch.jvp(functorch.grad(loss), (parameters,), (direction,))[1],
    }


def hessian(inputs):
    parameters = inputs.many("p")
    flat = torch.cat([p.reshape(-1) for p in parameters])
    unravel = unravel_like(parameters)
    of_tree = mean_square(inputs.one("x"), inputs.one("y"))
    size = flat.numel()

    def loss(vector):
        return of_tree(unravel(vector))

    def blocks(count):
        """Hessian-vector products over blocks of the identity: bounded memory, as Hesse does it."""
        product = functorch.vmap(lambda v: functorch.jvp(functorch.grad(loss), (flat,), (v,))[1])
        eye = torch.eye(size)
        return lambda: torch.cat([product(eye[i:i + count]) for i in range(0, size, count)])

    forms = {f"functorch, blocks of {count}": blocks(count) for count in (64, 256)}
    if size < 2000:  # one batch of all directions would need tens of gigabytes for more
        whole = functorch.hessian(loss)
        forms["functorch"] = lambda: whole(flat)
        forms["eager"] = lambda: torch.autograd.functional.hessian(loss, flat, vectorize=True)
    return forms


def tangent_kernel(inputs):
    parameters, x = inputs.many("p"), inputs.one("x")
    active = leaves(parameters)
    samples = x.shape[0]
    one_gradient = functorch.grad(lambda p, xi: network(p, xi)[0])
    per_sample = functorch.vmap(one_gradient, in_dims=(None, 0))
    jacobian = functorch.jacrev(lambda p: network(p, x)[:, 0])

    def gram(gradients):
        flat = [g.reshape(samples, -1) for g in gradients]
        return sum(g @ g.T for g in flat)

    def by_copies():
        copies, outputs = network_of_copies(parameters, x)
        return gram(torch.autograd.grad(outputs.sum(), copies))

    def eager():
        y = network(active, x)[:, 0]
        return gram(torch.autograd.grad(y, active, grad_outputs=torch.eye(samples), is_grads_batched=True))

    return {
        "functorch, vmap of grad": lambda: gram(per_sample(parameters, x)),
        "functorch, jacrev": lambda: gram(jacobian(parameters)),
        "eager, batched": eager,
        "eager, copies": by_copies,
    }


def per_sample_gradients(inputs):
    parameters, x, y = inputs.many("p"), inputs.one("x"), inputs.one("y")

    def loss(p, xi, yi):
        return -torch.sum(yi * torch.log_softmax(network(p, xi), dim=0))

    per_sample = functorch.vmap(functorch.grad(loss), in_dims=(None, 0, 0))

    def eager():
        copies, outputs = network_of_copies(parameters, x)
        return torch.autograd.grad(-torch.sum(y * torch.log_softmax(outputs, dim=1)), copies)

    return {"functorch": lambda: per_sample(parameters, x, y), "eager, copies": eager}


def directional(order):
    def row(inputs):
        parameters, x, v = inputs.many("p"), inputs.one("x"), inputs.one("v")

        def along(t):
            return network(parameters, x + t * v)

        def differentiate(f):
            return lambda t: functorch.jvp(f, (t,), (torch.ones(()),))[1]

        nested = along
        for _ in range(order):
            nested = differentiate(nested)

        def eager():
            """Every sample has its own t, so that one backward pass gives all first derivatives; nested."""
            t = torch.zeros(x.shape[0], 1, requires_grad=True)
            y = network(parameters, x + t * v)
            for k in range(order):
                (y,) = torch.autograd.grad(y.sum(), t, create_graph=k < order - 1)
            return y

        return {"functorch": lambda: nested(torch.zeros(())), "eager": eager}

    return row


def descent(inputs):
    """1000 steps; the same rate and number of steps as in Rows.fs."""
    steps, rate = 1000, 0.05
    parameters = inputs.many("p")
    loss = mean_square(inputs.one("x"), inputs.one("y"))
    transformed = functorch.grad(loss)

    def in_place():
        """What PyTorch's own optimisers do, without their bookkeeping."""
        active = leaves(parameters)
        for _ in range(steps):
            gradients = torch.autograd.grad(loss(active), active)
            with torch.no_grad():
                torch._foreach_add_(active, gradients, alpha=-rate)
        return active

    def functional():
        current = parameters
        for _ in range(steps):
            current = tuple(w - rate * g for w, g in zip(current, transformed(current)))
        return current

    return {"eager, in place": in_place, "functorch": functional}


def lanczos(inputs):
    """Stochastic Lanczos quadrature with full re-orthogonalisation, done twice; the network stays as it is, so that a graph of
    the gradient can be kept. All orthogonalisation is in matrix products with the stored basis."""
    steps, moments = 40, 20
    parameters, x, y, starts = inputs.many("p"), inputs.one("x"), inputs.one("y"), inputs.one("starts")
    flat = torch.cat([p.reshape(-1) for p in parameters])
    unravel = unravel_like(parameters)

    def loss(vector):
        return -torch.sum(y * torch.log_softmax(network(unravel(vector), x), dim=1)) / x.shape[0]

    active = flat.clone().requires_grad_(True)
    (kept,) = torch.autograd.grad(loss(active), active, create_graph=True)

    def from_graph(v):
        return torch.autograd.grad(kept, active, grad_outputs=v, retain_graph=True)[0]

    def rows_from_graph(v):
        return torch.autograd.grad(kept, active, grad_outputs=v, retain_graph=True, is_grads_batched=True)[0]

    def loss_by_exponentials(vector):
        """The same, since forward mode has no rule for the gradient of log_softmax in PyTorch 1.13."""
        outputs = network(unravel(vector), x)
        return torch.sum(y * (torch.logsumexp(outputs, dim=1, keepdim=True) - outputs)) / x.shape[0]

    def transformed(v):
        return functorch.jvp(functorch.grad(loss_by_exponentials), (flat,), (v,))[1]

    rows_transformed = functorch.vmap(transformed)

    def factorise(product, block):
        """block: (probes, parameters); alpha and beta of shape (probes, steps)."""
        probes, size = block.shape
        basis = torch.zeros(probes, steps, size)
        alpha, beta = torch.zeros(probes, steps), torch.zeros(probes, steps)
        q = block / block.norm(dim=1, keepdim=True)
        for s in range(steps):
            basis[:, s] = q
            w = product(q)
            alpha[:, s] = (q * w).sum(dim=1)
            so_far = basis[:, :s + 1]
            for _ in range(2):
                along = torch.bmm(so_far, w.unsqueeze(2))
                w = w - torch.bmm(so_far.transpose(1, 2), along).squeeze(2)
            length = w.norm(dim=1)
            beta[:, s] = length
            q = w / length.unsqueeze(1)
        return alpha, beta[:, :-1]

    def summary(alpha, beta):
        t = torch.diag_embed(alpha) + torch.diag_embed(beta, 1) + torch.diag_embed(beta, -1)
        nodes, vectors = torch.linalg.eigh(t)
        radius = nodes.abs().max()
        scaled, weights = nodes / radius, vectors[:, 0, :] ** 2
        of_order = [flat.numel() * radius * (weights * scaled ** k).sum(dim=1) for k in range(1, moments + 1)]
        return torch.cat([radius.reshape(1), torch.stack(of_order, dim=1).reshape(-1)])

    def one_by_one(product):
        def compute():
            rules = [factorise(lambda q: product(q[0]).unsqueeze(0), start.unsqueeze(0)) for start in starts]
            return summary(torch.cat([a for a, _ in rules]), torch.cat([b for _, b in rules]))
        return compute

    return {
        "kept graph": one_by_one(from_graph),
        "kept graph, probes together": lambda: summary(*factorise(rows_from_graph, starts)),
        "functorch": one_by_one(transformed),
        "functorch, probes together": lambda: summary(*factorise(rows_transformed, starts)),
    }


ROWS = {
    "grad": gradient,
    "hvp": hessian_vector,
    "hessian": hessian,
    "ntk": tangent_kernel,
    "per-sample": per_sample_gradients,
    "jet6": directional(6),
    "descent": descent,
    "lanczos": lanczos,
}


def forms_of(row, inputs):
    kind = next(kind for kind in ROWS if row.startswith(kind + "-"))
    return ROWS[kind](inputs)


def measure(compute, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        compute()
        seconds.append(time.perf_counter() - start)
    return seconds


def warm_up(compute, best):
    """Seconds of a call when warm: runs for about half a second, at least twice after the first call, and takes the median of
    the later half. Stops early when the first call, if it is a long one, or the second shows that this form cannot be the fastest."""
    first = measure(compute, 1)[0]
    if first > max(1.0, 3 * best):
        return first
    seconds, begin = measure(compute, 1), time.perf_counter()
    if seconds[0] > 4 * best:
        return seconds[0]
    while len(seconds) < 2 or (len(seconds) < 300 and time.perf_counter() - begin < 0.5):
        seconds += measure(compute, 1)
    late = sorted(seconds[len(seconds) // 2:])
    return late[len(late) // 2]


def write_result(folder, row, result):
    tensors = result if isinstance(result, (tuple, list)) else (result,)
    path = os.path.join(folder, row + ".result.f64")
    with open(path, "wb") as file:
        for tensor in tensors:
            file.write(tensor.detach().double().contiguous().numpy().tobytes())
    return path


def prepare(folder, row):
    forms = forms_of(row, Inputs(folder, row))
    best = {"seconds": float("inf")}
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        for name, compute in forms.items():
            seconds = warm_up(compute, best["seconds"])
            if seconds < best["seconds"]:
                best = {"form": f"{name}, {threads} thread{'s' if threads > 1 else ''}", "seconds": seconds,
                        "compute": compute, "threads": threads}
    torch.set_num_threads(best["threads"])
    return best


def main():
    folder = sys.argv[1]
    kept = {}
    answer = lambda value: print(json.dumps(value), flush=True)
    answer({"version": f"PyTorch {torch.__version__}, functorch {functorch.__version__}, Python {sys.version.split()[0]}"})
    for line in sys.stdin:
        command, row, *rest = line.split()
        if command == "prepare":
            kept = {row: prepare(folder, row)}
            best = kept[row]
            path = write_result(folder, row, best["compute"]())
            answer({"form": best["form"], "seconds": best["seconds"], "result": path})
        else:
            answer({"seconds": measure(kept[row]["compute"], int(rest[0]))})


if __name__ == "__main__":
    main()
