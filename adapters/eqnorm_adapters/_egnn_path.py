"""Whether the compiled kernel can do the edges of a layer, and what it is given of the layer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters import _egnn_native
from eqnorm_adapters._eager import is_eager
from eqnorm_adapters._egnn_native import EdgeInputs, Edges

if TYPE_CHECKING:
    from eqnorm_adapters._egnn_layer import EGNNLayer

_PLAIN_MODULES = (nn.Linear, nn.SiLU, nn.Sigmoid, nn.Tanh)


def problem(
    layer: EGNNLayer, h: Tensor, x: Tensor, graph: Graph, edge_attr: Tensor | None
) -> tuple[EdgeInputs, Edges] | None:
    """What :func:`eqnorm_adapters._egnn_ops.edge_sums` takes; None where torch must do it.

    The kernel serves float32 on the CPU and SiLU networks. It knows no edge norms, no transforms
    of torch.func, no forward-mode derivatives, no autocast; nor modules that someone has replaced
    or hooked, which it would not call.
    """
    if h.device.type != "cpu" or h.dtype != torch.float32 or x.dtype != torch.float32:
        return None
    if layer.edge_norm is not None or graph.num_edges == 0 or not _untouched(layer):
        return None
    if torch.is_autocast_enabled("cpu") or not (_compiling() or is_eager(h, x)):
        return None
    shifts = graph.shifts
    if shifts is not None:
        if shifts.requires_grad:
            return None
        shifts = shifts.to(x.dtype).contiguous()
    if not _available():
        return None
    phi_e, phi_x, attention = layer.edge_mlp, layer.coord_mlp, layer.att_mlp
    given = EdgeInputs(
        *(h, x, edge_attr, phi_e[0].weight, phi_e[0].bias, phi_e[2].weight, phi_e[2].bias),
        *(phi_x[0].weight, phi_x[0].bias, phi_x[2].weight),
        *((None, None) if attention is None else (attention[0].weight, attention[0].bias)),
    )
    if phi_e[0].weight.dtype != torch.float32:
        return None
    senders, receivers = (None, None) if graph.edges is None else graph.edges
    size = 0 if graph.neighbors is None else graph.neighbors.shape[0]
    halves = layer.products == "bfloat16" and _bfloat16()
    return given, Edges(senders, receivers, shifts, size, len(phi_x) > 3, halves)


# Asked for while torch.compile traces, they run then and there: a compiler is not to be traced.
@torch.compiler.assume_constant_result
def _available() -> bool:
    return _egnn_native.library() is not None


@torch.compiler.assume_constant_result
def _bfloat16() -> bool:
    return _egnn_native.has_bfloat16()


def _compiling() -> bool:
    # What is exported must run where this package is not installed.
    return torch.compiler.is_compiling() and not torch.compiler.is_exporting()


def _untouched(layer: EGNNLayer) -> bool:
    parts = [layer.edge_mlp, layer.coord_mlp]
    if layer.att_mlp is not None:
        parts.append(layer.att_mlp)
    if type(layer.edge_mlp[1]) is not nn.SiLU or type(layer.coord_mlp[1]) is not nn.SiLU:
        return False
    for module in chain(*parts):
        if type(module) not in _PLAIN_MODULES:
            return False
    return not any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        for module in chain(parts, *parts)
    )
