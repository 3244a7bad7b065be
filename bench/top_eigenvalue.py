"""PyTorch's side of the top eigenvalue: so many Hessian-vector products of a network by double backward, in the fastest form
and in one precision.

usage: top_eigenvalue.py FOLDER PRODUCTS float64|float32

Reads x, y, v and the parameters p0, p1, … as raw float64 from FOLDER. The forms keep the graph of the gradient, so that a product is one
backward pass, for the rows in one or in several chunks, or build it for every product; each with one and with all threads. All are tried
with three products, and the fastest does PRODUCTS of them, one after the other as an eigensolver needs them. Prints one line of JSON.
"""

import json
import os
import resource
import sys
import time

try:
    import numpy
    import torch
except ImportError:
    sys.exit(1)


def read(folder, name):
    return torch.from_numpy(numpy.fromfile(os.path.join(folder, name + ".f64"))).to(torch.get_default_dtype())


def main():
    folder, products = sys.argv[1], int(sys.argv[2])
    torch.set_default_dtype({"float64": torch.float64, "float32": torch.float32}[sys.argv[3]])
    with open(os.path.join(folder, "widths.txt"), encoding="utf-8") as file:
        widths = [int(w) for w in file.read().split()]
    x, y = read(folder, "x").reshape(-1, widths[0]), read(folder, "y").reshape(-1, widths[-1])
    vector = read(folder, "v")
    shapes = [shape for a, b in zip(widths, widths[1:]) for shape in ((a, b), (b,))]
    parameters = [read(folder, f"p{i}").reshape(s).requires_grad_(True) for i, s in enumerate(shapes)]
    sizes = [p.numel() for p in parameters]
    rows = x.shape[0]

    def gradient(start, stop):
        h = x[start:stop]
        for layer in range(len(widths) - 1):
            h = torch.addmm(parameters[2 * layer + 1], h, parameters[2 * layer])
            if layer < len(widths) - 2:
                h = torch.tanh(h)
        loss = -(y[start:stop] * torch.log_softmax(h, dim=1)).sum() / rows
        return torch.autograd.grad(loss, parameters, create_graph=True)

    def split(v):
        return [part.reshape(p.shape) for part, p in zip(torch.split(v, sizes), parameters)]

    def total(parts):
        return sum(torch.cat([t.reshape(-1) for t in part]) for part in parts)

    def kept(chunk):
        graphs = [gradient(s, min(rows, s + chunk)) for s in range(0, rows, chunk)]

        def product(v):
            directions = split(v)
            return total(torch.autograd.grad(g, parameters, directions, retain_graph=True) for g in graphs)

        return product

    def rebuilt(chunk):
        def product(v):
            directions = split(v)
            starts = range(0, rows, chunk)
            return total(torch.autograd.grad(gradient(s, min(rows, s + chunk)), parameters, directions) for s in starts)

        return product

    def several(product, count):
        v = vector
        for _ in range(count):
            v = product(v)
            v = v / v.norm()

    makers = {f"graph kept, chunks of {c}": (kept, c) for c in (1000, 2500, rows)}
    makers.update({f"graph rebuilt, chunks of {c}": (rebuilt, c) for c in (1000, rows)})
    best = None
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        for name, (make, chunk) in makers.items():
            product = make(chunk)
            several(product, 1)
            start = time.perf_counter()
            several(product, 3)
            seconds = time.perf_counter() - start
            if best is None or seconds < best[0]:
                best = (seconds, threads, name, make, chunk)
            del product
    _, threads, name, make, chunk = best
    torch.set_num_threads(threads)
    start, cpu = time.perf_counter(), time.process_time()
    product = make(chunk)
    several(product, products)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    rayleigh = float(vector @ product(vector) / (vector @ vector))
    print(json.dumps({
        "version": torch.__version__,
        "form": f"{name}, {threads} thread{'s' if threads > 1 else ''}",
        "seconds": seconds,
        "cpu": cpu,
        "rayleigh": rayleigh,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


main()
