"""Whether the compiled kernel can do the edges of a layer, and what it is given of the layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from eqnorm import Graph
from eqnorm_adapters import native
from eqnorm_adapters._eager import is_eager
from eqnorm_adapters._egnn.compiled import edge_calls
from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs, Edges
from eqnorm_adapters._egnn.compiled.relative import relative
from eqnorm_adapters._hooked import hooked

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.layer import EGNNLayer

_EXACT = {torch.float32, torch.float64}
_HIDDEN = (nn.Linear, nn.SiLU, nn.Linear)
_MESSAGES = ((*_HIDDEN, nn.SiLU),)
_WEIGHTS = (_HIDDEN, (*_HIDDEN, nn.Tanh))
_GATES = ((nn.Linear, nn.Sigmoid),)


def problem(
    layer: EGNNLayer, h: Tensor, x: Tensor, graph: Graph, edge_attr: Tensor | None
) -> tuple[EdgeInputs, Edges] | None:
    """What :func:`.operations.edge_sums` takes; None where torch must do it.

    The kernel serves float32 on the CPU and SiLU networks; relative vectors that an edge norm
    changes are made before, by torch. It knows no transforms of torch.func, no forward-mode
    derivatives, no autocast; nor modules that someone has replaced or hooked, which it would not
    call.
    """
    if h.device.type != "cpu" or h.dtype != torch.float32 or x.dtype != torch.float32:
        return None
    if graph.num_edges == 0 or not native.usable("egnn") or not untouched(layer):
        return None
    if torch.is_autocast_enabled("cpu") or not (_compiling() or is_eager(h, x)):
        return None
    shifts = graph.shifts
    if shifts is not None:
        if shifts.requires_grad:
            return None
        shifts = shifts.to(x.dtype).contiguous()
    parameters = _parameters(layer)
    scalars = 1 if edge_attr is None else 1 + edge_attr.shape[1]
    if h.shape[1] != layer.width or not _fit(parameters, layer.width, scalars, h.dtype):
        return None
    given = EdgeInputs(h, x, edge_attr, None, *parameters)
    listed = graph.edges or (None, None)  # which may be columns of what the user has
    senders, receivers = (None if t is None else t.contiguous() for t in listed)
    size = 0 if graph.neighbors is None else graph.neighbors.shape[0]
    halves = layer.products == "bfloat16" and _bfloat16()
    edges = Edges(senders, receivers, shifts, size, len(layer.coord_mlp) > 3, halves)
    if layer.edge_norm is not None:
        vectors = layer.edge_norm(relative(x, graph, edges), graph.edge_graph())
        given = given._replace(vectors=vectors.to(x.dtype))
    return given, edges


# Asked for while torch.compile traces, they run then and there.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _bfloat16() -> bool:
    return edge_calls.has_bfloat16()


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _transformed() -> bool:
    # Operations of ours have no rules for torch.func; torch.compile guards on its state.
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def _compiling() -> bool:
    # What is exported must run where this package is not installed.
    if not torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return False
    return not _transformed()


def _parameters(layer: EGNNLayer) -> tuple[Any, ...]:
    """From `w1` to `ba`."""
    first, _, second, _ = layer.edge_mlp._modules.values()
    third, _, last, *_ = layer.coord_mlp._modules.values()
    found = [p for part in (first, second, third) for p in _of(part)]
    found.append(_of(last)[0])
    if layer.att_mlp is None:
        return (*found, None, None)
    return (*found, *_of(layer.att_mlp[0]))


def _of(linear: nn.Module | None) -> tuple[Any, Any]:
    parameters = linear._parameters  # type: ignore[union-attr]  # a tenth of the time of linear.weight
    # None for weights that are no parameters any more, which modules find.
    return parameters.get("weight"), parameters.get("bias")


def _fit(parameters: tuple[Any, ...], width: int, scalars: int, dtype: torch.dtype) -> bool:
    """Whether they are what is read in place of modules: addresses have no shapes or dtypes."""
    row, square = (width,), (width, width)
    shapes = [(width, 2 * width + scalars), row, square, row, square, row, (1, width)]
    if parameters[7] is None and parameters[8] is None:
        parameters = parameters[:7]
    else:
        shapes += [(1, width), (1,)]
    return all(
        p is not None and p.dtype == dtype and p.shape == shape
        for p, shape in zip(parameters, shapes, strict=True)
    )


def parameters_in_torch(
    layer: EGNNLayer, h: Tensor, x: Tensor, e: Tensor | None, v: Tensor | None
) -> tuple[Tensor, ...] | None:
    """From `w1` to `w4` for :mod:`eqnorm_adapters._egnn.in_torch`; None where modules must run."""
    given = [t for t in (h, x, e, v) if t is not None]
    if h.dtype not in _EXACT or {t.dtype for t in given} != {h.dtype}:
        return None
    if layer.att_mlp is not None or not untouched(layer):
        return None
    if not (is_eager(*given) or (_compiling() and h.device.type == "cpu")):
        return None
    if torch.is_autocast_enabled(h.device.type):
        return None
    parameters, scalars = _parameters(layer), 1 if e is None else 1 + e.shape[1]
    return parameters[:7] if _fit(parameters, layer.width, scalars, h.dtype) else None


def untouched(layer: EGNNLayer) -> bool:
    """Whether the networks of edges are of SiLU, and nobody has replaced or hooked a module."""
    if not torch.compiler.is_compiling() and nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return False
    parts: list[tuple[nn.Module, Any]] = [(layer.edge_mlp, _MESSAGES), (layer.coord_mlp, _WEIGHTS)]
    if layer.att_mlp is not None:
        parts.append((layer.att_mlp, _GATES))
    for part, kinds in parts:
        inner: tuple[Any, ...] = tuple(part._modules.values())
        if type(part) is not nn.Sequential or tuple(map(type, inner)) not in kinds:
            return False
        if hooked(part) or any(map(hooked, inner)):
            return False
    last = tuple(layer.coord_mlp._modules.values())[2]
    return _of(last)[1] is None
