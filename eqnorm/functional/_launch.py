"""Hands tensors to the compiled kernels; imported only where numba is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from eqnorm.functional._kernels import columns, columns_backward, rows

if TYPE_CHECKING:
    from eqnorm.functional._irreps.columns import Columns
    from eqnorm.functional._irreps.rows import Rows

_NO_MASK = torch.empty(0, dtype=torch.bool).numpy()


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


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
        _array(x),
        graph.batch.numpy(),
        _NO_MASK if graph.mask is None else graph.mask.numpy(),
        layout.copy_of_column.numpy(),
        layout.table,
        graph.counts.numpy(),
        _array(weight),
        _array(bias),
        _array(weight[:0] if shift is None else shift),
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
        _array(g),
        _array(x),
        graph.batch.numpy(),
        _NO_MASK if graph.mask is None else graph.mask.numpy(),
        layout.copy_of_column.numpy(),
        layout.table,
        graph.counts.numpy(),
        _array(weight),
        _array(weight[:0] if shift is None else shift),
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
        _array(x),
        how.table,
        how.divisors,
        layout.copy_of_column.numpy(),
        _array(weight),
        _array(bias),
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
        _array(g),
        _array(x),
        how.table,
        how.divisors,
        layout.copy_of_column.numpy(),
        _array(weight),
        how.eps_table,
        mean.numpy(),
        var.numpy(),
        grad_x.numpy(),
        grad_weight.numpy(),
        grad_bias.numpy(),
    )
    return grad_x, grad_weight, grad_bias
