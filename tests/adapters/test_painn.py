"""`painn` against loops over edges, the official code's numbers, and its options."""

from __future__ import annotations

import math

import pytest
import torch

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._painn_layer import cosine
from eqnorm_adapters._vectors import pack, unpack
from tests.adapters.loops_case import (
    LAYOUTS,
    SLOTS,
    against_loops,
    linear,
    mlp,
    probe,
    scale,
)
from tests.adapters.robust_case import nothing_from_afar
from tests.adapters.scalarised_case import against, build, close, inputs, recorded


def oracle(model, edges, graph, given, options, factors):
    """x and features as lists of one tensor per node, written from the docstring's equations."""
    S, V = (entry.mul for entry in model.irreps)
    x, v = list(given["x"]), list(given["v"])
    x0, nodes = list(x), range(len(x))
    f = []
    for i in nodes:
        square = v[i] @ v[i]
        s = linear(model.embedding, torch.cat([given["h"][i], (1 + square).log().reshape(1) / 2]))
        f.append(torch.cat([s, (model.of_velocity.weight * v[i] / (1 + square).sqrt()).flatten()]))
    count = [sum(i == k for i, _ in edges) for k in nodes]

    def slot(name, value, i):
        return probe(factors[name], value, x0[i], v[i], f[i][:S]) if name in factors else value

    def cut(f):
        return f[:S], f[S:].reshape(V, 3)

    for index, layer in enumerate(model.layers):
        seen = [slot("feature_norm", f[i], i) for i in nodes]
        total = [f[0] * 0 for _ in nodes]
        for e, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            unit = d / (d @ d + layer.basis.floor_sq).sqrt()
            if "edge_norm" in factors:
                n = probe(factors["edge_norm"], d, None, None, None)
                unit = n / (1 + n @ n).sqrt()
            radial = layer.basis((d @ d).reshape(1, 1))[0]
            W = linear(layer.filter, torch.cat([radial, given["edge_attr"][e]]))
            if layer.basis.cutoff is not None:
                t = min(float(d.norm()) / layer.basis.cutoff, 1.0)
                W = W * 0.5 * (1 + math.cos(math.pi * t))
            s, u = cut(seen[j])
            a, b, c = (mlp(layer.message_mlp, s) * W).split([S, V, V])
            total[i] = total[i] + torch.cat([a, (b[:, None] * unit + c[:, None] * u).flatten()])
        for i in nodes:
            m = total[i] * scale(options.get("message_aggregation", "sum"), count[i])
            f[i] = f[i] + slot("message_norm", m, i)
            s, u = cut(f[i])
            P, Q = (weight @ u for weight in layer.channel_mix.weight.chunk(2))
            lengths = (P.square().sum(1) + 1e-8).sqrt()
            a, b, c = mlp(layer.update_mlp, torch.cat([s, lengths])).split([S, V, V])
            products = c * (P * Q).sum(1)
            products = products if S == V else layer.products.weight @ products
            f[i] = torch.cat([s + a + products, (u + b[:, None] * Q).flatten()])
            collected = total[i] * scale(options.get("coord_aggregation", "mean"), count[i])
            weight = layer.step.of_vectors.weight[0]
            step = weight[:V] @ cut(collected)[1] + weight[V:] @ cut(f[i])[1]
            step = step + mlp(layer.step.of_velocity, f[i][:S]) * v[i]
            x[i] = x[i] + slot("update_norm", step, i)
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = [slot("norm", x[i], i) for i in nodes]
    return torch.stack(x), torch.stack(f)


CASES = {
    "plain": ({"hidden": 5}, ()),
    "more scalars than vectors": ({}, ()),
    "aggregation": ({"coord_aggregation": "sum", "message_aggregation": "sqrt"}, ()),
    "cutoff": ({"cutoff": 3.0}, ()),
    "all slots": ({"norm_last": True}, SLOTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_equals_loops(case, layout):
    options, slots = CASES[case]
    against_loops("painn", oracle, options, slots, layout)


def test_features_and_gradients_are_the_official_ones():
    """Those of SchNetPack's interaction and mixing, given filters and directions."""
    folders = recorded("painn", "painn")
    model = eqnorm.create_model("painn", hidden=4, layers=2).double()
    state = dict(model.state_dict())
    for name, value in folders["state"].items():
        ours = "layers." + name.replace("i.interatomic_context_net", "message_mlp")
        ours = ours.replace("m.intraatomic_context_net", "update_mlp").replace("mlp.1", "mlp.2")
        state[ours.replace("m.mu_channel_mix", "channel_mix")] = value
    model.load_state_dict(state)
    given = folders["in"] = {k: v.requires_grad_() for k, v in folders["in"].items()}
    graph, features = Graph.complete(2, 4), pack(given["s"], given["v"])
    for layer in model.layers:
        features = features + layer.interact(features, given["filter"], given["dir"], graph)
        features = features + layer.mix(features)
    scalars, vectors = unpack(features, 4)
    against(folders, {"s": scalars, "v": vectors}, 1e-12)


def test_number_of_parameters_of_the_published_interaction():
    """Per layer F^2 + F + 3F^2 + 3F, twice with one F more at the entry, and 2F^2 to mix."""
    F = 16
    model = eqnorm.create_model("painn", hidden=F, layers=1)
    parts = ("message_mlp", "update_mlp", "channel_mix")
    count = sum(p.numel() for name, p in model.named_parameters() if any(k in name for k in parts))
    assert count == (4 * F**2 + 4 * F) + (5 * F**2 + 4 * F) + 2 * F**2


def test_nothing_is_felt_beyond_the_cutoff():
    nothing_from_afar(build("painn", cutoff=1.5, edge_dim=0, coord_aggregation="sum"))


def test_the_cosine_cutoff_is_smooth_at_contact():
    r = torch.tensor([0.0, 1e-22, 1.0, 2.0, 3.0], dtype=torch.float64)
    square = r.square().requires_grad_()
    wave = cosine(square.unsqueeze(-1), 2.0)
    close(wave[:, 0], torch.tensor([1.0, 1, 0.5, 0, 0]))
    (slope,) = torch.autograd.grad(wave.sum(), square)
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", ["painn", "gvp"])
def test_degenerate_input_is_finite_with_a_cutoff(name):
    model, graph = build(name, torch.float32, cutoff=2.0), Graph.complete(1, 4)
    for factor in (0.0, 1e-20, 1e-3, 1e3):
        given = inputs(graph, torch.float32)
        x = (given["x"] * factor).requires_grad_()
        out = model(graph=graph, **{**given, "x": x})
        (grad,) = torch.autograd.grad(out.x.square().sum() + out.h.square().sum(), x)
        assert out.x.isfinite().all()
        assert grad.isfinite().all()
