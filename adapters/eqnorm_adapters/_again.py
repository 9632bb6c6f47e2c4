"""Gradients of compiled operations to be differentiated again: those of the same in torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

_expected: ContextVar[bool] = ContextVar("gradients will be differentiated", default=False)


@contextmanager
def gradients_of_gradients(wanted: bool = True) -> Iterator[None]:
    """Around what will be differentiated twice for sure, as forces are in training."""
    token = _expected.set(wanted)
    try:
        yield
    finally:
        _expected.reset(token)


def once_only() -> bool:
    """Whether nobody said that gradients will be differentiated again.

    What computes its forward pass anew for the gradients would do so once more.
    """
    return not _expected.get()


def in_torch_again(*gradients: Tensor | None) -> bool:
    """Whether gradients are to be differentiated again, or are many: no work for a kernel.

    Many at once, as ``is_grads_batched=True`` and vectorised Jacobians make them, are tensors
    without memory of their own.
    """
    return torch.is_grad_enabled() or any(
        g is not None and torch._C._functorch.is_legacy_batchedtensor(g) for g in gradients
    )


def without_autocast(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A backward pass in the precision of the forward pass, also where it is called in autocast."""

    @functools.wraps(backward)
    def called(ctx: Any, *gradients: Tensor | None) -> Any:
        kind = next((g.device.type for g in gradients if g is not None), "cpu")
        if not torch.is_autocast_enabled(kind):
            return backward(ctx, *gradients)
        with torch.autocast(kind, enabled=False):
            return backward(ctx, *gradients)

    return called


def differentiable(
    inputs: Sequence[Tensor | None],
    function: Callable[[list[Tensor | None]], Sequence[Tensor]],
    gradients: Sequence[Tensor | None],
) -> tuple[Tensor | None, ...]:
    """Gradients of all inputs, None for those that have none.

    Args:
        inputs: of the operation.
        function: the operation on them, made of what torch differentiates as often as one likes.
        gradients: of what it returns, None for zeros.
    """
    # Views: with respect to the inputs themselves, a gradient would also hold what reaches one of
    # them through another, where the user has made one from the other.
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        views = [None if t is None else t.view_as(t) for t in inputs]
        results = function(views)
    wanted = [n for n, t in enumerate(inputs) if t is not None and t.requires_grad]
    pairs = [(y, g) for y, g in zip(results, gradients, strict=True) if g is not None]
    found: list[Tensor | None] = [None] * len(views)
    if pairs and wanted:
        parts = torch.autograd.grad(
            [y for y, _ in pairs],
            [t for n in wanted if (t := views[n]) is not None],
            [g for _, g in pairs],
            create_graph=again,
            allow_unused=True,
        )
        for n, part in zip(wanted, parts, strict=True):
            found[n] = part
    return tuple(found)
