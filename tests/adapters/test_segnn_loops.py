"""`segnn` against loops over edges and e3nn's products, with norms in all slots."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

from tests.adapters import e3nn_case
from tests.adapters.loops_case import SLOTS, against_loops, probe, scale

DOUBLE = torch.float64


def oracle(model, edges, graph, given, options, factors):
    """x and features, from the docstring's equations and e3nn's products."""
    x, h, v, x0 = given["x"], given["h"], given["v"], given["x"]
    nodes, lmax = range(len(x)), model.embedding.blocks[0].paths[-1].filter_degree
    count = [sum(i == k for i, _ in edges) for k in nodes]
    gate, order = e3nn_case.gate(model.irreps, "sigmoid")

    def slot(name, value, f):
        return probe(factors[name], value, x0, v, f[:, :6]) if name in factors else value

    def gated(module):
        product = e3nn_case.Product(module.product, lmax)
        return lambda value, attributes: gate(product(value, attributes)[:, order])

    def harmonics(u):
        return o3.spherical_harmonics(list(range(lmax + 1)), u, False, "integral")

    def collect(messages, how):
        total = messages.new_zeros(len(x), messages.shape[1])
        for message, (i, _) in zip(messages, edges, strict=True):
            total[i] += message * scale(how, count[i])
        return total

    def geometry(x, module, norms):
        square, of_edges, felt = [], [], []
        for i, j in edges:
            d = x[i] - x[j]
            u = d / (d @ d + module.basis.floor_sq).sqrt()
            if "edge_norm" in norms:
                n = probe(norms["edge_norm"], d, None, None, None)
                u = n / (1 + n @ n).sqrt()
            square.append(d @ d)
            of_edges.append(harmonics(-u))
            t = 0.0 if module.basis.cutoff is None else float(d.norm()) / module.basis.cutoff
            felt.append(1 - 28 * t**6 + 48 * t**7 - 21 * t**8 if t < 1 else 0.0)
        square, of_edges = torch.stack(square).unsqueeze(1), torch.stack(of_edges)
        felt = torch.tensor(felt, dtype=DOUBLE).unsqueeze(1)
        slow = v / (v.square().sum(1, keepdim=True) + 1e-6).sqrt()
        if module.basis.cutoff is None:
            mean = collect(of_edges, "mean")
        else:  # edges beyond the cutoff do not count
            mean = collect(of_edges * felt, "sum") / (1 + collect(felt, "sum") ** 2).sqrt()
        of_nodes = mean + harmonics(slow)
        of_nodes[:, 0] = 1
        return square, of_edges, of_nodes, felt

    speed = (v.square().sum(1, keepdim=True) + 1e-12).sqrt()
    start = [h, speed, v]
    if options.get("from_centre"):
        start.append(x - torch.stack([x[:3].mean(0)] * 3 + [x[3:].mean(0)] * 3))
    of_nodes = geometry(x, model.geometry, {})[2]
    f = e3nn_case.Product(model.embedding, lmax)(torch.cat(start, dim=-1), of_nodes)
    for index, layer in enumerate(model.layers):
        seen = slot("feature_norm", f, f)
        square, of_edges, of_nodes, felt = geometry(x, layer.geometry, factors)
        radial = layer.geometry.basis(square) if options.get("num_basis") else square
        rows = ([k for k, _ in edges], [k for _, k in edges])
        message = torch.cat([*(seen[k] for k in rows), radial, given["edge_attr"]], dim=-1)
        message = gated(layer.message_1)(message, of_edges)
        message = gated(layer.message_2)(message, of_edges) * felt
        collected = collect(message, options.get("message_aggregation", "sum"))
        collected = slot("message_norm", collected, f)
        update = gated(layer.update_1)(torch.cat([seen, collected], dim=-1), of_nodes)
        f = f + e3nn_case.Product(layer.update_2, lmax)(update, of_nodes)
        for_points = collect(message, options.get("coord_aggregation", "mean"))
        step = gated(layer.step_1)(torch.cat([f, for_points], dim=-1), of_nodes)
        step = e3nn_case.Product(layer.step_2, lmax)(step, of_nodes)
        x = x + slot("update_norm", step, f)
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = slot("norm", x, f)
    return x, f


CASES = {
    "published": ({"from_centre": True, "hidden": "6x0e+3x1o", "layers": 1}, ()),
    "aggregation": ({"message_aggregation": "sqrt", "coord_aggregation": "sum", "layers": 1}, ()),
    "cutoff": ({"cutoff": 3.0, "layers": 1, "num_basis": 4, "lmax": 2}, ()),
    "all slots": ({"norm_last": True}, SLOTS),
}


@pytest.mark.parametrize(
    ("case", "layout"), [("published", "complete"), *((case, "irregular") for case in CASES)]
)
def test_equals_loops(case, layout):
    options, slots = CASES[case]
    against_loops("segnn", oracle, options, slots, layout)
