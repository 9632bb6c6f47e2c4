"""Hands tensors to the compiled kernels; imported only where numba is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._kernels import columns, columns_backward, rows
from eqnorm.graph import Graph

if TYPE_CHECKING:
    from eqnorm.functional._irreps.columns import Columns
    from eqnorm.functional._irreps.rows import Rows

NO_MASK = np.empty(0, np.bool_)
_NO_BATCH = np.empty(0, np.int64)


def array(tensor: Tensor) -> Any:
    """The numbers of a tensor, without a copy where they are contiguous."""
    return tensor.detach().contiguous().numpy()


def rows_of_graphs(graph: Graph) -> tuple[Any, Any]:
    """Graph of every node, and which nodes are real; empty where all are alike.

    The index of a single graph is a view of one number, which numba would compile for anew.
    """
    batch = _NO_BATCH if graph.num_graphs == 1 else array(graph.batch)
    return batch, NO_MASK if graph.mask is None else array(graph.mask)


def _divisor(how: Columns) -> Any:
    dims = how.layout.dims
    return (dims if how.per_component else torch.ones_like(dims)).numpy()


def column_forward(
    x: Tensor, weight: Tensor, bias: Tensor, shift: Tensor | None, how: Columns
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`eqnorm.functional._irreps.columns.column_norm`."""
    layout, graph = how.layout, how.graph
    y = torch.empty_like(x)
    mean = x.new_empty(graph.num_graphs, layout.num_scalars)
    var = x.new_empty(graph.num_graphs, layout.num_copies)
    columns.forward(
        array(x),
        *rows_of_graphs(graph),
        layout.copy_of_column.numpy(),
        layout.table,
        graph.counts.numpy(),
        array(weight),
        array(bias),
        array(weight[:0] if shift is None else shift),
        _divisor(how),
        how.eps,
        y.numpy(),
        mean.numpy(),
        var.numpy(),
    )
    return y, mean, var


def column_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None,
    mean: Tensor,
    var: Tensor,
    how: Columns,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Gradients of x, weight, bias and shift."""
    layout, graph = how.layout, how.graph
    grad_x = torch.empty_like(x)
    grad_weight = torch.zeros_like(weight)
    grad_bias = weight.new_zeros(layout.num_scalars)
    grad_shift = weight.new_zeros(0 if shift is None else layout.num_scalars)
    columns_backward.backward(
        array(g),
        array(x),
        *rows_of_graphs(graph),
        layout.copy_of_column.numpy(),
        layout.table,
        graph.counts.numpy(),
        array(weight),
        array(weight[:0] if shift is None else shift),
        _divisor(how),
        how.eps,
        mean.numpy(),
        var.numpy(),
        grad_x.numpy(),
        grad_weight.numpy(),
        grad_bias.numpy(),
        grad_shift.numpy(),
    )
    return grad_x, grad_weight, grad_bias, None if shift is None else grad_shift


def row_forward(
    x: Tensor, weight: Tensor, bias: Tensor, how: Rows
) -> tuple[Tensor, Tensor, Tensor]:
    """See :func:`eqnorm.functional._irreps.rows.row_norm`."""
    layout = how.layout
    y = torch.empty_like(x)
    mean = x.new_empty(x.shape[0])
    var = x.new_empty(x.shape[0], how.num_groups)
    rows.forward(
        array(x),
        how.table,
        how.divisors,
        layout.copy_of_column.numpy(),
        array(weight),
        array(bias),
        how.eps_table,
        y.numpy(),
        mean.numpy(),
        var.numpy(),
    )
    return y, mean, var


def row_backward(
    g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, var: Tensor, how: Rows
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias."""
    layout = how.layout
    grad_x = torch.empty_like(x)
    grad_weight = torch.zeros_like(weight)
    grad_bias = weight.new_zeros(layout.num_scalars)
    rows.backward(
        array(g),
        array(x),
        how.table,
        how.divisors,
        layout.copy_of_column.numpy(),
        array(weight),
        how.eps_table,
        mean.numpy(),
        var.numpy(),
        grad_x.numpy(),
        grad_weight.numpy(),
        grad_bias.numpy(),
    )
    return grad_x, grad_weight, grad_bias
