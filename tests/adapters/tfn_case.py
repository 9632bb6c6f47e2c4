"""A small tensor field network with parameters of order one, and inputs for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, GroupElement

SMALL = {"hidden": 4, "layers": 2, "edge_dim": 2}


def build(dtype: torch.dtype = torch.float64, **options: object) -> nn.Module:
    """A model with parameters of order one, so that no small start hides an error."""
    model = eqnorm.create_model("tfn", **{**SMALL, **options}).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        for layer in model.layers:
            for weight in layer.read_out.weights:
                weight.mul_(0.1)
    return model


def inputs(graph: Graph, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    n = graph.num_nodes
    return {
        "x": torch.randn(n, 3, dtype=dtype) + 3,
        "h": torch.randn(n, 1, dtype=dtype),
        "v": torch.randn(n, 3, dtype=dtype),
        "edge_attr": torch.randn(graph.num_edges, 2, dtype=dtype),
    }


def motion() -> GroupElement:
    matrix = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    return GroupElement(matrix, torch.randn(3, dtype=torch.float64))


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert (found - expected).abs().max() <= tolerance * (1 + expected.abs().max())
