"""`radial_field` against loops over edges, the official code's numbers, and its options."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.adapters.loops_case import (
    LAYOUTS,
    SLOTS,
    Probe,
    act,
    against_loops,
    linear,
    mlp,
    probe,
    scale,
)
from tests.adapters.scalarised_case import against, build, inputs, recorded


def oracle(model, edges, graph, given, options, factors):
    """x and h as lists of one tensor per node, written from the docstring's equations."""
    x, v = list(given["x"]), list(given["v"])
    h = [linear(model.embedding, row) for row in given["h"]]
    x0, nodes, first = list(x), range(len(x)), list(h)
    count = [sum(i == k for i, _ in edges) for k in nodes]

    def slot(name, value, i):
        return probe(factors[name], value, x0[i], v[i], h[i]) if name in factors else value

    for index, layer in enumerate(model.layers):
        n = [
            slot("feature_norm", (h if options.get("message_passing") else first)[i], i)
            for i in nodes
        ]
        U, V = layer.of_nodes.weight.chunk(2)
        steps, total = [x[0] * 0 for _ in nodes], [h[0] * 0 for _ in nodes]
        for e, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            seen = torch.cat([d.norm().reshape(1), given["edge_attr"][e]])
            a = act(linear(layer.of_edge, seen) + U @ n[i] + V @ n[j])
            w = linear(layer.weight[0], a)
            w = w if options.get("tanh") is False else torch.tanh(w)
            if "edge_norm" in factors:
                d = probe(factors["edge_norm"], d, None, None, None)
            steps[i] = steps[i] + w * d
            total[i] = total[i] + a
        for i in nodes:
            step = steps[i] * scale(options.get("coord_aggregation", "mean"), count[i])
            step = step + mlp(layer.of_speed, v[i].norm().reshape(1)) * v[i]
            x[i] = x[i] + slot("update_norm", step, i)
            m = total[i] * scale(options.get("message_aggregation", "sum"), count[i])
            h[i] = h[i] + linear(layer.collect, slot("message_norm", m, i))
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = [slot("norm", x[i], i) for i in nodes]
    return torch.stack(x), torch.stack(h)


CASES = {
    "plain": ({}, ()),
    "aggregation": ({"coord_aggregation": "sum", "message_aggregation": "sqrt"}, ()),
    "message passing": ({"message_passing": True, "tanh": False}, ()),
    "all slots": ({"norm_last": True}, SLOTS),
    "all slots, message passing": ({"message_passing": True}, SLOTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_equals_loops(case, layout):
    options, slots = CASES[case]
    against_loops("radial_field", oracle, {"layers": 3, **options}, slots, layout, 1e-9)


def official():
    """The model with the recorded parameters, and node features without an effect."""
    folders = recorded("radial_field", "radial_field")
    model = eqnorm.create_model("radial_field", hidden=5, layers=2, edge_dim=2).double()
    names = {"of_edge": "phi.0", "weight.0": "phi.2"}
    names |= {f"of_speed.{k}": f"coord_mlp_vel.{k}" for k in (0, 2)}
    state = {
        f"layers.{k}.{ours}.{kind}": folders["state"][f"{k}.{theirs}.{kind}"]
        for k in range(2)
        for ours, theirs in names.items()
        for kind in ("weight", "bias")
        if f"{k}.{theirs}.{kind}" in folders["state"]
    }
    assert len(state) == len(folders["state"])
    kept = {
        key: value * 0
        for key, value in model.state_dict().items()
        if "of_nodes" in key or "embedding" in key or "collect" in key
    }
    model.load_state_dict({**kept, **state})
    return model, folders


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
def test_positions_and_gradients_are_the_official_ones(dtype, rtol):
    model, folders = official()
    folders["in"] = {k: v.to(dtype).requires_grad_() for k, v in folders["in"].items()}
    out = model.to(dtype)(graph=Graph.complete(2, 4), **folders["in"])
    against(folders, {"x": out.x}, rtol)


def test_number_of_parameters_beside_the_node_features():
    """Per layer phi has (e + 1) n + 2 n, phi_v 3 n + 1, as in the official code."""
    n, e = 16, 2
    model = eqnorm.create_model("radial_field", hidden=n, edge_dim=e, layers=3)
    ours = sum(
        p.numel()
        for name, p in model.named_parameters()
        if not any(part in name for part in ("of_nodes", "embedding", "collect"))
    )
    assert ours == 3 * ((e + 1) * n + 2 * n + 3 * n + 1)


def test_two_body_unless_messages_pass():
    """A third node changes nothing in how one pulls another, unless features carry it along."""
    for options, same in (({}, True), ({"message_passing": True}, False)):
        model = build("radial_field", layers=2, coord_aggregation="sum", **options)
        chain = Graph.from_edges(torch.tensor([[1, 2], [0, 1]]))
        given = inputs(chain)
        # x_1 is held by its slot of zero force: only h_1 could tell 0 of 2.
        with torch.no_grad():
            for layer in model.layers:
                layer.weight[0].weight.mul_(1e-30 if layer is model.layers[0] else 1)
        first = model(graph=chain, **given).x[0]
        given["h"] = given["h"] * torch.tensor([[1.0], [1], [5]])
        second = model(graph=chain, **given).x[0]
        assert torch.equal(first, second) == same


def test_norms_of_messages_reach_the_features_that_are_read_out():
    graph = Graph.complete(2, 4)
    given = inputs(graph)
    plain = build("radial_field")(graph=graph, **given)
    normed = build("radial_field", message_norm=Probe(3.0))(graph=graph, **given)
    assert torch.equal(plain.x, normed.x)
    assert (plain.h - normed.h).abs().max() > 1e-3
