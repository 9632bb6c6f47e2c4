"""Norms on points and displacements with their options, and inputs in which everything differs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph

GRAPHS = {
    "one": Graph.complete(1, 6),
    "uniform": Graph.complete(2, 3),
    "ragged": Graph.from_batch(torch.tensor([0, 2, 0, 1, 2, 0])),
    "padded": Graph.from_mask(torch.tensor([[True, False, True], [True, True, False]])),
    "one, padded": Graph.from_mask(torch.tensor([[True, True, False, True, True, True]])),
}
NODES, FEATURES = 6, 4

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("points", "geonorm", {}),
    ("points", "georms", {}),
    ("points", "geofilm", {"h_dim": FEATURES}),
    ("points", "geoframe", {}),
    ("points", "geoframe", {"h_dim": FEATURES}),
    ("points", "system", {}),
    ("points", "system", {"h_dim": FEATURES}),
    ("points", "layernorm", {}),
    ("points", "scalenorm", {"norm": "rms"}),
    ("points", "scalenorm", {}),
    ("points", "get", {}),
    ("points", "midi", {}),
    ("points", "midi", {"keep_center": True}),
    ("points", "semla", {}),
    ("points", "semla", {"keep_center": True}),
    ("points", "semla", {"norm": "gvp"}),
    ("points", "semla", {"norm": "none", "keep_center": True}),
    ("1o", "softcap", {}),
    ("1o", "rms_film", {"h_dim": FEATURES}),
    ("1o", "graph_rmsnorm", {}),
    ("1o", "clipnorm", {}),
    ("1o", "clipnorm", {"hard": True}),
]


def label(case: tuple[str, str, dict[str, Any]]) -> str:
    return " ".join([case[1], *map(str, case[2].values())])


def build(case: tuple[str, str, dict[str, Any]], dtype: torch.dtype) -> nn.Module:
    """The norm with parameters at random, since many start from zero."""
    on, name, options = case
    norm = eqnorm.create_norm((name, options), on=on).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in norm.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(0.4 * noise.to(dtype))
    return norm


def draw(dtype: torch.dtype, velocities: bool, rows: int = NODES) -> dict[str, Tensor]:
    """Points, initial points, velocities and features, far from the origin."""
    generator = torch.Generator().manual_seed(2)

    def random(width: int) -> Tensor:
        return torch.randn(rows, width, generator=generator, dtype=torch.float64).to(dtype)

    given = {"x": 2 * random(3) + 3, "x0": random(3) - 1, "h": random(FEATURES)}
    return given | ({"v": random(3)} if velocities else {})


@contextlib.contextmanager
def loops(enabled: bool) -> Iterator[None]:
    """With the compiled loops on or off."""
    before = functional.compiled_available()
    functional.use_compiled(enabled)
    try:
        yield
    finally:
        functional.use_compiled(before)


def results(
    norm: nn.Module, graph: Graph, given: dict[str, Tensor], compiled: bool
) -> dict[str, Tensor]:
    """The output, and the gradients of all inputs and parameters of a random function of it."""
    with loops(compiled):
        leaves = {name: value.clone().requires_grad_() for name, value in given.items()}
        y = norm(graph=graph, **leaves)
        wanted = leaves | dict(norm.named_parameters())
        weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
        found = torch.autograd.grad(y, list(wanted.values()), weights, allow_unused=True)
    pairs = zip(wanted, found, strict=True)
    return {"y": y.detach()} | {k: g for k, g in pairs if g is not None and bool((g != 0).any())}


def compare(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    """Each to the largest number of its kind."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        error = (found[name] - value).abs().max() / value.abs().max()
        assert error < tolerance, (name, error.item())
