"""Vectorised Jacobians and checkpointing of backbones, whichever engine they run on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import functional as derivatives
from torch.utils.checkpoint import checkpoint

import eqnorm
from eqnorm import Graph

# Untyped in torch.
jacobian: Callable[..., Tensor] = derivatives.jacobian
hessian: Callable[..., Tensor] = derivatives.hessian
GRAPHS = {
    "complete": Graph.complete(2, 4),
    "edges": Graph.from_edges(torch.tensor([[1, 2, 0, 3, 5], [0, 0, 1, 2, 6]]), num_nodes=8),
}


def positions(name: str, graph: Graph) -> Callable[[Tensor], Tensor]:
    model = eqnorm.create_model(name, layers=2, hidden=16, edge_dim=2)
    v, e = torch.randn(8, 3), torch.randn(graph.num_edges, 2)
    return lambda x: model(x, graph, v=v, edge_attr=e).x


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", eqnorm.list_models())
def test_all_directions_at_once_are_one_by_one(name: str, graph: str) -> None:
    x, move = torch.randn(8, 3), positions(name, GRAPHS[graph])
    one, many = (jacobian(move, x, vectorize=at_once) for at_once in (False, True))
    torch.testing.assert_close(many, one, rtol=1e-4, atol=1e-5)

    def loss(at: Tensor) -> Tensor:
        return (move(at)[:2] ** 3).sum()

    one, many = (hessian(loss, x, vectorize=at_once) for at_once in (False, True))
    torch.testing.assert_close(many, one, rtol=1e-3, atol=1e-4)
    assert one.abs().max() > 1e-2


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", eqnorm.list_models())
def test_checkpointing_changes_nothing(name: str, graph: str) -> None:
    x, move = torch.randn(8, 3, requires_grad=True), positions(name, GRAPHS[graph])
    outputs = (move(x), checkpoint(move, x, use_reentrant=False))
    grads = [torch.autograd.grad(out.sin().sum(), x)[0] for out in outputs]
    torch.testing.assert_close(grads[1], grads[0])
