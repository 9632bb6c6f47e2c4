"""A norm that is right, and some that each fail in one way."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm.graph import as_graph


class Control(nn.Module):
    """A norm that is right: x minus the centre, times a learnable scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(1) + 0.5)

    def forward(
        self, x: Tensor, graph: Any = None, x0: Any = None, v: Any = None, h: Any = None
    ) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        return self.formula(wide, as_graph(graph, x.shape[0], x.device)).to(x.dtype)

    def formula(self, x: Tensor, graph: Graph) -> Tensor:
        return self.gain * (x - graph.spread(graph.mean(x)))


class SeesTheBatch(Control):
    def formula(self, x, graph):
        return self.gain * (x - x.mean(0))


class SeesItsNodeOnly(Control):
    def formula(self, x, graph):
        return self.gain * x


class TrustsTheOrder(Control):
    """Takes the nodes of a graph to stand together."""

    def formula(self, x, graph):
        if graph.uniform:
            return super().formula(x, graph)
        return torch.cat([part - part.mean(0) for part in x.split(graph.counts.tolist())])


class CountsPadding(Control):
    def formula(self, x, graph):
        return super().formula(x, dataclasses.replace(graph, mask=None))


class MaskedByProduct(Control):
    """Padding times zero, which is NaN for NaN, and lets a gradient through."""

    def formula(self, x, graph):
        mean = graph.mean(x)
        return self.gain * (x - graph.spread(mean)) + 0 * x.sum()


class LeaksGradients(Control):
    def formula(self, x, graph):
        total = x.sum()
        return super().formula(x, graph) + total - total.detach()


class Half(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        size = x.square().sum(-1, keepdim=True) + 1e-3
        return self.gain.to(x.dtype) * x * size.rsqrt()


class Promotes(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return self.formula(x, as_graph(graph, x.shape[0], x.device))


class UnitVectors(Control):
    def formula(self, x, graph):
        return self.gain * x / x.norm(dim=-1, keepdim=True)


class EpsOutside(Control):
    """Finite values; the gradient of a root at zero is not."""

    def formula(self, x, graph):
        return self.gain * x / (x.square().sum(-1, keepdim=True).sqrt() + 1e-6)


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 1.9 * grad


class WrongBackward(Control):
    def formula(self, x, graph):
        return super().formula(_Backward.apply(x), graph)


class UnusedParameter(Control):
    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.zeros(1))


class WritesIntoX(Control):
    def forward(self, x, graph=None, x0=None, v=None, h=None):
        return x.sub_(1.0)


class ForgetsState(Control):
    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.rand(1).item()

    def formula(self, x, graph):
        return super().formula(x, graph) + self.offset


class StaysOnTheHost(Control):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.ones(1)

    def formula(self, x, graph):
        return super().formula(x, graph) + self.table.expand(1)


class WaitsForTheDevice(Control):
    def formula(self, x, graph):
        return super().formula(x, graph) if x.abs().max() < 1e30 else x


class CountsInPython(Control):
    """A loop over nodes, and so another program for each number of them."""

    def formula(self, x, graph):
        centred = super().formula(x, graph)
        return torch.stack([centred[i] for i in range(x.shape[0])])


class LooksAtItsGain(Control):
    def formula(self, x, graph):
        return self.gain.item() * (x - graph.spread(graph.mean(x)))
