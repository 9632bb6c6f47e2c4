"""`nequip` against the interaction block built from e3nn's modules, and its options."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import Graph
from eqnorm_adapters._radial import RadialBasis
from tests.adapters import e3nn_case
from tests.adapters.loops_case import SLOTS, against_loops, probe, scale
from tests.adapters.scalarised_case import build


class Published(nn.Module):
    """The interaction block of arXiv:2101.03164, from e3nn's own modules."""

    def __init__(self, layer: nn.Module, irreps_in, irreps_out, node_dim: int) -> None:
        super().__init__()
        self.linear_1 = e3nn_case.linear(layer.linear_in)
        self.convolution = e3nn_case.Convolution(layer.convolution, layer.radial)
        self.linear_2 = e3nn_case.linear(layer.linear_out)
        self.sc = e3nn_case.self_connection(layer.self_connection, irreps_in, node_dim)
        self.gate, self.order = e3nn_case.gate(irreps_out, "silu")

    def update(self, messages, features, attributes):
        both = self.linear_2(messages) + self.sc(features, attributes)
        return self.gate(both[:, self.order])


def oracle(model, edges, graph, given, options, factors):
    """x and features, from the docstring's equations and e3nn's modules."""
    x, h, v, x0 = given["x"], given["h"], given["v"], given["x"]
    count = [sum(i == k for i, _ in edges) for k in range(len(x))]
    f = e3nn_case.linear(model.embedding)(torch.cat([h, v], dim=-1))

    def slot(name, value, f):
        return probe(factors[name], value, x0, v, f[:, :6]) if name in factors else value

    def collect(messages, how):
        total = messages.new_zeros(len(x), messages.shape[1])
        for message, (i, _) in zip(messages, edges, strict=True):
            total[i] += message * scale(options.get(how, "mean"), count[i])
        return total / options.get("avg_num_neighbors", 1.0) ** 0.5

    for index, layer in enumerate(model.layers):
        block, basis = Published(layer, model.irreps, model.irreps, 2), layer.radial.basis
        seen = slot("feature_norm", f, f)
        radial, directions = [], []
        for e, (i, j) in enumerate(edges):
            d = x[i] - x[j]
            u = d / (d @ d + basis.floor_sq).sqrt()
            if "edge_norm" in factors:
                n = probe(factors["edge_norm"], d, None, None, None)
                u = n / (1 + n @ n).sqrt()
            values = torch.cat([basis((d @ d).reshape(1, 1))[0], given["edge_attr"][e]])
            if basis.cutoff is not None:
                t = min(float(d.norm()) / basis.cutoff, 1.0)
                values = values * (1 - 28 * t**6 + 48 * t**7 - 21 * t**8)
            radial.append(values)
            directions.append(u)
        sent = block.linear_1(seen)[[j for _, j in edges]]
        messages = block.convolution(sent, torch.stack(directions), torch.stack(radial))
        collected = slot("message_norm", collect(messages, "message_aggregation"), f)
        f = block.update(collected, seen, h)
        for_points = collect(messages, "coord_aggregation")
        step = e3nn_case.linear(layer.read_out)(torch.cat([for_points, f], dim=-1))
        x = x + slot("update_norm", step, f)
        if index < len(model.layers) - 1 or options.get("norm_last"):
            x = slot("norm", x, f)
    return x, f


CASES = {
    "aggregation": ({"message_aggregation": "sqrt", "coord_aggregation": "sum"}, ()),
    "neighbours": ({"message_aggregation": "sum", "avg_num_neighbors": 3.0, "layers": 1}, ()),
    "cutoff": ({"cutoff": 3.0, "layers": 1, "radial_layers": 3, "radial_hidden": 5}, ()),
    "all slots": ({"norm_last": True}, SLOTS),
}


@pytest.mark.parametrize(
    ("case", "layout"), [("all slots", "complete"), *((case, "irregular") for case in CASES)]
)
def test_equals_the_published_block_built_from_e3nn(case, layout):
    options, slots = CASES[case]
    against_loops("nequip", oracle, options, slots, layout, 1e-9)


