"""Norms that are applied elsewhere than between operations of torch: the same as when called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.functional import _compiled
from eqnorm.functional.between import between
from eqnorm.graph import Graph
from tests.functional.points_case import CASES, GRAPHS, build, draw, label, loops

pytestmark = pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed")
Case = tuple[str, str, dict[str, Any]]
ROWS: list[Case] = [
    ("2x0e+1x1o", name, {})
    for name in ("layernorm", "rmsnorm", "separable_layernorm", "degree_balanced_rmsnorm")
]


def written(norm: nn.Module, graph: Graph, given: dict[str, Tensor]) -> Any:
    """Asked with tensors that have the shapes of those to come, and no numbers of theirs."""
    like = {name: torch.full_like(value, torch.nan) for name, value in given.items()}
    like |= {name: given[name] for name in ("x0", "v")}
    with loops(True):
        return between(norm, like["x"], graph, like["x0"], like["v"], like["h"])


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("case", [*CASES, *ROWS], ids=label)
def test_the_same_as_when_it_is_called(case: Case, kind: str) -> None:
    norm, graph = build(case, torch.float64), GRAPHS[kind]
    given = draw(torch.float64, True)
    if case in ROWS:
        given["x"] = torch.randn(6, 5, dtype=torch.float64)
    found = written(norm, graph, given)
    assert found is not None
    slot, parameters = found
    own = [None if p is None else p.detach().clone().requires_grad_() for p in parameters]
    inputs = [given[name].clone().requires_grad_() for name in ("x", "x0", "v", "h")]
    y, kept = slot.forward(*inputs, own)
    x, x0, v, h = inputs
    torch.testing.assert_close(y.detach(), norm(x, graph, x0=x0, v=v, h=h).detach())
    g = torch.randn(y.shape, dtype=y.dtype)
    ours = slot.backward(g, *inputs, own, kept, (True, True))
    plain = slot.plain(*inputs, own)  # which autograd differentiates
    torch.testing.assert_close(y.detach(), plain.detach())
    pairs = [(t, one) for t, one in zip([*inputs, *own], ours, strict=True) if t is not None]
    theirs = torch.autograd.grad(plain, [t for t, _ in pairs], g, allow_unused=True)
    for (_, one), other in zip(pairs, theirs, strict=True):
        if other is None or not other.any():
            assert one is None or not one.any()
        else:
            torch.testing.assert_close(one, other)


def test_what_must_be_called() -> None:
    graph, given = GRAPHS["ragged"], draw(torch.float32, True)

    class Own(nn.Module):
        """Of a user's own."""

        def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
            return x

    assert written(Own(), graph, given) is None
    for options in ({"faithful": True}, {"eps": 0.1}):
        norm = eqnorm.create_norm(("geonorm", options), on="points")
        assert (written(norm, graph, given) is None) == ("faithful" in options)
    assert written(norm.half(), graph, given) is None
    assert written(eqnorm.create_norm("batchnorm", on="1o"), graph, given) is None
    nothing = written(eqnorm.create_norm(None, on="points"), graph, given)
    assert nothing == (None, ())


def test_an_error_leaves_nothing_behind() -> None:
    graph, given = GRAPHS["ragged"], draw(torch.float32, True)
    norm = eqnorm.create_norm("geofilm", on="points", h_dim=9)  # but there are fewer features
    with pytest.raises(ValueError, match="h_dim"):
        written(norm, graph, given)
    y = eqnorm.create_norm("geonorm", on="points")(given["x"], graph, x0=given["x0"])
    assert y is not given["x"]
