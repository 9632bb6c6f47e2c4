"""Layers of an EGNN in one call as an operation that torch.compile sees, its gradient as another.

What runs at once goes without: torch takes 0.1 ms more for operations registered from Python. The
memory of edges that the forward pass has kept comes to the gradient behind a ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eqnorm_adapters._again import differentiable, in_torch_again
from eqnorm_adapters._egnn.compiled.in_one import Call, InOne, Values
from eqnorm_adapters._egnn.compiled.inputs import Edges
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.compiled.tickets import Kept, redeem, ticket

_kinds: dict[str, InOne] = {}


def define(what: InOne) -> InOne:
    """What operations find under its name."""
    _kinds[what.name] = what
    return what


def in_one(what: InOne, given: Values, settings: Settings) -> tuple[Tensor, Tensor]:
    """Both results.

    Args:
        what: is done.
        given: all tensors that may have a gradient, in the order of `what`.
        settings: the rest.
    """
    if not torch.compiler.is_compiling():
        both: tuple[Tensor, Tensor] = Call.apply(*given, settings, what)  # type: ignore[no-untyped-call]
        return both
    there = [t is not None for t in given]
    present = [t for t in given if t is not None]
    how = _flat(settings._replace(keep=settings.keep and any(t.requires_grad for t in present)))
    first, second, *_ = torch.ops.eqnorm.egnn_in_one(what.name, there, present, *how)
    return first, second


# Of lists with None in them torch's rules for derivatives know nothing: `there` says what is given.
_GIVEN = (
    "str what, bool[] there, Tensor[] given, Tensor? senders, Tensor? receivers, Tensor? shifts, "
    "Tensor? degrees, SymInt size, bool bound, bool halves, int message_how, int move_how, "
    "float weight, bool residual, bool keep"
)
_OTHERS = 12  # arguments after `given`
_library = torch.library.Library("eqnorm", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(f"egnn_in_one({_GIVEN}) -> Tensor[]")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    f"egnn_in_one_backward({_GIVEN}, Tensor[] kept, Tensor? g_first, Tensor? g_second, "
    "bool[] wants) -> Tensor[]"
)


def _flat(settings: Settings) -> tuple[Any, ...]:
    (senders, receivers, shifts, *edges), degrees, *others, _threads = settings
    return (senders, receivers, shifts, degrees, *edges, *others)


def _settings(how: Sequence[Any], threads: int) -> Settings:
    senders, receivers, shifts, degrees, size, bound, halves, messages, moves, weight, *last = how
    edges = Edges(senders, receivers, shifts, size, bound, halves)
    residual, keep = last
    return Settings(edges, degrees, messages, moves, weight, residual, keep, threads)


def _spread(there: Sequence[bool], present: Sequence[Any]) -> list[Any]:
    found = iter(present)
    return [next(found) if is_there else None for is_there in there]


def _forward(what: str, there: list[bool], present: list[Tensor], *how: Any) -> list[Tensor]:
    threads = torch.get_num_threads()
    given, settings = _spread(there, present), _settings(how, threads)
    first, second, kept, loans = _kinds[what].forward(given, settings)
    number = ticket(Kept(loans, threads))
    return [first, second, number, *(first.new_empty(0) if t is None else t for t in kept)]


def _fake_forward(what: str, there: list[bool], present: list[Tensor], *_how: Any) -> list[Tensor]:
    given = _spread(there, present)
    first, second, *kept = _kinds[what].shapes(given)
    make = present[0].new_empty
    return [make(first), make(second), make(1, dtype=torch.int64), *map(make, kept)]


def _backward(what: str, there: list[bool], present: list[Tensor], *others: Any) -> list[Tensor]:
    (number, *kept), *gradients, wants = others[_OTHERS:]
    loans, threads = redeem(number)
    found = _kinds[what].backward(
        _spread(there, present),
        _settings(others[:_OTHERS], threads),
        [t if t.numel() else None for t in kept],
        loans,
        gradients,
        _spread(there, wants),
    )
    parts = [g for g, is_there in zip(found, there, strict=True) if is_there]
    asked = zip(parts, present, wants, strict=True)
    return [torch.zeros_like(t) if g is None else g for g, t, want in asked if want]


def _fake_backward(_what: str, _there: Any, present: list[Tensor], *others: Any) -> list[Tensor]:
    asked = zip(present, others[-1], strict=True)
    make, how = torch.empty_like, torch.contiguous_format
    return [make(t, memory_format=how) for t, want in asked if want]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.set_materialize_grads(False)
    ctx.what, ctx.there, present, *how = inputs
    ctx.count, ctx.how = len(present), how[4:]
    ctx.save_for_backward(*present, *how[:4], *output[2:])


def _gradients(ctx: Any, gradients: list[Tensor | None]) -> Any:
    saved, end = ctx.saved_tensors, ctx.count + 4  # once: checkpointing allows no more
    present, how, kept = saved[: ctx.count], (*saved[ctx.count : end], *ctx.how), saved[end:]
    first, second = gradients[:2]
    wants = list(ctx.needs_input_grad[2])
    found: list[Tensor | None] = [None] * len(present)
    if in_torch_again(first, second):
        given = _settings(how, 0)

        def plain(views: list[Tensor | None]) -> tuple[Tensor, Tensor]:
            return _kinds[ctx.what].plain(_spread(ctx.there, views), given)

        found = list(differentiable(present, plain, (first, second)))
    elif first is not None or second is not None:
        asked = (ctx.what, ctx.there, present, *how, kept, first, second, wants)
        made = iter(torch.ops.eqnorm.egnn_in_one_backward(*asked))
        found = [next(made) if want else None for want in wants]
    return (None, None, found, *(None,) * _OTHERS)


_library.impl("egnn_in_one", _forward, "CPU")  # type: ignore[no-untyped-call]
_library.impl("egnn_in_one_backward", _backward, "CPU")  # type: ignore[no-untyped-call]
torch.library.register_fake("eqnorm::egnn_in_one", _fake_forward, lib=_library)
torch.library.register_fake("eqnorm::egnn_in_one_backward", _fake_backward, lib=_library)
torch.library.register_autograd(
    "eqnorm::egnn_in_one", _gradients, setup_context=_keep, lib=_library
)
