"""Checkpointing, which lets a gradient look at what was saved only once."""

from __future__ import annotations

import pytest
import torch
from torch.utils.checkpoint import checkpoint

import eqnorm
from eqnorm_adapters import native


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("on", [False, True])
def test_gradients_are_those_without(on, reentrant, compile):
    native.use_native(on)
    try:
        model, graph = eqnorm.create_model("egnn", hidden=16, layers=2), eqnorm.Graph.complete(2, 5)
        run = torch.compile(model, backend="aot_eager") if compile else model
        x = torch.randn(10, 3, requires_grad=True)
        expected = torch.autograd.grad(model(x, graph).x.square().sum(), x)[0]
        again = checkpoint(lambda x: run(x, graph).x, x, use_reentrant=reentrant)
        again.square().sum().backward()
    finally:
        native.use_native(True)
    torch.testing.assert_close(x.grad, expected)
