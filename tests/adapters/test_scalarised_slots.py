"""Slots and options of all backbones but EGNN and `tfn`."""

from __future__ import annotations

import re

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.adapters.loops_case import SLOTS
from tests.adapters.scalarised_case import IRREPS, assert_finite, build, every, inputs


@every
def test_missing_inputs_are_ones_and_zeros(name: str) -> None:
    graph, model = Graph.complete(1, 4), build(name)
    given = inputs(graph)
    x = given["x"]
    full = model(x, graph, torch.ones_like(given["h"]), x * 0, torch.zeros_like(given["edge_attr"]))
    assert torch.equal(model(x, graph).x, full.x)


@every
@pytest.mark.parametrize("slot", SLOTS)
def test_every_norm_of_the_slot_by_name(name: str, slot: str) -> None:
    """Each norm that serves the slot: finite values and gradients, the contract kept."""
    graph = Graph.complete(2, 4)
    kind = {"norm": "points", "update_norm": "1o", "edge_norm": "1o"}.get(slot, IRREPS[name])
    bare, given = build(name), inputs(graph)
    plain = bare(graph=graph, **given)
    for spec in eqnorm.norm_specs(on=kind):
        if slot == "edge_norm" and spec.needs:
            with pytest.raises(ValueError, match=f"edge_norm='{spec.name}' needs"):
                build(name, **{slot: spec.name})
            continue
        model = build(name, **{slot: spec.name})
        built = [getattr(layer, slot) is not None for layer in model.layers]
        assert built == [True, slot != "norm"]
        model.load_state_dict(bare.state_dict(), strict=False)
        out = assert_finite(model, graph, {key: value.clone() for key, value in given.items()})
        if spec.name != "identity":
            assert not torch.equal(torch.cat([out.x, out.h], 1), torch.cat([plain.x, plain.h], 1))
        contract = eqnorm.contract_of(model)
        symmetry = eqnorm.model_spec(name).equivariant_to & spec.equivariant_to
        assert contract.equivariant_to == symmetry, spec.name


@every
def test_a_norm_after_the_last_layer_on_request(name: str) -> None:
    model = build(name, norm="geonorm", norm_last=True)
    assert all(layer.norm is not None for layer in model.layers)


@every
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hidden": 0}, "hidden must be"),
        ({"layers": 0}, "layers must be an integer of at least 1, got 0"),
        ({"message_aggregation": "max"}, "message_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"coord_aggregation": "max"}, "coord_aggregation must be 'sum', 'mean' or 'sqrt'"),
        ({"activation": "sine"}, "activation must be one of gelu, leaky_relu"),
        ({"edge_norm": "geoframe"}, "edge_norm: norm 'geoframe' serves"),
        ({"node_dim": 0}, "node_dim must be at least 1, got 0"),
    ],
)
def test_bad_options_say_what_is_wrong(name: str, options: dict[str, object], text: str) -> None:
    if set(options) <= set(eqnorm.model_spec(name).options):
        with pytest.raises(ValueError, match=re.escape(text)):
            eqnorm.create_model(name, **options)
    else:
        assert options == {"activation": "sine"}
