"""Every backbone x norm x slot keeps the contract that the backbone and the norm have together.

The list is made from the registry: a new norm or backbone is tested without an edit here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import eqnorm
from eqnorm import Symmetry
from eqnorm.specs import SLOTS
from eqnorm.testing import equivariance_report, find_violation, randomize_parameters

DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
EXAMPLES = 40 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 3
HIDDEN = {"scalars": 8, "irreps": "4x0e+3x1o"}
# What a slot hands to its norm; x0 and h do not come by the edge.
GIVEN = {"norm": {"x0", "v", "h"}, "update_norm": {"x0", "v", "h"}}
SINGLE = {
    "rotation": Symmetry.ROTATION,
    "reflection": Symmetry.REFLECTION,
    "translation": Symmetry.TRANSLATION,
}


@dataclass(frozen=True)
class Pair:
    model: str
    slot: str
    norm: str

    def __str__(self) -> str:
        return f"{self.model}-{self.slot}-{self.norm}"

    def build(self) -> torch.nn.Module:
        spec = eqnorm.model_spec(self.model)
        model = eqnorm.create_model(
            self.model,
            hidden=HIDDEN[spec.features],
            layers=2,
            edge_dim=1,
            norm_last=True,
            message_aggregation="mean",
            **{self.slot: self.norm},
        )
        return randomize_parameters(model, 0).eval()

    def declaration(self) -> dict[str, Any]:
        inputs = {"x": "points", "graph": "graph", "h": "1x0e", "edge_attr": "edge:1x0e"}
        if eqnorm.model_spec(self.model).velocities:
            inputs["v"] = "1o"
        return {"inputs": inputs, "output": {"x": "points", "h": None, "v": None}}


def types(model: str) -> dict[str, str]:
    features = eqnorm.model_spec(model).features
    hidden = "8x0e" if features == "scalars" else str(HIDDEN[features])
    return {
        "norm": "points",
        "update_norm": "1o",
        "edge_norm": "1o",
        "feature_norm": hidden,
        "message_norm": hidden,
    }


def serves(norm: str, on: str, slot: str) -> bool:
    needs = set(eqnorm.norm_spec(norm, on).needs)
    if not needs <= GIVEN.get(slot, set()):
        return False
    try:
        eqnorm.create_norm(norm, on=on, **({"h_dim": 8} if "h" in needs else {}))
    except ValueError:  # some serve certain irreps only; their own tests say which
        return False
    return True


PAIRS = [
    Pair(model, slot, norm)
    for model in eqnorm.list_models()
    for slot in SLOTS
    for norm in eqnorm.list_norms(on=types(model)[slot])
    if serves(norm, types(model)[slot], slot)
]
BREAKING = [
    (pair, name)
    for pair in PAIRS
    if pair.slot == "norm"
    for name, symmetry in SINGLE.items()
    if symmetry in eqnorm.model_spec(pair.model).equivariant_to
    and symmetry not in eqnorm.norm_spec(pair.norm, "points").equivariant_to
]


def test_every_slot_of_every_backbone_is_there():
    assert {pair.model for pair in PAIRS} == set(eqnorm.list_models())
    for model in eqnorm.list_models():
        assert {pair.slot for pair in PAIRS if pair.model == model} == set(SLOTS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: pairs ran on the CPU")
def test_pairs_run_on_cuda_too() -> None:
    assert "cuda" in DEVICES


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_what_is_declared_holds(pair: Pair, device: str) -> None:
    model = pair.build()
    contract = eqnorm.contract_of(model)
    for dtype in (torch.float32, torch.float64):
        report = equivariance_report(
            model,
            **pair.declaration(),
            group=contract.equivariant_to,
            permutation=contract.permutation,
            dtype=dtype,
            device=device,
            max_examples=EXAMPLES,
        )
        assert report.ok, f"{pair} in {dtype}:\n{report}"


@pytest.mark.parametrize(("pair", "name"), BREAKING, ids=str)
def test_what_is_declared_absent_is_found_broken(pair: Pair, name: str) -> None:
    found = find_violation(
        pair.build(),
        **pair.declaration(),
        names=name,
        group=SINGLE[name],
        permutation=False,
        independence=False,
        gradients=False,
        dtype=torch.float64,
        max_examples=10,
    )
    assert found is not None, f"{pair} is declared not to have {name}, and has it"


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_gradients_reach_every_parameter_and_are_finite(pair: Pair) -> None:
    model = pair.build()
    graph = eqnorm.Graph.complete(num_nodes=[4, 1, 3])
    out = model(torch.randn(8, 3), graph, torch.randn(8, 1), torch.randn(8, 3), torch.randn(18, 1))
    assert out.x.isfinite().all()
    (out.x.square().sum() + out.h.square().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name
    # A bias for scalars is empty where there are none.
    assert not [n for n, p in model.named_parameters() if p.grad is None and p.numel()]
