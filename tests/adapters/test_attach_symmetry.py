"""The checker on models with attached norms: symmetry kept, broken, and the wrong batch."""

from __future__ import annotations

import torch

from eqnorm.testing import assert_equivariant, find_violation
from eqnorm_adapters import attach
from tests.adapters.attach_case import GEO
from tests.adapters.standins import EGNN

INPUTS = {"h": "1x0e", "x": "points", "edges": "edge_index", "edge_attr": "edge:2x0e"}


class Batched(EGNN):
    """The stand-in with a batch argument, so that graphs of several sizes can be drawn."""

    def forward(self, h, x, edges, edge_attr, batch):
        return super().forward(h, x, edges, edge_attr)


def batched():
    torch.manual_seed(0)
    return Batched(edges=2)


def test_geonorm_keeps_the_symmetry():
    model = batched()
    attach(model, "geonorm", at="gcl_*", output=1, **GEO)
    assert_equivariant(
        model, inputs={**INPUTS, "batch": "batch"}, output=("1x0e", "points"), quick=True
    )


def test_layernorm_on_points_breaks_it():
    model = batched()
    attach(model, "layernorm", at="gcl_*", output=1, batch="batch")
    found = find_violation(
        model,
        inputs={**INPUTS, "batch": "batch"},
        output=("1x0e", "points"),
        quick=True,
        names=["rotation", "translation"],
    )
    assert found is not None


def test_the_wrong_batch_is_found_by_the_checker():
    model = batched()
    attach(model, "geonorm", at="gcl_*", output=1, points="x", batch=None)
    found = find_violation(
        model, inputs={**INPUTS, "batch": "batch"}, output=("1x0e", "points"), quick=True
    )
    assert found is not None
    assert found.name == "independence"
