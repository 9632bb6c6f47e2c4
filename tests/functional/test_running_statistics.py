"""Gradients of evaluation are of the running statistics that it used, whatever became of them."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from tests.functional.points_case import loops


@pytest.mark.parametrize("name", ["vn_batchnorm", "batchnorm"])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_step_of_training_between(name: str, compiled: bool) -> None:
    norm = eqnorm.create_norm(name, on="3x0e+2x1o").double().eval()
    x = torch.randn(6, 9, dtype=torch.float64, requires_grad=True)
    with loops(compiled):
        total = norm(x).pow(3).sum()
        (before,) = torch.autograd.grad(total, x, create_graph=True)
        before = before.detach()
        for statistic in norm.buffers():
            if statistic.is_floating_point():
                statistic.mul_(1.5)
        for again in (False, True):
            total_now = norm(x).pow(3).sum()
            (after,) = torch.autograd.grad(total, x, create_graph=again, retain_graph=True)
            torch.testing.assert_close(after, before)
            (now,) = torch.autograd.grad(total_now, x)
            assert not torch.allclose(now, before)
