"""SE(3)-Transformer: faithful to its formulas; symmetry, cutoff, slots, errors."""

from __future__ import annotations

import re

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.adapters.loops_case import LAYOUTS, Probe
from tests.adapters.scalarised_case import close, inputs, motion
from tests.adapters.se3_transformer_case import DOUBLE, build, by_hand

NAMED = {
    "norm": "system",
    "update_norm": "rms_film",
    "edge_norm": "enf",
    "feature_norm": "layernorm",
    "message_norm": "rmsnorm",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "options",
    [
        {"message_aggregation": "mean", "coord_aggregation": "sum"},
        {"message_aggregation": "sum", "coord_aggregation": "sqrt", "cutoff": 2.0, "heads": 1},
        {
            "message_aggregation": "sqrt",
            "coord_aggregation": "mean",
            "self_interaction": "attentive",
            "hidden": "2x0e+2x1o",
            "lmax": 1,
            "activation": "tanh",
        },
        {
            "message_aggregation": "mean",
            "coord_aggregation": "mean",
            "self_interaction": "skip",
            "hidden": "2x0e+1x1o+1x2e+1x3o",
            "lmax": 3,
        },
    ],
)
def test_equals_a_loop_over_nodes(layout: str, options: dict[str, object]) -> None:
    slots = {"norm": 1.1, "update_norm": 0.6, "feature_norm": 0.7, "message_norm": 0.8}
    probes = {slot: Probe(factor) for slot, factor in {**slots, "edge_norm": 0.9}.items()}
    model = build(norm_last=True, **probes, **options)
    edges, graph = LAYOUTS[layout]()
    given = inputs(graph)
    given["x"] = given["x"] - 3  # within reach of one another, or not, for the cutoff
    out = model(graph=graph, **given)
    x, f = by_hand(model, edges, given, options)
    close(out.x, x, 1e-11)
    close(out.h, f, 1e-11)
    assert (out.x - given["x"]).abs().max() > 0.05


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cutoff": 2.5, **NAMED},
        {"hidden": 3, "lmax": 3, "self_interaction": "attentive"},
        {"self_interaction": "skip", "message_aggregation": "sum", "coord_aggregation": "sqrt"},
    ],
)
def test_equivariant_in_float64(options: dict[str, object], reflect: bool) -> None:
    model, graph = build(**options), Graph.complete(num_nodes=[4, 6, 1])
    given, element = inputs(graph), motion(reflect)
    moved = {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}
    out, turned = model(graph=graph, **given), model(graph=graph, **moved)
    close(turned.x, element.act(out.x, "points"), 1e-11)
    close(turned.h, element.act(out.h, model.irreps), 1e-11)
    assert (out.x - given["x"]).abs().max() > 1e-3


def test_nothing_jumps_at_the_cutoff() -> None:
    """A third node passes the cutoff: values go on, whichever way the neighbours are collected."""
    graph = Graph.complete(1, 3)
    for how in ("sum", "mean", "sqrt"):
        # One layer: a second one would see moved nodes.
        options = {"message_aggregation": how, "coord_aggregation": how}
        model, results = build(layers=1, cutoff=1.5, edge_dim=0, **options), []
        for far in (1.4999, 1.5001, 40.0):
            x = torch.tensor([[0.0, 0, 0], [-0.4, 0, 0], [far, 0, 0]], dtype=DOUBLE)
            out = model(x, graph, torch.ones(3, 2, dtype=DOUBLE))
            results.append(torch.cat([out.x[0], out.h[0]]))
        close(results[0], results[1], 1e-7)
        close(results[1], results[2], 1e-13)


def test_a_lonely_neighbour_fades_out() -> None:
    """Its weight is one until it is gone; its message is not."""
    model, graph = build(cutoff=1.0, edge_dim=0), Graph.complete(1, 2)
    rest = model(torch.zeros(1, 3, dtype=DOUBLE), Graph.complete(1, 1)).h[0]
    for gap, limit in ((1e-2, 1e-2), (1e-4, 1e-8), (0.0, 1e-13)):
        x = torch.tensor([[0.0, 0, 0], [1 - gap, 0, 0]], dtype=DOUBLE).requires_grad_()
        out = model(x, graph).h
        assert (out[0] - rest).abs().max() < limit
        (gradient,) = torch.autograd.grad(out.sum(), x)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_degenerate_input_is_finite(dtype: torch.dtype) -> None:
    graph = Graph.complete(1, 5)
    cases = {
        "zeros": lambda x: x * 0,
        "coincident": lambda x: x[:1].expand_as(x).clone(),
        "two coincident": lambda x: torch.cat([x[:1], x[:1], x[2:]]),
        "nearly coincident": lambda x: x * 1e-20,
        "huge": lambda x: x * 1e3,
    }
    for options in ({}, {"cutoff": 2.0, "message_aggregation": "sqrt"},
                    {"self_interaction": "attentive"}):  # fmt: skip
        for case, degenerate in cases.items():
            model, given = build(dtype, **options), inputs(graph, dtype)
            given["x"] = degenerate(given["x"]).requires_grad_()
            if case == "zeros":
                given |= {"h": given["h"] * 0, "v": given["v"] * 0}
            out = model(graph=graph, **given)
            (out.x.square().sum() + out.h.square().sum()).backward()
            leaves = [given["x"].grad, *(p.grad for p in model.parameters())]
            for tensor in (out.x, out.h, *leaves):
                assert tensor is not None, (options, case)
                assert tensor.isfinite().all(), (options, case)


def test_a_fresh_model_hardly_moves_anything() -> None:
    for how in ("linear", "attentive", "skip"):
        model = eqnorm.create_model("se3_transformer", layers=10, self_interaction=how)
        x = torch.randn(40, 3)
        out = model(x, Graph.complete(2, 20), v=torch.randn(40, 3))
        assert (out.x - x).abs().max() < 0.1
        assert out.h.abs().max() < 1e3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": "8x0e+4x2e"}, "hidden='8x0e+4x2e' has no 1o"),
        ({"heads": 0}, "heads must be an integer of at least 1, got 0"),
        ({"head_channels": 0}, "head_channels must be an integer of at least 1, got 0"),
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
        ({"cutoff": -1.0}, "cutoff must be positive, or None"),
        ({"self_interaction": "1x1"}, "must be 'linear', 'attentive' or 'skip', got '1x1'"),
        ({"coord_aggregation": "max"}, "coord_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"edge_norm": "geoframe"}, "edge_norm: norm 'geoframe' serves"),
    ],
)
def test_bad_options_say_what_is_wrong(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        eqnorm.create_model("se3_transformer", **options)
