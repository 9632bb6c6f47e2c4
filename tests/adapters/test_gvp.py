"""`gvp` against loops over edges, the official code's numbers, and its options."""

from __future__ import annotations

import re

import pytest
import torch

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._vectors import pack, unpack
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
from tests.adapters.robust_case import nothing_from_afar
from tests.adapters.scalarised_case import against, build, recorded

S, V = 6, 3


def perceptron(gvp, s, u):
    """s (S,), u (V, 3): one row, written from the docstring."""
    hidden = gvp.wh.weight @ u
    p = linear(gvp.ws, torch.cat([s, (hidden.square().sum(1) + 1e-8).sqrt()]))
    out = gvp.wv.weight @ hidden
    if gvp.wsv is not None:
        gate = linear(gvp.wsv, p if gvp.act is None else torch.sigmoid(p))
        out = out * torch.sigmoid(gate)[:, None]
    elif gvp.act is not None:
        out = out * torch.sigmoid((out.square().sum(1, keepdim=True) + 1e-8).sqrt())
    return (p if gvp.act is None else act(p)), out


def joined(s, u):
    return torch.cat([s, u.flatten()])


def parted(f):
    return f[:S], f[S:].reshape(V, 3)


def own_norm(norm, f):
    s, u = parted(f)
    s = (s - s.mean()) / (s.var(unbiased=False) + 1e-5).sqrt() * norm.weight + norm.bias
    return joined(s, u / (u.square().sum(1).mean() + 1e-8).sqrt())


def oracle(model, edges, graph, given, options, factors):
    """x and features as lists of one tensor per node, written from the docstring's equations."""
    x, v = list(given["x"]), list(given["v"])
    x0, nodes = list(x), range(len(x))
    f = [joined(*perceptron(model.embedding, given["h"][i], v[i][None])) for i in nodes]
    count = [sum(i == k for i, _ in edges) for k in nodes]

    def slot(name, value, i):
        return probe(factors[name], value, x0[i], v[i], f[i][:S]) if name in factors else value

    for index, layer in enumerate(model.layers):
        seen = [slot("feature_norm", f[i], i) for i in nodes]
        total = [f[0] * 0 for _ in nodes]
        for e, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            unit = d / (d @ d + layer.basis.floor_sq).sqrt()
            if "edge_norm" in factors:
                n = probe(factors["edge_norm"], d, None, None, None)
                unit = n / (1 + n @ n).sqrt()
            (s_i, u_i), (s_j, u_j) = parted(seen[i]), parted(seen[j])
            s = torch.cat([s_j, layer.basis((d @ d).reshape(1, 1))[0], given["edge_attr"][e], s_i])
            u = torch.cat([u_j, unit[None], u_i])
            for gvp in layer.message:
                s, u = perceptron(gvp, s, u)
            m = joined(s, u)
            if layer.basis.cutoff is not None:
                m = m * layer.basis.envelope((d @ d).reshape(1, 1))[0]
            total[i] = total[i] + m
        for i in nodes:
            m = total[i] * scale(options.get("message_aggregation", "mean"), count[i])
            f[i] = f[i] + slot("message_norm", m, i)
            if len(layer.residual_norms):
                f[i] = own_norm(layer.residual_norms[0], f[i])
            s, u = parted(f[i])
            for gvp in layer.feed_forward:
                s, u = perceptron(gvp, s, u)
            f[i] = f[i] + joined(s, u)
            if len(layer.residual_norms):
                f[i] = own_norm(layer.residual_norms[1], f[i])
            collected = total[i] * scale(options.get("coord_aggregation", "mean"), count[i])
            weight = layer.step.of_vectors.weight[0]
            step = weight[:V] @ parted(collected)[1] + weight[V:] @ parted(f[i])[1]
            step = step + mlp(layer.step.of_velocity, f[i][:S]) * v[i]
            x[i] = x[i] + slot("update_norm", step, i)
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = [slot("norm", x[i], i) for i in nodes]
    return torch.stack(x), torch.stack(f)


CASES = {
    "plain": ({}, ()),
    "aggregation": ({"coord_aggregation": "sum", "message_aggregation": "sqrt"}, ()),
    "lengths gate, cutoff": ({"vector_gate": False, "cutoff": 3.0}, ()),
    "no norm of its own": ({"residual_norm": None}, ()),
    "all slots": ({"norm_last": True, "residual_norm": None}, SLOTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_equals_loops(case, layout):
    options, slots = CASES[case]
    against_loops("gvp", oracle, options, slots, layout)


@pytest.mark.parametrize("case", ["gvp", "gvp_gate"])
def test_a_layer_is_the_official_one(case):
    """Features and gradients of `GVPConvLayer`, to its clamps of 1e-8 in place of our sums."""
    folders = recorded("gvp", case)
    gate = case == "gvp_gate"
    options = {"num_basis": 4, "vector_gate": gate, "layers": 1}
    layer = eqnorm.create_model("gvp", hidden="5x0e+3x1o", **options).double().layers[0]
    state = dict(layer.state_dict())
    for name, value in folders["state"].items():
        ours = name.replace("conv.message_func", "message").replace("ff_func", "feed_forward")
        ours = re.sub(r"norm\.(\d)\.scalar_norm", r"residual_norms.\1", ours)
        assert ours in state, ours
        state[ours] = value
    layer.load_state_dict(state)
    given = folders["in"] = {k: v.requires_grad_() for k, v in folders["in"].items()}
    graph, features = Graph.complete(2, 4), pack(given["s"], given["v"].mT)
    messages = layer.messages(features, given["es"], given["ev"][:, 0], graph)
    one, two = layer.residual_norms
    features = one(features + graph.aggregate(messages, "mean"))
    features = two(features + pack(*layer.feed_forward(*unpack(features, 5))))
    scalars, vectors = unpack(features, 5)
    against(folders, {"s": scalars, "v": vectors.mT}, 1e-5)


def test_features_are_laid_out_as_irreps():
    s, u = torch.randn(4, 5), torch.randn(4, 3, 2)
    f = pack(s, u)
    assert torch.equal(f[:, 5:8], u[:, :, 0])
    assert all(torch.equal(a, b) for a, b in zip(unpack(f, 5), (s, u), strict=True))


def test_nothing_is_felt_beyond_the_cutoff():
    nothing_from_afar(
        build("gvp", cutoff=1.5, edge_dim=0, message_aggregation="sum", coord_aggregation="sum")
    )


@pytest.mark.parametrize("name", ["gvp", "painn"])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": "8x0e+4x2e"}, "has no 1o"),
        ({"hidden": "8x0e+4x1o+2x2e"}, "must be of the form '32x0e+16x1o'"),
        ({"hidden": "4x1o+8x0e"}, "must be of the form '32x0e+16x1o'"),
        ({"num_basis": 0}, "num_basis must be at least 1, got 0"),
        ({"cutoff": 0.0}, "cutoff must be positive, or None"),
    ],
)
def test_bad_options_say_what_is_wrong(name, options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        eqnorm.create_model(name, **options)
