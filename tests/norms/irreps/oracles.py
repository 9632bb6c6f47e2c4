"""The norms on irreps as loops over nodes and copies, sharing nothing with the library.

A node is a list of copies, a copy (l, parity, [2l+1 numbers]). Statistics are Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from e3nn import o3
from torch import Tensor

Copy = tuple[int, int, list[float]]
Node = list[Copy]


def read(x: Tensor, irreps: str) -> list[Node]:
    nodes = []
    for row in x.tolist():
        node, start = [], 0
        for mul, ir in o3.Irreps(irreps):
            for _ in range(mul):
                node.append((ir.l, ir.p, row[start : start + ir.dim]))
                start += ir.dim
        nodes.append(node)
    return nodes


def write(nodes: list[Node]) -> Tensor:
    return torch.tensor(
        [[number for _, _, c in node for number in c] for node in nodes], dtype=torch.float64
    )


def even_scalar(copy: Copy) -> bool:
    return copy[0] == 0 and copy[1] == 1


def square(copy: Copy) -> float:
    return sum(number * number for number in copy[2])


def mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def centred(node: Node) -> Node:
    mean = mean_of([c[2][0] for c in node if even_scalar(c)])
    return [(c[0], c[1], [c[2][0] - mean]) if even_scalar(c) else c for c in node]


def finish(node: Node, scales: Sequence[float], weight: Tensor, bias: Tensor) -> Node:
    out, scalars = [], iter(bias.tolist())
    for copy, scale, w in zip(node, scales, weight.tolist(), strict=True):
        add = next(scalars) if even_scalar(copy) else 0.0
        out.append((copy[0], copy[1], [number * scale * w + add for number in copy[2]]))
    return out


def kinds(node: Node) -> list[tuple[int, int]]:
    return sorted({(c[0], c[1]) for c in node})


def mean_square(node: Node, kind: tuple[int, int], component: bool = True) -> float:
    own = [c for c in node if (c[0], c[1]) == kind]
    return mean_of([square(c) / (len(c[2]) if component else 1) for c in own])


def per_node(rule: Callable[[Node], tuple[Node, list[float]]]) -> Callable[..., Tensor]:
    def run(x: Tensor, irreps: str, weight: Tensor, bias: Tensor) -> Tensor:
        return write([finish(*rule(node), weight, bias) for node in read(x, irreps)])

    return run


def layernorm(eps: float) -> Callable[..., Tensor]:
    def rule(node: Node) -> tuple[Node, list[float]]:
        z = centred(node)
        return z, [(mean_square(z, (c[0], c[1])) + eps) ** -0.5 for c in z]

    return per_node(rule)


def rmsnorm(eps: float) -> Callable[..., Tensor]:
    def rule(node: Node) -> tuple[Node, list[float]]:
        total = mean_of([number**2 for c in node for number in c[2]])
        return node, [(total + eps) ** -0.5] * len(node)

    return per_node(rule)


def degree_balanced(eps: float) -> Callable[..., Tensor]:
    def rule(node: Node) -> tuple[Node, list[float]]:
        z = centred(node)
        total = mean_of([mean_square(z, kind) for kind in kinds(z)])
        return z, [(total + eps) ** -0.5] * len(z)

    return per_node(rule)


def separable(eps: float) -> Callable[..., Tensor]:
    def rule(node: Node) -> tuple[Node, list[float]]:
        z = centred(node)
        rest = mean_of([mean_square(z, kind) for kind in kinds(z) if kind != (0, 1)])
        own = mean_square(z, (0, 1))
        return z, [((own if even_scalar(c) else rest) + eps) ** -0.5 for c in z]

    return per_node(rule)


def gvp(eps: float, vector_eps: float) -> Callable[..., Tensor]:
    def rule(node: Node) -> tuple[Node, list[float]]:
        z = centred(node)
        return z, [
            (mean_square(z, (c[0], c[1]), False) + (eps if even_scalar(c) else vector_eps)) ** -0.5
            for c in z
        ]

    return per_node(rule)


def over_nodes(
    x: Tensor,
    irreps: str,
    batch: Sequence[int],
    weight: Tensor,
    bias: Tensor,
    eps: float,
    shift: Tensor | None = None,
    component: bool = True,
    mask: Sequence[bool] | None = None,
) -> Tensor:
    """Batch, instance and graph norm: the statistics of copy k over the nodes of one graph."""
    nodes = read(x, irreps)
    real = [True] * len(nodes) if mask is None else list(mask)
    out = []
    for i, node in enumerate(nodes):
        own = [n for j, n in enumerate(nodes) if batch[j] == batch[i] and real[j]]
        z, scales, scalar = [], [], 0
        for k, copy in enumerate(node):
            if even_scalar(copy):
                share = 1.0 if shift is None else float(shift[scalar])
                taken = share * mean_of([n[k][2][0] for n in own])
                scalar += 1
            else:
                taken = 0.0
            squares = [sum((number - taken) ** 2 for number in n[k][2]) for n in own]
            v = mean_of(squares) / (len(copy[2]) if component else 1)
            z.append((copy[0], copy[1], [number - taken for number in copy[2]]))
            scales.append((v + eps) ** -0.5)
        out.append(finish(z, scales, weight, bias))
    return write(out)


ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "softplus": lambda z: math.log1p(math.exp(z)),
    "relu": lambda z: max(z, 0.0),
    "identity": lambda z: z,
}


def length(copy: Copy, length_eps: float, outside: float) -> float:
    return copy[2][0] if even_scalar(copy) else math.sqrt(square(copy) + length_eps**2) + outside


def rescaled(copy: Copy, n: float, z: float, activation: str) -> Copy:
    factor = 1.0 if even_scalar(copy) else ACTIVATIONS[activation](z) / n
    numbers = [z] if even_scalar(copy) else [number * factor for number in copy[2]]
    return copy[0], copy[1], numbers


def norm_layernorm(
    x: Tensor, irreps: str, weight: Tensor, bias: Tensor, eps: float, length_eps: float, f: str
) -> Tensor:
    out = []
    for node in read(x, irreps):
        n = [length(c, length_eps, 0.0) for c in node]
        new = []
        for k, copy in enumerate(node):
            own = [n[j] for j, c in enumerate(node) if c[:2] == copy[:2]]
            m = mean_of(own)
            v = mean_of([(value - m) ** 2 for value in own])
            z = float(weight[k]) * (n[k] - m) / math.sqrt(v + eps) + float(bias[k])
            new.append(rescaled(copy, n[k], z, f))
        out.append(new)
    return write(out)


def vn_batchnorm(
    x: Tensor,
    irreps: str,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    length_eps: float,
    f: str,
    mask: Sequence[bool] | None = None,
) -> Tensor:
    nodes = read(x, irreps)
    real = [True] * len(nodes) if mask is None else list(mask)
    out = []
    for node in nodes:
        new = []
        for k, copy in enumerate(node):
            own = [
                length(n[k], length_eps, length_eps)
                for n, keep in zip(nodes, real, strict=True)
                if keep
            ]
            m = mean_of(own)
            v = mean_of([(value - m) ** 2 for value in own])
            n_k = length(copy, length_eps, length_eps)
            z = float(weight[k]) * (n_k - m) / math.sqrt(v + eps) + float(bias[k])
            new.append(rescaled(copy, n_k, z, f))
        out.append(new)
    return write(out)


def geonorm(
    x: Tensor,
    irreps: str,
    batch: Sequence[int],
    weight: Tensor,
    bias: Tensor,
    drift: Tensor,
    eps: float,
    mask: Sequence[bool] | None = None,
) -> Tensor:
    nodes = read(x, irreps)
    real = [True] * len(nodes) if mask is None else list(mask)
    out = []
    for i, node in enumerate(nodes):
        own = [n for j, n in enumerate(nodes) if batch[j] == batch[i] and real[j]]
        drifts, biases = iter(drift.tolist()), iter(bias.tolist())
        new: Node = []
        for k, (degree, parity, numbers) in enumerate(node):
            mean = [mean_of([n[k][2][c] for n in own]) for c in range(len(numbers))]
            if (degree, parity) == (0, -1):
                mean = [0.0]
            away = [a - m for a, m in zip(numbers, mean, strict=True)]
            w = float(weight[k])
            if degree == 0:
                v = mean_of([(n[k][2][0] - mean[0]) ** 2 for n in own])
                add = next(biases) if parity == 1 else 0.0
                new.append((degree, parity, [w * away[0] / math.sqrt(v + eps) + add]))
                continue
            reach = math.sqrt(sum(a * a for a in away) / len(away) + eps)
            level = math.sqrt(sum(m * m for m in mean) / len(mean) + eps)
            d = next(drifts)
            new.append(
                (
                    degree,
                    parity,
                    [w * a / reach + d * m / level for a, m in zip(away, mean, strict=True)],
                )
            )
        out.append(new)
    return write(out)
