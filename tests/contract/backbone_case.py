"""Backbones to test, by name, with random parameters; and inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm.testing import randomize_parameters

Build = Callable[..., nn.Module]

HIDDEN = {"scalars": 8, "irreps": "4x0e+3x1o"}
SIZES = (4, 1, 5)
NORMED = {"norm": "geonorm", "feature_norm": "rmsnorm", "update_norm": "softcap"}
BARE_AND_NORMED = pytest.mark.parametrize("norms", [{}, NORMED], ids=["bare", "normed"])
every = pytest.mark.parametrize("name", eqnorm.list_models())


def builder(name: str) -> Build:
    def build(seed: int = 0, **options: Any) -> nn.Module:
        common: dict[str, Any] = {"layers": 2, "node_dim": 2, "edge_dim": 1}
        common["hidden"] = HIDDEN[eqnorm.model_spec(name).features]
        torch.manual_seed(seed)
        model = eqnorm.create_model(name, **{**common, **options})
        return randomize_parameters(model, seed)

    return build


def inputs(graph: Graph, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    n = graph.num_nodes
    return {
        "x": torch.randn(n, 3, dtype=dtype),
        "h": torch.randn(n, 2, dtype=dtype),
        "v": torch.randn(n, 3, dtype=dtype),
        "edge_attr": torch.randn(graph.num_edges, 1, dtype=dtype),
    }


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Equal relative to the largest entry."""
    assert found.shape == expected.shape
    error = (found.detach().double() - expected.detach().double()).abs().max()
    assert error <= tolerance * (1 + expected.detach().abs().max())
