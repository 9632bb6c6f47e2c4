"""A training step of every EGNN that can be run here: ours, the official one, egnn-pytorch."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._egnn.compiled.edge_calls import has_bfloat16

Step = Callable[[], None]


class Data:
    """Positions, velocities, features and a target for complete graphs."""

    def __init__(self, nodes: int, graphs: int) -> None:
        generator = torch.Generator().manual_seed(0)
        total = nodes * graphs
        self.nodes, self.graphs = nodes, graphs
        self.graph = Graph.complete(graphs, nodes)
        self.x, self.v, self.target = torch.randn(3, total, 3, generator=generator)
        self.h = torch.randn(total, 1, generator=generator)
        self.e = torch.randn(self.graph.num_edges, 2, generator=generator)


def step(model: nn.Module, run: Callable[[], Tensor], target: Tensor) -> Step:
    """Forward, squared error, backward; gradients set to None first, as optimisers do."""
    parameters = list(model.parameters())

    def once() -> None:
        for parameter in parameters:
            parameter.grad = None
        (run() - target).square().mean().backward()

    return once


def ours(data: Data, compiled: bool, trace: bool = False, **options: object) -> Step:
    """A step of `egnn_vel`, by the compiled kernel or by torch; ``trace``: by torch.compile."""
    model = eqnorm.create_model("egnn_vel", edge_dim=2, residual=True, **options)
    call = torch.compile(model, fullgraph=True, dynamic=True) if trace else model
    once = step(
        model,
        lambda: call(data.x, data.graph, h=data.h, v=data.v, edge_attr=data.e).x,
        data.target,
    )

    def switched() -> None:
        native.use_native(compiled)
        once()

    return switched


def official(data: Data, folder: Path) -> Step:
    """A step of the official EGNN_vel, with the options of its N-body script."""
    sys.path.insert(0, str(folder))
    try:
        from n_body_system.model import EGNN_vel
    finally:
        sys.path.remove(str(folder))
    model = EGNN_vel(1, 2, 64, n_layers=4, recurrent=True)
    edges = [data.graph.receivers, data.graph.senders]
    # It writes into the positions that it is given.
    return step(model, lambda: model(data.h, data.x.clone(), edges, data.v, data.e), data.target)


def lucidrains(data: Data) -> Step | None:
    """A step of egnn-pytorch of the same widths, which has no velocities; None if not installed."""
    if importlib.util.find_spec("egnn_pytorch") is None:
        return None
    from egnn_pytorch import EGNN

    layers = nn.ModuleList(EGNN(64, edge_dim=2, m_dim=64) for _ in range(4))
    embed = nn.Linear(1, 64)
    shape = (data.graphs, data.nodes)
    edges = torch.randn(*shape, data.nodes, 2)

    def run() -> Tensor:
        h, x = embed(data.h).view(*shape, 64), data.x.view(*shape, 3)
        for layer in layers:
            h, x = layer(h, x, edges)
        return x.flatten(0, 1)

    return step(nn.ModuleList([layers, embed]), run, data.target)


def contestants(data: Data, peers: Path | None, trace: bool = False) -> dict[str, Step]:
    """Every step that can be made here, by name; the official one first if it is there."""
    found: dict[str, Step | None] = {}
    if peers is not None:
        found["official"] = official(data, peers / "egnn")
    found["egnn-pytorch"] = lucidrains(data)
    found["torch"] = ours(data, False)
    if trace:
        found["torch, torch.compile"] = ours(data, False, trace=True)
    native.use_native(True)  # whatever ran last
    if native.native_available():
        found["compiled"] = ours(data, True)
        if trace:
            found["compiled, torch.compile"] = ours(data, True, trace=True)
        if has_bfloat16():
            found["compiled, bfloat16"] = ours(data, True, products="bfloat16")
    return {name: once for name, once in found.items() if once is not None}
