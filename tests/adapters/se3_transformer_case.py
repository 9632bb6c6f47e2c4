"""The SE(3)-Transformer node by node, head by head, channel by channel, and models to compare."""

from __future__ import annotations

import math

import torch
from e3nn import o3
from torch import Tensor, nn

import eqnorm
from eqnorm_adapters._irreps import IrrepsLinear
from tests.adapters.loops_case import probe

DOUBLE = torch.float64
ODD = "3x0e+2x1o+2x1e+1x2e+1x0o"


def build(dtype: torch.dtype = DOUBLE, **options: object) -> nn.Module:
    common = {"hidden": ODD, "layers": 2, "node_dim": 2, "edge_dim": 2, "heads": 2}
    model = eqnorm.create_model("se3_transformer", **{**common, "head_channels": 2, **options})
    with torch.no_grad():  # of order one, so that no small start hides an error
        for parameter in model.to(dtype).parameters():
            parameter.normal_()
        for layer in model.layers:
            for weight in layer.read_out.weights:
                weight.mul_(0.1)
    return model


def mixed(layer: IrrepsLinear, x: Tensor) -> Tensor:
    """One row through a linear map of irreps."""
    weights = iter(layer.weights)
    out = []
    for mul, irrep in layer.irreps_out:
        pieces = [
            x[cut].view(-1, irrep.dim)
            for (_, kind), cut in zip(layer.irreps_in, layer.irreps_in.slices(), strict=True)
            if kind == irrep
        ]
        if not pieces:
            out.append(x.new_zeros(mul * irrep.dim))
            continue
        rows, weight = torch.cat(pieces), next(weights)
        for column in weight.T:
            total = sum(w * row for w, row in zip(column, rows, strict=True))
            out.append(total / len(rows) ** 0.5)
    return torch.cat(out)


