"""The slots of `egnn` and `egnn_vel`: how norms are given, where they stand, what they break."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import Graph, Symmetry
from eqnorm.testing import assert_equivariant, find_violation

NAMES = ["egnn", "egnn_vel"]
SLOTS = {
    "norm": ("geonorm", "points"),
    "update_norm": ("softcap", "1o"),
    "edge_norm": ("enf", "1o"),
    "feature_norm": ("identity", "6x0e"),
    "message_norm": ("identity", "6x0e"),
}


def build(name: str, **options) -> nn.Module:
    return eqnorm.create_model(name, **{"hidden": 6, "layers": 3, **options})


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_norm_may_be_given_in_every_form(name, slot):
    choice, on = SLOTS[slot]
    kind = eqnorm.norm_spec(choice, on).factory
    instance = eqnorm.create_norm(choice, on=on)
    forms = [choice, (choice, {}), {"name": choice}, instance]
    # A class is called with the irreps it serves, which those for one type only do not take.
    forms += [] if on == "1o" else [kind]
    for given in forms:
        model = build(name, **{slot: given})
        norms = [getattr(layer, slot) for layer in model.layers]
        expected = 2 if slot == "norm" else 3
        assert [type(norm) for norm in norms if norm is not None] == [kind] * expected
        assert instance not in norms
        assert len({id(norm) for norm in norms}) == 3
        out = model(torch.randn(8, 3), Graph.complete(2, 4))
        assert bool(out.x.isfinite().all())
    model = build(name, **{slot: None})
    assert all(getattr(layer, slot) is None for layer in model.layers)


@pytest.mark.parametrize("name", NAMES)
def test_norm_last(name):
    first = [layer.norm is None for layer in build(name, norm="geonorm").layers]
    assert first == [False, False, True]
    model = build(name, norm="geonorm", norm_last=True)
    assert all(layer.norm is not None for layer in model.layers)
    with torch.no_grad():
        model.layers[-1].norm.gain.zero_()
        model.layers[-1].norm.bias.zero_()
    x = torch.randn(8, 3)
    out = model(x, Graph.complete(2, 4)).x
    torch.testing.assert_close(out, x.view(2, 4, 3).mean(1).repeat_interleave(4, 0))


def test_norms_are_told_how_many_features_there_are():
    model = build("egnn_vel", norm="geofilm", update_norm="rms_film", norm_last=True)
    out = model(torch.randn(8, 3), Graph.complete(2, 4), v=torch.randn(8, 3))
    out.x.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("name", NAMES)
def test_each_slot_keeps_all_symmetries(name, slot):
    model = build(name, edge_dim=1, layers=2, norm_last=True, **{slot: SLOTS[slot][0]})
    assert eqnorm.contract_of(model).equivariant_to == Symmetry.parse("E3")

    def run(pos, vel, feature, edge, graph):
        given = {"v": vel} if name == "egnn_vel" else {}
        return model(pos, graph, h=feature, edge_attr=edge, **given).x

    assert_equivariant(
        run,
        inputs={
            "pos": "points",
            "vel": "1o",
            "feature": "0e",
            "edge": "edge:0e",
            "graph": "graph",
        },
        output="points",
        group="E3",
        max_examples=6,
    )


@pytest.mark.parametrize(
    ("norm", "violations"),
    [("layernorm", ["rotation", "translation"]), ("scalenorm", ["translation"])],
)
def test_a_norm_that_breaks_a_symmetry_is_found_out(norm, violations):
    model = build("egnn_vel", norm=norm, norm_last=True)
    kept = eqnorm.contract_of(model).equivariant_to

    def run(pos, vel, graph):
        return model(pos, graph, v=vel).x

    for violation in violations:
        assert Symmetry.parse(violation) not in kept
        found = find_violation(
            run,
            names=violation,
            inputs={"pos": "points", "vel": "1o", "graph": "graph"},
            output="points",
            group="E3",
            max_examples=10,
        )
        assert found is not None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"norm": "geonrom"}, ValueError, "norm: .*'geonorm'"),
        ({"norm": "softcap"}, ValueError, "norm: norm 'softcap' serves '1o', not 'points'"),
        ({"edge_norm": "softcap"}, ValueError, "edge_norm='softcap' needs x0"),
        ({"norm": ("geonorm", {"nope": 1})}, TypeError, "norm 'geonorm' has no option 'nope'"),
        ({"norm": 3}, TypeError, "a norm must be a name"),
        ({"nrom": "geonorm"}, TypeError, "has no option 'nrom'; it takes activation, attention"),
        ({"hidden": 0}, ValueError, "hidden must be an integer of at least 1, got 0"),
        ({"layers": 1.5}, ValueError, "layers must be an integer of at least 1, got 1.5"),
        ({"node_dim": 0}, ValueError, "node_dim must be at least 1, got 0"),
        ({"edge_dim": -1}, ValueError, "edge_dim must be at least 0, got -1"),
        ({"message_aggregation": "max"}, ValueError, "message_aggregation must be 'sum', 'mean'"),
        ({"coord_aggregation": "add"}, ValueError, "coord_aggregation must be .* got 'add'"),
        ({"activation": "swish"}, ValueError, "activation must be one of gelu, .* got 'swish'"),
    ],
)
def test_errors_of_options(name, options, error, message):
    with pytest.raises(error, match=message):
        build(name, **options)


def test_errors_of_out_dim():
    with pytest.raises(ValueError, match="out_dim must be at least 1, or None, got 0"):
        build("egnn", out_dim=0)
    with pytest.raises(TypeError, match="has no option 'out_dim'"):
        build("egnn_vel", out_dim=2)
