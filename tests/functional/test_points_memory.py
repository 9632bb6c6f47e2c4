"""The compiled loops of points read memory by address: all of it must be there while they run."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._points import fused
from eqnorm.graph import Graph
from tests.functional.points_case import CASES, build, draw, label, loops

Case = tuple[str, str, dict[str, Any]]
pytestmark = pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed")


def gradients(case: Case, layout: str, rows: int, compiled: bool) -> list[Tensor]:
    """Of a sum, whose gradient is one number expanded, or of something transposed."""
    norm = build(case, torch.float64)
    given = draw(torch.float64, True, rows)
    leaves = {name: value.requires_grad_() for name, value in given.items()}
    graph = Graph.from_batch(torch.arange(rows) * 2 // rows)
    with loops(compiled):
        y = norm(graph=graph, **leaves)
        weights = torch.linspace(1, 2, y.numel(), dtype=y.dtype).view(3, rows)
        total = y.sum() if layout == "expanded" else (y.mT * weights).sum()
        wanted = [*leaves.values(), *norm.parameters()]
        found = torch.autograd.grad(total, wanted, allow_unused=True)
    # A gradient of zero may be no gradient in one of both.
    pairs = zip(found, wanted, strict=True)
    return [torch.zeros_like(t) if g is None else g for g, t in pairs]


@pytest.mark.parametrize("case", CASES, ids=label)
@pytest.mark.parametrize("layout", ["expanded", "transposed"])
def test_gradients_that_are_not_contiguous(case: Case, layout: str) -> None:
    """Copies are made of them, which were gone before the loops ran."""
    for rows in (2, 5, 20, 400):
        found, expected = (gradients(case, layout, rows, on) for on in (True, False))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


LEARNED = [case for case in CASES if list(build(case, torch.float32).parameters())]


@pytest.mark.parametrize("case", LEARNED, ids=label)
def test_parameters_elsewhere(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a norm left on a GPU: their addresses say nothing here, torch has to refuse them."""
    norm, given = build(case, torch.float32), draw(torch.float32, True)
    ran: list[None] = []
    monkeypatch.setattr(fused._launch(), "forward", lambda *_: ran.append(None))
    norm.to("meta")
    with loops(True), contextlib.suppress(RuntimeError, NotImplementedError):
        # torch lets single numbers of another device pass
        assert norm(graph=Graph.complete(2, 3), **given).is_meta
    assert not ran