@pytest.mark.parametrize("energy", [False, True])
def test_number_of_parameters_of_the_published_block(energy):
    hidden, species = "8x0e+4x1o+2x2e", 3
    options = {"hidden": hidden, "node_dim": species, "cutoff": 4.0, "energy": energy}
    model = eqnorm.create_model("nequip", layers=3, **options)
    scalars, irreps = eqnorm.parse_type("8x0e").irreps, eqnorm.parse_type(hidden).irreps
    ends = [scalars, irreps, irreps, scalars] if energy else [irreps] * 4
    blocks = list(zip(model.layers, ends, ends[1:], strict=False))
    for layer, before, after in blocks[:2]:  # the last one of the potential has nothing to gate
        theirs = sum(p.numel() for p in Published(layer, before, after, species).parameters())
        ours = sum(p.numel() for p in layer.parameters())
        read_out = 0 if energy else sum(p.numel() for p in layer.read_out.parameters())
        assert ours - read_out == theirs
    assert sum(p.numel() for p in model.embedding.parameters()) == species * 8 + 4 * (not energy)
    if energy:
        assert sum(p.numel() for p in model.energy_readout.parameters()) == 8 * 4 + 4


def test_irreps_of_any_parity_keep_the_symmetry():
    hidden = "3x0e+2x1o+2x1e+1x2e+1x0o"
    model = eqnorm.create_model("nequip", hidden=hidden, layers=3, energy=True).double()
    x, graph = torch.randn(5, 3, dtype=torch.float64), Graph.complete(1, 5)
    matrix = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    for rotation in (matrix, -matrix):
        out, turned = (model.energy_and_forces(at, graph) for at in (x, x @ rotation.T))
        torch.testing.assert_close(turned.energy, out.energy, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(turned.forces, out.forces @ rotation.T, rtol=1e-9, atol=1e-10)


def test_a_potential_moves_nothing_and_sees_no_velocities():
    model, graph = build("nequip", energy=True, edge_dim=0), Graph.complete(1, 4)
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    out = model(x, graph, h, v=torch.randn_like(x))
    assert torch.equal(out.x, x)
    assert torch.equal(out.h, model(x, graph, h).h)
    assert out.h.shape == (4, model.irreps.dim) == (4, 6)


def test_a_deep_fresh_model_stays_small_by_default():
    for n in (5, 20, 60):
        out = eqnorm.create_model("nequip", layers=6)(torch.randn(n, 3), Graph.complete(1, n))
        assert out.h.abs().max() < 100


def test_the_envelope_ends_at_zero():
    basis = RadialBasis(4, cutoff=2.0)
    near = torch.tensor([[4.0 * (1 - 1e-7)]], dtype=torch.float64, requires_grad=True)
    value = basis.envelope(near)
    (slope,) = torch.autograd.grad(value.sum(), near)
    assert value.abs() < 1e-12
    assert slope.abs() < 1e-10


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"radial_hidden": 0}, "radial_hidden must be an integer of at least 1, got 0"),
        ({"radial_layers": 0}, "radial_layers must be an integer of at least 1, got 0"),
        ({"num_basis": 0}, "num_basis must be at least 1, got 0"),
        ({"cutoff": -1.0}, "cutoff must be positive, or None"),
        ({"lmax": 0}, "lmax must be an integer from 1 to 11, got 0"),
        ({"avg_num_neighbors": 0.0}, "avg_num_neighbors must be positive, or None, got 0.0"),
        ({"energy": True, "norm": "geonorm"}, "norm acts on moving positions"),
        ({"energy": True, "update_norm": "softcap"}, "update_norm acts on moving positions"),
        (
            {"energy": True, "cutoff": 2.0, "message_aggregation": "mean"},
            "message_aggregation='mean' makes the energy jump",
        ),
        (
            {"energy": True, "node_dim": 2, "energy_shift": [1.0, 2.0, 3.0]},
            "energy_shift must be a finite number, or one for each of the 2 invariants",
        ),
    ],
)
def test_bad_options_say_what_is_wrong(options, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        eqnorm.create_model("nequip", **options)
