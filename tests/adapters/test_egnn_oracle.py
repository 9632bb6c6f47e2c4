"""`egnn` and `egnn_vel` against loops over nodes and edges, written from the paper's equations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from tests.adapters.loops_case import LAYOUTS, SLOTS, Probe, act, linear, probe, scale

HIDDEN, LAYERS = 5, 3


def mlp(layers: nn.Module, value: Tensor, last: bool = False) -> Tensor:
    value = linear(layers[2], act(linear(layers[0], value)))
    return act(value) if last else value


def oracle(model, x, edges, h, v, edge_attr, options, factors, velocities):
    """x, h, v as lists of one tensor per node; edges as (i, j), i receiving."""
    x, h = list(x), [linear(model.embedding, row) for row in h]
    v = list(v) if velocities else [None] * len(x)
    x0, v0 = list(x), list(v)
    nodes = range(len(x))

    def slot(name, value, i):
        if name not in factors:
            return value
        return probe(factors[name], value, x0[i], v0[i], h[i])

    for index, layer in enumerate(model.layers):
        h = [slot("feature_norm", h[i], i) for i in nodes]
        moved, total = [torch.zeros(3).double() for _ in nodes], [h[0] * 0 for _ in nodes]
        count = [0] * len(x)
        for e, (i, j) in enumerate(edges):
            relative = x[i] - x[j]
            square = sum(c * c for c in relative).reshape(1)
            parts = [h[i], h[j], square] + ([] if edge_attr is None else [edge_attr[e]])
            m = mlp(layer.edge_mlp, torch.cat(parts), last=True)
            if options.get("attention"):
                m = m * torch.sigmoid(linear(layer.att_mlp[0], m))
            weight = mlp(layer.coord_mlp, m)
            weight = torch.tanh(weight) if options.get("tanh") else weight
            if "edge_norm" in factors:
                relative = probe(factors["edge_norm"], relative, None, None, None)
            moved[i] = moved[i] + relative * weight
            total[i] = total[i] + m
            count[i] += 1
        coord = options.get("coord_aggregation", "mean")
        message = options.get("message_aggregation", "sum")
        new_h = []
        for i in nodes:
            update = options.get("coords_weight", 1.0) * moved[i] * scale(coord, count[i])
            if velocities:
                update = update + mlp(layer.coord_mlp_vel, h[i]) * v[i]
            update = slot("update_norm", update, i)
            x[i] = x[i] + update
            if options.get("velocity_update"):
                v[i] = update
            collected = slot("message_norm", total[i] * scale(message, count[i]), i)
            new = mlp(layer.node_mlp, torch.cat([h[i], collected]))
            new_h.append(h[i] + new if options.get("residual", not velocities) else new)
        h = new_h
        if index < LAYERS - 1 or options.get("norm_last"):
            x = [slot("norm", x[i], i) for i in nodes]
    return x, h, v


CASES = {
    "plain": ({}, ()),
    "other residual": ({"residual": None}, ()),
    "sums": ({"coord_aggregation": "sum", "message_aggregation": "mean"}, ()),
    "roots": ({"coord_aggregation": "sqrt", "message_aggregation": "sqrt"}, ()),
    "attention, tanh": ({"attention": True, "tanh": True, "coords_weight": 0.5}, ()),
    "all slots": ({"coord_aggregation": "sum"}, SLOTS),
    "after the last layer too": ({"norm_last": True}, ("norm",)),
    "Eq. 7": ({"velocity_update": True}, ()),
    "Eq. 7, all slots": ({"velocity_update": True, "norm_last": True}, SLOTS),
    **{name: ({}, (name,)) for name in SLOTS},
}


PAIRS = [("egnn_vel", case) for case in CASES]
PAIRS += [("egnn", case) for case in CASES if "Eq. 7" not in case]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_equals_loops(name, case, layout):
    options, slots = CASES[case]
    velocities = name == "egnn_vel"
    if "residual" in options:
        options = {"residual": velocities}
    factors = {slot: 0.5 + 0.1 * k for k, slot in enumerate(slots)}
    edge_dim = 2 if case != "sums" else 0
    model = eqnorm.create_model(
        name,
        hidden=HIDDEN,
        layers=LAYERS,
        node_dim=2,
        edge_dim=edge_dim,
        **options,
        **{slot: Probe(factor) for slot, factor in factors.items()},
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    edges, graph = LAYOUTS[layout]()
    x, v, h = (torch.randn(6, width).double() for width in (3, 3, 2))
    e = torch.randn(len(edges), edge_dim).double() if edge_dim else None
    out = model(x, graph, h=h, v=v if velocities else None, edge_attr=e)
    with torch.no_grad():
        expected = oracle(model, x, edges, h, v, e, options, factors, velocities)
    close = {"rtol": 1e-11, "atol": 1e-11}
    torch.testing.assert_close(out.x.detach(), torch.stack(expected[0]), **close)
    torch.testing.assert_close(out.h.detach(), torch.stack(expected[1]), **close)
    if velocities:
        torch.testing.assert_close(out.v.detach(), torch.stack(expected[2]), **close)
    else:
        assert out.v is None
