"""A layer of an EGNN in torch as an operation that torch.compile sees, and its gradient as another.

What :mod:`.layer` does block by block a compiler would do for all edges at
once, at the memory's pace. An operation is also compiled once for all sizes of a batch: inductor's
sums over edges come in two kinds, for more and for less than 4096.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm import Graph
from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.in_torch.blocks import Place
from eqnorm_adapters._egnn.in_torch.inputs import COUNT, Inputs, Settings, factor, plain
from eqnorm_adapters._egnn.in_torch.layer import gradients_of, run

_NUMBER = 2  # tensors of the size of edges that are kept: how many must not depend on the size
_OPTIONAL = (2, 3, 4, *range(12, 20))
_INPUTS = [f"Tensor{'?' * (k in _OPTIONAL)} t{k}" for k in range(COUNT)]
_HOW = [
    *("Tensor senders", "Tensor receivers", "Tensor? degrees", "Tensor? shifts", "SymInt degree"),
    *("str messages", "str moves", "float weight", "bool bound", "bool residual"),
]
_KEPT = 13
_GIVEN = [f"Tensor k{k}" for k in range(_KEPT)] + ["Tensor? g_update", "Tensor? g_second"]
_WANTS = [f"bool wants_{name}" for name in ("x", "v", "e")]

_library = torch.library.Library("eqnorm", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    f"egnn_layer({', '.join(_INPUTS + _HOW)}) -> ({', '.join(['Tensor'] * (2 + _KEPT))})"
)
_library.define(  # type: ignore[no-untyped-call]
    f"egnn_layer_backward({', '.join(_INPUTS + _HOW + _GIVEN + _WANTS)}) -> Tensor[]"
)


def layer_operation(
    inputs: Sequence[Tensor | None], graph: Graph, options: tuple[str, str, float, bool, bool]
) -> tuple[Tensor, Tensor]:
    """Update of positions, and new features or messages.

    Args:
        inputs: as :class:`eqnorm_adapters._egnn.in_torch.inputs.Inputs`, flat.
        graph: with edges.
        options: aggregation of messages and of moves, factor of these, tanh,
            residual.
    """
    dense = graph.neighbors is not None
    degree = graph.neighbors.shape[1] if graph.neighbors is not None else 0
    how = (graph.senders, graph.receivers, None if dense else graph.degrees, graph.shifts, degree)
    update, second, *_ = torch.ops.eqnorm.egnn_layer(*inputs, *how, *options)
    return update, second


def _settings(how: Sequence[Any], like: Tensor) -> Settings:
    senders, receivers, degrees, shifts, degree, messages, moves, weight, bound, residual = how
    of = degree if degrees is None else degrees
    return Settings(
        Place(senders, receivers, None if degrees is not None else degree),
        None if shifts is None else shifts.to(like.dtype),
        None if messages == "sum" else factor(of, messages, like, 1.0),
        factor(of, moves, like, weight),
        bound,
        residual,
        _NUMBER,
        True,
    )


def _layer(*arguments: Any) -> tuple[Tensor, ...]:
    settings = _settings(arguments[COUNT:], arguments[0])
    update, second, kept = run(Inputs.of(arguments), settings)
    return (update, second, *(update.new_empty(0) if t is None else t for t in kept))


def _fake_layer(*arguments: Any) -> tuple[Tensor, ...]:
    given = Inputs.of(arguments)
    x, h, senders = given.x, given.h, arguments[COUNT]
    nodes, edges = h.shape[0], senders.shape[0]
    columns = given.phi_e[0].shape[1] - 2 * h.shape[1]
    make, same = h.new_empty, torch.empty_like
    of_v: list[Any] = [(0,)] * 3
    of_h: list[Any] = [(0,)] * 3
    if given.v is not None:
        of_v = [(nodes, 1), h.shape, h.shape]
    if given.phi_h[0] is not None:
        of_h = [(nodes, 2 * h.shape[1]), h.shape, h.shape]
    shapes: list[Any] = [(edges, 3), (edges, columns), h.shape, h.shape, (edges, 1), *of_v, *of_h]
    shapes += [(edges, h.shape[1])] * _NUMBER
    return (same(x), same(h), *map(make, shapes))


def _backward(*arguments: Any) -> list[Tensor]:
    settings = _settings(arguments[COUNT : COUNT + len(_HOW)], arguments[0])
    kept, (g_update, g_second, *wants) = arguments[_START:_END], arguments[_END:]
    given = Inputs.of(arguments)
    found = gradients_of(given, settings, kept, g_update, g_second, tuple(wants))
    return [g.contiguous() for g in found if g is not None]


def _fake_backward(*arguments: Any) -> list[Tensor]:
    there = zip(arguments[:COUNT], _there(*arguments[:COUNT], *arguments[_END:]), strict=True)
    make = torch.empty_like
    return [make(t, memory_format=torch.contiguous_format) for t, want in there if want]


_START = COUNT + len(_HOW)
_END = _START + _KEPT


def _there(*arguments: Any) -> list[bool]:
    """Which inputs have gradients, from all inputs, both gradients, and what is wanted."""
    *flat, g_update, g_second, x, v, e = arguments
    there = [t is not None for t in flat]
    there[0], there[2], there[3] = x, v and g_update is not None, e
    there[4] &= g_update is not None
    there[12:16] = [t and g_update is not None for t in there[12:16]]
    there[16:20] = [t and g_second is not None for t in there[16:20]]
    return there


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[: COUNT + 4], *output[2:])
    ctx.how = inputs[COUNT + 4 :]


def _gradients(ctx: Any, *gradients: Tensor | None) -> Any:
    g_update, g_second = gradients[:2]
    saved = ctx.saved_tensors  # once: checkpointing allows no more
    flat, how, kept = saved[:COUNT], (*saved[COUNT : COUNT + 4], *ctx.how), saved[COUNT + 4 :]
    none = (None,) * len(_HOW)
    if g_update is None and g_second is None:
        return (None,) * COUNT + none
    if in_torch_again(g_update, g_second):
        settings = _settings(how, flat[0])
        again = differentiable(
            flat, lambda views: plain(Inputs.of(views), settings), (g_update, g_second)
        )
        return again + none
    needs = ctx.needs_input_grad
    wants = (needs[0], flat[2] is not None and needs[2], flat[3] is not None and needs[3])
    asked = (g_update, g_second, *wants)
    found = iter(torch.ops.eqnorm.egnn_layer_backward(*flat, *how, *kept, *asked))
    return tuple(next(found) if there else None for there in _there(*flat, *asked)) + none


_library.impl("egnn_layer", _layer, "CPU")  # type: ignore[no-untyped-call]
_library.impl("egnn_layer_backward", _backward, "CPU")  # type: ignore[no-untyped-call]
torch.library.register_fake("eqnorm::egnn_layer", _fake_layer, lib=_library)
torch.library.register_fake("eqnorm::egnn_layer_backward", _fake_backward, lib=_library)
torch.library.register_autograd("eqnorm::egnn_layer", _gradients, setup_context=_keep, lib=_library)
