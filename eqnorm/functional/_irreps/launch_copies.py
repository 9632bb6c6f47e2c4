"""Hands tensors to the compiled kernels of lengths; imported only where numba is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from eqnorm.functional._irreps.launch import array, rows_of_graphs
from eqnorm.functional._kernels import activations, norm_layer, vn_batch

if TYPE_CHECKING:
    from eqnorm.functional._irreps.copies_fused import NormLayer, VNBatch
    from eqnorm.functional._irreps.layout import Layout

_ACTIVATIONS = {
    "identity": activations.IDENTITY,
    "relu": activations.RELU,
    "softplus": activations.SOFTPLUS,
}


def rows_of_tile(layout: Layout) -> int:
    """Rows whose numbers fit, some times over, in a core's second-level cache."""
    return min(max(4096 // layout.dim, 1), 64)


def _copies_of_kinds(table: Any) -> Any:
    return np.bincount(table[:, 4], weights=table[:, 1])


def norm_layer_forward(
    x: Tensor, weight: Tensor, bias: Tensor, how: NormLayer
) -> tuple[Tensor, Tensor, Tensor]:
    """Y, and mean and inverse deviation (N, Q) of every kind of irrep."""
    table = how.layout.kinds_table
    count = _copies_of_kinds(table)
    y = torch.empty_like(x)
    mean, r = x.new_empty(x.shape[0], len(count)), x.new_empty(x.shape[0], len(count))
    norm_layer.forward(
        array(x),
        rows_of_tile(how.layout),
        table,
        count,
        how.layout.order == "ir_mul",
        array(weight),
        array(bias),
        how.eps,
        how.length_eps,
        _ACTIVATIONS[how.activation],
        y.numpy(),
        mean.numpy(),
        r.numpy(),
    )
    return y, mean, r


def norm_layer_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, r: Tensor, how: NormLayer
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias."""
    table = how.layout.kinds_table
    dx, dw, db = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    norm_layer.backward(
        array(g),
        array(x),
        rows_of_tile(how.layout),
        table,
        _copies_of_kinds(table),
        how.layout.order == "ir_mul",
        array(weight),
        array(bias),
        how.length_eps,
        _ACTIVATIONS[how.activation],
        mean.numpy(),
        r.numpy(),
        dx.numpy(),
        dw.numpy(),
        db.numpy(),
    )
    return dx, dw, db


def _batch_arguments(
    how: VNBatch, x: Tensor, weight: Tensor, bias: Tensor, *more: Tensor
) -> tuple[Any, ...]:
    _, mask = rows_of_graphs(how.graph)
    return (
        array(x),
        mask,
        rows_of_tile(how.layout),
        how.layout.kinds_table,
        how.layout.order == "ir_mul",
        array(weight),
        array(bias),
        how.eps,
        how.length_eps,
        _ACTIVATIONS[how.activation],
        int(how.graph.counts) if how.running is None else 0,
        *[tensor.numpy() for tensor in more],
    )


def vn_batch_forward(
    x: Tensor, weight: Tensor, bias: Tensor, how: VNBatch
) -> tuple[Tensor, Tensor, Tensor]:
    """Y, and mean and variance (K,)."""
    if how.running is None:
        mean, var = torch.empty_like(weight), torch.empty_like(weight)
    else:  # outputs are tensors of their own
        mean, var = how.running[0].clone(), how.running[1].clone()
    y = torch.empty_like(x)
    vn_batch.forward(*_batch_arguments(how, x, weight, bias, mean, var, y))
    return y, mean, var


def vn_batch_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, how: VNBatch
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias."""
    dx, dw, db = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    vn_batch.backward(array(g), *_batch_arguments(how, x, weight, bias, mean, var, dx, dw, db))
    return dx, dw, db
