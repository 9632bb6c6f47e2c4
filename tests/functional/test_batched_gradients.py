"""Many gradients at once, as vectorised Jacobians take them, are those taken one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import functional as derivatives

import eqnorm
from eqnorm.functional import irreps as functional

IRREPS = "1o+3x0e+2x1o+0o"
# Untyped in torch.
jacobian: Callable[..., Tensor] = derivatives.jacobian
hessian: Callable[..., Tensor] = derivatives.hessian
SPECS = [spec for on in ("points", IRREPS) for spec in eqnorm.norm_specs(on=on)]
CASES = sorted({("points" if spec.on == "points" else IRREPS, spec.name) for spec in SPECS})


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("on", "name"), CASES)
def test_vectorised_derivatives(on: str, name: str, compiled: bool) -> None:
    width = 3 if on == "points" else 13
    x, x0, v = (torch.randn(7, w, dtype=torch.float64) for w in (width, 3, 3))
    given = {"x0": x0, "v": v, "h": torch.randn(7, 2, dtype=torch.float64)}
    options = {"h_dim": 2} if "h_dim" in eqnorm.norm_spec(name, on=on).options else {}
    norm = eqnorm.create_norm((name, options), on=on).double()
    graph = eqnorm.Graph.from_batch(torch.tensor([0, 0, 0, 1, 1, 1, 1]))

    def loss(at: Tensor) -> Tensor:
        y = norm(at, graph, **given)
        return torch.stack([(y**3).sum(), y.sin().sum()])

    before = functional.compiled_available()
    functional.use_compiled(compiled)
    try:
        firsts, seconds = (
            [find(f, x, vectorize=many) for many in (False, True)]
            for find, f in ((jacobian, loss), (hessian, lambda at: loss(at)[0]))
        )
    finally:
        functional.use_compiled(before)
    torch.testing.assert_close(*firsts)
    torch.testing.assert_close(*seconds)
    assert all(found[0].abs().max() > 0 for found in (firsts, seconds))
