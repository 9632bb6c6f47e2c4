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
from eqnorm_adapters._egnn.compiled.calls import backward, forward, room_floats
from eqnorm_adapters._egnn.compiled.in_one import InOne, keeping, plain
from eqnorm_adapters._egnn.compiled.inputs import Edges, Values
from eqnorm_adapters._egnn.compiled.settings import Settings
from eqnorm_adapters._egnn.compiled.tickets import Kept, redeem, ticket
from eqnorm_adapters._egnn.norms import Slots


def in_one(flat: Values, settings: Settings, slots: Slots = ()) -> tuple[Tensor, Tensor]:
    """Positions (N, 3), or updates of them, and features (N, C).

    Args:
        flat: as in :func:`.calls.forward`, like the next ones.
        settings: of all layers.
        slots: norms; there are none where torch.compile traces.
    """
    if slots or not torch.compiler.is_compiling():
        both: tuple[Tensor, Tensor] = InOne.apply(*flat, settings, slots)  # type: ignore[no-untyped-call]
        return both
    there, present = [t is not None for t in flat], [t for t in flat if t is not None]
    how = _flat(keeping(settings, [t.requires_grad for t in present]))
    first, second, *_ = torch.ops.eqnorm.egnn_in_one(there, present, *how)
    return first, second


# Of lists with None in them torch's rules for derivatives know nothing: `there` says what is given.
_GIVEN = (
    "bool[] there, Tensor[] given, Tensor? senders, Tensor? receivers, Tensor? shifts, "
    "Tensor? degrees, SymInt size, bool bound, bool halves, int message_how, int move_how, "
    "float weight, bool update, bool residual, bool keep"
)
_OTHERS = _GIVEN.count(",") - 1  # arguments after `given`
_library = torch.library.Library("eqnorm", "FRAGMENT")  # type: ignore[no-untyped-call]
_library.define(f"egnn_in_one({_GIVEN}) -> Tensor[]")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    f"egnn_in_one_backward({_GIVEN}, Tensor room, Tensor ticket, "
    "Tensor? g_first, Tensor? g_second, bool[] wants) -> Tensor[]"
)


def _flat(settings: Settings) -> tuple[Any, ...]:
    (senders, receivers, shifts, *edges), degrees, *others, _threads = settings
    return (senders, receivers, shifts, degrees, *edges, *others)


def _settings(how: Sequence[Any], threads: int) -> Settings:
    senders, receivers, shifts, degrees, size, bound, halves, *others = how
    edges = Edges(senders, receivers, shifts, size, bound, halves)
    messages, moves, weight, update, residual, keep = others
    return Settings(edges, degrees, messages, moves, weight, update, residual, keep, threads)


def _spread(there: Sequence[bool], present: Sequence[Any]) -> list[Any]:
    found = iter(present)
    return [next(found) if is_there else None for is_there in there]


def _forward(there: list[bool], present: list[Tensor], *how: Any) -> list[Tensor]:
    settings = _settings(how, torch.get_num_threads())
    first, second, room, loans = forward(_spread(there, present), settings)
    return [first, second, room, ticket(Kept(loans, settings.threads))]


def _fake_forward(there: list[bool], present: list[Tensor], *_how: Any) -> list[Tensor]:
    flat = _spread(there, present)
    x, h = flat[0], flat[1]
    room, number = h.new_empty(room_floats(flat)), h.new_empty(1, dtype=torch.int64)
    return [x.new_empty(x.shape), h.new_empty(h.shape), room, number]


def _backward(there: list[bool], present: list[Tensor], *others: Any) -> list[Tensor]:
    room, number, *gradients, wants = others[_OTHERS:]
    loans, threads = redeem(number)
    settings, flat = _settings(others[:_OTHERS], threads), _spread(there, present)
    found = backward(flat, settings, room, loans, gradients, _spread(there, wants))
    parts = [g for g, is_there in zip(found, there, strict=True) if is_there]
    asked = zip(parts, present, wants, strict=True)
    return [t.new_zeros(t.shape) if g is None else g for g, t, want in asked if want]


def _fake_backward(_there: Any, present: list[Tensor], *others: Any) -> list[Tensor]:
    asked = zip(present, others[-1], strict=True)
    return [t.new_empty(t.shape) for t, want in asked if want]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.set_materialize_grads(False)
    ctx.there, present, *how = inputs
    ctx.count, ctx.how = len(present), how[4:]
    ctx.save_for_backward(*present, *how[:4], *output[2:])


def _gradients(ctx: Any, gradients: list[Tensor | None]) -> Any:
    saved, end = ctx.saved_tensors, ctx.count + 4  # once: checkpointing allows no more
    present, how, kept = saved[: ctx.count], (*saved[ctx.count : end], *ctx.how), saved[end:]
    first, second = gradients[:2]
    wants = list(ctx.needs_input_grad[1])
    found: list[Tensor | None] = [None] * len(present)
    if in_torch_again(first, second):
        settings = _settings(how, 0)
        again = differentiable(
            present, lambda views: plain(_spread(ctx.there, views), settings), (first, second)
        )
        found = list(again)
    elif first is not None or second is not None:
        asked = (ctx.there, present, *how, *kept, first, second, wants)
        made = iter(torch.ops.eqnorm.egnn_in_one_backward(*asked))
        found = [next(made) if want else None for want in wants]
    return (None, found, *(None,) * _OTHERS)


_library.impl("egnn_in_one", _forward, "CPU")  # type: ignore[no-untyped-call]
_library.impl("egnn_in_one_backward", _backward, "CPU")  # type: ignore[no-untyped-call]
torch.library.register_fake("eqnorm::egnn_in_one", _fake_forward, lib=_library)
torch.library.register_fake("eqnorm::egnn_in_one_backward", _fake_backward, lib=_library)
torch.library.register_autograd(
    "eqnorm::egnn_in_one", _gradients, setup_context=_keep, lib=_library
)
