"""`clofnet` against loops over edges, the official code's numbers, and its frames."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._clofnet_layer import frames, soft_unit
from tests.adapters.egnn_case import assert_hooks_are_called
from tests.adapters.loops_case import (
    LAYOUTS,
    SLOTS,
    act,
    against_loops,
    linear,
    mlp,
    probe,
    scale,
)
from tests.adapters.scalarised_case import against, build, close, inputs, motion, moved, recorded


def frame(x_i, x_j, axis=None):
    d, c = x_i - x_j, torch.linalg.cross(x_i, x_j)
    a = d / (1 + d.norm()) if axis is None else axis
    b = c / (1 + c.norm())
    return torch.stack([a, b, torch.linalg.cross(a, b)])


def oracle(model, edges, graph, given, options, factors):
    """x and h as lists of one tensor per node, written from the docstring's equations."""
    batch = graph.batch.tolist()
    x, v = list(given["x"]), list(given["v"])
    h = [linear(model.embedding, row) for row in given["h"]]
    x0, nodes = list(x), range(len(x))
    count = [sum(i == k for i, _ in edges) for k in nodes]
    centre = {g: torch.stack([x[i] for i in nodes if batch[i] == g]).mean(0) for g in set(batch)}
    central = [x[i] - centre[batch[i]] for i in nodes]

    def slot(name, value, i, h):
        return probe(factors[name], value, x0[i], v[i], h[i]) if name in factors else value

    s = []
    for e, (i, j) in enumerate(edges):
        F = frame(central[i], central[j])
        p, q = F @ central[i], F @ central[j]
        cos = (p @ q) / ((p.norm() + 1e-5) * (q.norm() + 1e-5))
        sin = (1 - cos**2).sqrt()
        parts = [given["edge_attr"][e], torch.stack([sin, cos]), p, q, F @ v[i], F @ v[j]]
        s.append(act(mlp(model.fuse_edge[:-1], torch.cat(parts))))
    for index, layer in enumerate(model.layers):
        h = [slot("feature_norm", h[i], i, h) for i in nodes]
        steps, total = [x[0] * 0 for _ in nodes], [h[0] * 0 for _ in nodes]
        for e, (i, j) in enumerate(edges):
            d, o = x[i] - x[j], centre[batch[i]]
            m = torch.cat([h[i], h[j], (d @ d).reshape(1), s[e]])
            m = act(mlp(layer.edge_mlp[:-1], m))
            axis = None
            if "edge_norm" in factors:
                axis = probe(factors["edge_norm"], d, None, None, None)
            w = mlp(layer.coord_mlp[:3], m)
            w = torch.tanh(w) if options.get("tanh") else w
            steps[i] = steps[i] + w @ frame(x[i] - o, x[j] - o, axis)
            total[i] = total[i] + m
        new = []
        for i in nodes:
            step = steps[i] * scale(options.get("coord_aggregation", "mean"), count[i])
            step = step + mlp(layer.coord_mlp_vel, h[i]) * v[i]
            x[i] = x[i] + slot("update_norm", step, i, h)
            m = total[i] * scale(options.get("message_aggregation", "sum"), count[i])
            m = slot("message_norm", m, i, h)
            out = h[i] + mlp(layer.node_mlp, torch.cat([h[i], m]))
            if layer.residual_norm is not None:
                out = out + h[i]
                out = (out - out.mean()) / (out.var(unbiased=False) + 1e-5).sqrt()
                out = out * layer.residual_norm.weight + layer.residual_norm.bias
            new.append(out)
        h = new
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = [slot("norm", x[i], i, h) for i in nodes]
    return torch.stack(x), torch.stack(h)


CASES = {
    "plain": ({}, ()),
    "aggregation": ({"coord_aggregation": "sum", "message_aggregation": "sqrt"}, ()),
    "tanh, no norm of its own": ({"tanh": True, "residual_norm": None}, ()),
    "all slots": ({"norm_last": True}, SLOTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_equals_loops(case, layout):
    options, slots = CASES[case]
    against_loops("clofnet", oracle, options, slots, layout, 1e-8)


def official(case):
    """The model with the recorded parameters."""
    folders = recorded("clofnet", case)
    options = {"tanh": True} if case == "clofnet_tanh" else {}
    model = eqnorm.create_model(
        "clofnet", hidden=6, layers=2, node_dim=2, edge_dim=2, **options
    ).double()
    renamed = {}
    for name, value in folders["state"].items():
        ours = name.replace("embedding_node", "embedding").replace("gcl_", "layers.")
        if "coords_range" not in ours:  # a parameter that the official code never uses
            renamed[ours.replace("layer_norm", "residual_norm")] = value
    model.load_state_dict(renamed)
    return model, folders


@pytest.mark.parametrize("case", ["clofnet", "clofnet_tanh"])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_positions_and_gradients_are_the_official_ones(case, dtype, rtol):
    model, folders = official(case)
    folders["in"] = {k: v.to(dtype).requires_grad_() for k, v in folders["in"].items()}
    out = model.to(dtype)(graph=Graph.complete(2, 4), **folders["in"])
    against(folders, {"x": out.x}, rtol)


def test_number_of_parameters_is_the_official_one():
    model = eqnorm.create_model("clofnet", hidden=64, layers=4, edge_dim=2)
    assert sum(p.numel() for p in model.parameters()) == 160964


def test_frames_turn_and_are_orthogonal():
    graph = Graph.complete(1, 5)
    x = torch.randn(5, 3).double()

    def of(x):
        d = x[graph.receivers] - x[graph.senders]
        return frames(d, soft_unit(d), x - x.mean(0), graph)

    element = motion(reflect=False)
    close(of(element.act(x, "points")), of(x) @ element.rotation.T)
    products = of(x) @ of(x).mT
    assert (products - torch.diag_embed(products.diagonal(dim1=1, dim2=2))).abs().max() < 1e-12
    mirror = motion(reflect=True)
    turned = of(x) @ mirror.rotation.T * torch.tensor([1.0, -1, 1]).double().unsqueeze(-1)
    close(of(mirror.act(x, "points")), turned)


def test_in_line_nothing_points_across():
    """Two nodes are in line with their centre: the frame has one direction, to rounding."""
    graph, x = Graph.complete(1, 2), 1e3 * torch.randn(2, 3)
    d = x[graph.receivers] - x[graph.senders]
    frame = frames(d, soft_unit(d), x - x.mean(0), graph)
    assert frame[:, 0].norm(dim=-1).min() > 0.99
    assert frame[:, 1:].abs().max() < 1e-8


def test_features_see_the_handedness_of_the_velocities():
    """Mirrored, velocities change sign across the plane of x_i and x_j: so do features."""
    graph, model = Graph.complete(1, 4), build("clofnet")
    given = inputs(graph)
    mirrored = moved(given, motion(reflect=True))
    there, here = model(graph=graph, **mirrored), model(graph=graph, **given)
    assert (there.h - here.h).abs().max() > 1e-3


def test_hooks_of_the_network_of_edges_are_called():
    model, graph = eqnorm.create_model("clofnet", hidden=16, layers=1), Graph.complete(2, 5)
    given = (torch.randn(10, 3), graph, None, torch.randn(10, 3))
    assert_hooks_are_called(model, model.layers[0].edge_mlp, *given)