def kernel(layer: nn.Module, f: Tensor, u: Tensor, phi: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of one edge: for each path in their order, each (channels, 2 l3 + 1)."""
    attention, convolution = layer.attention, layer.attention.convolution
    sent, C = mixed(attention.send, f), attention.channels
    found = []
    for number, place in convolution.order:
        (_, irrep), path = convolution.irreps_in[number], convolution.blocks[number].paths[place]
        g = sent[convolution.irreps_in.slices()[number]].view(2 * C, irrep.dim)
        symbols = o3.wigner_3j(irrep.l, path.filter_degree, path.out_degree, dtype=DOUBLE)
        harmonics = o3.spherical_harmonics(path.filter_degree, u, False, "component")
        rows = []
        for c in range(2 * C):
            w = sum(phi[n] * convolution.weights[number][n, c, place] for n in range(len(phi)))
            row = torch.einsum("abk,a,b->k", symbols, g[c], harmonics)
            rows.append(math.sqrt(path.dim) * w / len(phi) ** 0.5 * row)
        found.append((torch.stack(rows[:C]), torch.stack(rows[C:])))
    return found


def attended(
    layer: nn.Module, i: int, f: Tensor, edges: list[tuple[int, Tensor, Tensor, float]]
) -> tuple[Tensor, float]:
    """m of one node from its edges (j, u, phi, w), and the sum of the w."""
    attention, per = layer.attention, layer.attention.channels // layer.attention.heads
    query, size = mixed(attention.query, f[i]), attention.irreps_out.dim
    if not edges:
        return torch.zeros(size, dtype=DOUBLE), 0.0
    pairs = [kernel(layer, f[j], u, phi) for j, u, phi, _ in edges]
    heads = []
    for head in range(attention.heads):
        mine = slice(head * per, (head + 1) * per)
        scores = []
        for pair, (*_, w) in zip(pairs, edges, strict=True):
            start, product = 0, torch.zeros((), dtype=DOUBLE)
            for key, _ in pair:
                q = query[start : start + key.numel()].view_as(key)
                start += key.numel()
                product = product + (q[mine] * key[mine]).sum()
            scores.append(w * torch.exp(product / (size / attention.heads) ** 0.5))
        total = sum(scores)
        paths = [
            sum(s / total * pair[p][1][mine] for s, pair in zip(scores, pairs, strict=True))
            for p in range(len(pairs[0]))
        ]
        heads.append(paths)
    by_path = [torch.cat(parts).flatten() for parts in zip(*heads, strict=True)]
    return torch.cat(by_path), sum(w for *_, w in edges)


def nonlinear(layer: nn.Module, irreps: o3.Irreps, f: Tensor, act: object) -> Tensor:
    if isinstance(layer.nonlinearity, nn.Identity):
        return f
    biases, out = iter(layer.nonlinearity.bias), []
    for (mul, irrep), cut in zip(irreps, irreps.slices(), strict=True):
        for row in f[cut].view(mul, irrep.dim):
            length = ((row**2).sum() + 1e-4).sqrt()
            out.append(row / length * act(length + next(biases)))
    return torch.cat(out)


def attentive(layer: nn.Module, irreps: o3.Irreps, f: Tensor) -> Tensor:
    out = []
    for network, (mul, irrep), cut in zip(
        layer.attentive.networks, irreps, irreps.slices(), strict=True
    ):
        rows = f[cut].view(mul, irrep.dim)
        products = torch.stack([(a * b).sum() / irrep.dim for a in rows for b in rows])
        spread = ((products - products.mean()) ** 2).mean()
        z = (products - products.mean()) / (spread + 1e-5).sqrt()
        z = z * network[0].weight + network[0].bias
        z = (network[2].weight @ torch.where(z > 0, z, 0.01 * z) + network[2].bias).view(mul, mul)
        for c in range(mul):
            weights = z[c].exp() / z[c].exp().sum()
            out.append(sum(w * row for w, row in zip(weights, rows, strict=True)))
    return torch.cat(out)


def many(how: str, count: float) -> float:
    return {"mean": 1.0, "sum": count, "sqrt": count**0.5}[how]


def by_hand(
    model: nn.Module, edges: list[tuple[int, int]], given: dict[str, Tensor], options: dict
) -> tuple[Tensor, Tensor]:
    """The formulas of the class, node by node, with a probe in every slot."""
    irreps, cutoff = model.irreps, options.get("cutoff")
    act = {"relu": torch.relu, "tanh": torch.tanh}[options.get("activation", "relu")]
    x0, x, v = given["x"], given["x"], given["v"]
    scalars = torch.cat([torch.arange(cut.start, cut.stop) for cut in irreps.slices()[:1]])
    first = torch.cat([given["h"], v], -1)
    f = torch.stack([mixed(model.embedding, row) for row in first])
    for layer in model.layers:
        seen = probe(0.7, f, x0, v, f[:, scalars])
        received = [[] for _ in x]
        for number, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            r_sq = (d**2).sum()
            n = probe(0.9, d, None, None, None)
            basis = layer.radial.basis(r_sq.view(1, 1))[0]
            hidden = layer.radial.linear(torch.cat([basis, given["edge_attr"][number]]))
            phi, w = 1.676532470331092 * hidden * torch.sigmoid(hidden), 1.0
            if cutoff is not None:
                t = (r_sq.sqrt() / cutoff).item()
                phi = phi * (1 - 28 * t**6 + 48 * t**7 - 21 * t**8 if t < 1 else 0.0)
                w = (1 - t**2) ** 3 if t < 1 else 0.0
            if w > 0:
                received[i].append((j, n / (1 + (n**2).sum()).sqrt(), phi, w))
        averages, counts = zip(
            *(attended(layer, i, seen, received[i]) for i in range(len(x))), strict=True
        )
        m = torch.stack(averages)
        of_f, of_x = (
            torch.tensor([[many(options[how], c)] for c in counts], dtype=DOUBLE)
            for how in ("message_aggregation", "coord_aggregation")
        )
        messages = probe(0.8, of_f * m, x0, v, f[:, scalars])
        new = []
        for i in range(len(x)):
            how = options.get("self_interaction", "linear")
            if how == "linear":
                row = mixed(layer.project, torch.cat([messages[i], seen[i]]))
            else:
                own = f[i] if how == "skip" else attentive(layer, irreps, seen[i])
                row = mixed(layer.project, messages[i]) + own
            new.append(nonlinear(layer, irreps, row, act))
        f = torch.stack(new)
        both = torch.cat([of_x * m, f], -1)
        update = torch.stack([mixed(layer.read_out, row) for row in both])
        x = x + probe(0.6, update, x0, v, f[:, scalars])
        x = probe(1.1, x, x0, v, f[:, scalars])
    return x, f
