"""Relative vectors of edges for norms on them, by the compiled kernel where things run at once."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled.edge_calls import Problem, at, check, numbers
from eqnorm_adapters._egnn.compiled.inputs import Edges


def relative(x: Tensor, graph: Graph, edges: Edges) -> Tensor:
    """x_i - x_j + shift_ij of every edge, shape (E, 3), of positions (N, 3).

    Args:
        x: float32, on the CPU.
        graph: its edges.
        edges: the same, as the kernel takes them.
    """
    if torch.compiler.is_compiling():
        return graph.relative(x)
    out: Tensor = _Relative.apply(x, graph, edges)  # type: ignore[no-untyped-call]
    return out


class _Relative(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, graph: Graph, edges: Edges) -> Tensor:
        ctx.graph, ctx.edges = graph, edges
        ctx.save_for_backward(x)
        x = x.contiguous()
        record = _record(x, edges)
        out = x.new_empty(record.edges, 3)
        found = native.loaded("egnn").eq_relative_forward(
            ctypes.byref(record), ctypes.c_void_p(out.data_ptr())
        )
        check(found, x.shape[0])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (x,), graph = ctx.saved_tensors, ctx.graph
        if in_torch_again(*gradients):
            again = differentiable(
                [x],
                lambda views: [graph.relative(views[0])],
                gradients,
            )
            return (*again, None, None)
        g, g_x = gradients[0].contiguous(), x.new_empty(x.shape)
        record = _record(x, ctx.edges)
        record.g_x = g_x.data_ptr()
        found = native.loaded("egnn").eq_relative_backward(
            ctypes.byref(record), ctypes.c_void_p(g.data_ptr())
        )
        check(found, x.shape[0])
        return g_x, None, None


def _record(x: Tensor, edges: Edges) -> Problem:
    record = Problem(*numbers(x.shape[0], 0, 0, edges))
    record.x, record.shifts = x.data_ptr(), at(edges.shifts)
    return record
