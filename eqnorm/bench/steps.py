"""Passes to time: a norm's forward and backward, and a model's training step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.bench.timing import Run


def passes(call: Callable[[Tensor], Tensor], shape: tuple[int, ...], device: str) -> Run:
    """Forward and backward, gradients of the input and of the parameters."""
    x = torch.randn(shape, device=device, requires_grad=True)
    g = torch.randn(shape, device=device)

    def run() -> None:
        x.grad = None
        call(x).backward(g)  # type: ignore[no-untyped-call]

    return run


@dataclasses.dataclass(frozen=True)
class Systems:
    """A batch of complete graphs with what a model is given."""

    graph: eqnorm.Graph
    x: Tensor
    v: Tensor
    e: Tensor
    target: Tensor

    @classmethod
    def draw(cls, num_graphs: int, num_nodes: int, device: str, edge_dim: int = 2) -> Systems:
        """B systems of N particles at random."""
        graph = eqnorm.Graph.complete(num_graphs, num_nodes, device=device)
        x, v, noise = (torch.randn(num_graphs * num_nodes, 3, device=device) for _ in range(3))
        e = torch.randn(graph.num_edges, edge_dim, device=device)
        return cls(graph, x, v, e, x + v + 0.1 * noise)


def training_step(model: nn.Module, systems: Systems) -> Run:
    """Forward, mean squared error of the positions, backward and a step of Adam."""
    given: dict[str, Any] = {"v": systems.v, "edge_attr": systems.e if _edges(model) else None}
    return step_of(model, lambda: model(systems.x, systems.graph, **given).x, systems.target)


def step_of(model: nn.Module, predict: Callable[[], Tensor], target: Tensor) -> Run:
    """The same for any prediction; a model of one number a graph is trained towards zero."""
    # A learning rate of nothing: as much work, and no run in which the numbers overflow.
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)

    def run() -> None:
        optimizer.zero_grad()
        out = predict()
        goal = target if out.shape == target.shape else torch.zeros_like(out)
        nn.functional.mse_loss(out, goal).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return run


def _edges(model: nn.Module) -> bool:
    return bool(getattr(model, "edge_dim", 0))


def parameters_in_use(spec_options: tuple[str, ...], **wanted: Any) -> dict[str, Any]:
    """The options of ``wanted`` that a model or norm takes."""
    return {name: value for name, value in wanted.items() if name in spec_options}
