"""What the compiled loops of points can serve."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._points.film import Film
from eqnorm.graph import Graph

Given = Sequence[Tensor | None]
_PLAIN = (Tensor, torch.nn.Parameter)


def can_serve(graph: Graph, inputs: Given, film: Film | None) -> bool:
    """Whether the loops can serve: they read memory by address, and check nothing."""
    x, x0, v, gain, coefficients, cap = inputs
    assert x is not None
    if not _compiled.serves(x) or graph.box is not None:
        return False
    rows, kind = x.shape[0], x.dtype
    if x.shape[1] != 3 or not _indexed(graph, rows):
        return False
    for t in (*inputs[1:], *(() if film is None else film.tensors())):
        if t is not None and not (t.is_cpu and t.dtype == kind and type(t) in _PLAIN):
            return False
    for t in (x0, v):
        if t is not None and t.shape != x.shape:
            return False
    for t in (gain, coefficients):
        if t is not None and (t.dim() != 2 or t.shape[0] not in (1, rows)):
            return False
    return (cap is None or cap.numel() == 1) and (film is None or _fits(film, rows))


def _indexed(graph: Graph, rows: int) -> bool:
    batch, counts, mask = graph.batch, graph.counts, graph.mask
    return (
        batch.shape[0] == rows
        and batch.is_cpu
        and counts.is_cpu
        and batch.dtype == counts.dtype == torch.int64
        and batch.is_contiguous()
        and counts.is_contiguous()
        and (mask is None or (mask.is_contiguous() and mask.shape == batch.shape))
    )


def _fits(film: Film, rows: int) -> bool:
    if torch.is_autocast_enabled("cpu"):  # under which torch takes products in half precision
        return False
    count, width = film.weight.shape
    return (
        film.h.shape == (rows, width)
        and film.scale.shape == film.shift.shape == (width,)
        and film.bias.shape == (count,)
        and film.amplitude.numel() == count - (film.more is not None)
        and (film.more is None or film.more.numel() == 1)
    )
