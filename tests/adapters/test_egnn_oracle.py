"""`egnn` and `egnn_vel` against loops over nodes and edges, written from the paper's equations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph

SLOTS = ("norm", "update_norm", "edge_norm", "feature_norm", "message_norm")
HIDDEN, LAYERS = 5, 3


class Probe(nn.Module):
    """A norm whose output shows each of its inputs."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x, graph=None, x0=None, v=None, h=None):
        assert graph.num_nodes == x.shape[0]
        return probe(self.factor, x, x0, v, h)


def probe(factor, x, x0, v, h):
    out = factor * x
    for weight, value in ((0.1, x0), (0.2, v)):
        if value is not None:
            out = out + weight * (value if value.shape == x.shape else value.sum(-1, keepdim=True))
    return out if h is None else out + 0.03 * h.mean(-1, keepdim=True)


def linear(layer: nn.Module, value: Tensor) -> Tensor:
    out = torch.stack([sum(w * c for w, c in zip(row, value, strict=True)) for row in layer.weight])
    return out if layer.bias is None else out + layer.bias


def act(value: Tensor) -> Tensor:
    return value / (1 + torch.exp(-value))


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

    scale = {
        "sum": lambda count: 1,
        "mean": lambda count: 1 / max(count, 1),
        "sqrt": lambda count: max(count, 1) ** -0.5,
    }
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
        coord = scale[options.get("coord_aggregation", "mean")]
        message = scale[options.get("message_aggregation", "sum")]
        new_h = []
        for i in nodes:
            update = options.get("coords_weight", 1.0) * moved[i] * coord(count[i])
            if velocities:
                update = update + mlp(layer.coord_mlp_vel, h[i]) * v[i]
            update = slot("update_norm", update, i)
            x[i] = x[i] + update
            if options.get("velocity_update"):
                v[i] = update
            collected = slot("message_norm", total[i] * message(count[i]), i)
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


@pytest.mark.parametrize("layout", ["complete", "irregular"])
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
    if layout == "complete":
        graph = Graph.complete(2, 3)
        edges = [(i + g, j + g) for g in (0, 3) for i in range(3) for j in range(3) if i != j]
    else:  # node 5 receives nothing; edges in no order
        edges = [(2, 0), (0, 1), (4, 3), (1, 0), (0, 2), (3, 5), (3, 4)]
        batch = torch.tensor([0, 0, 0, 1, 1, 1])
        graph = Graph.from_edges(torch.tensor(edges).T, batch, 2, flow="target_to_source")
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
