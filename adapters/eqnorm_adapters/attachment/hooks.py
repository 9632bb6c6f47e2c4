"""The hooks: two at the model keep what it was given, one behind each submodule normalises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eqnorm_adapters.attachment.arguments import Argument
from eqnorm_adapters.attachment.capture import Capture, own_copy
from eqnorm_adapters.attachment.parts import Part, describe_parts, read_part, replace_part


@dataclass(frozen=True, eq=False)
class Enter:
    """Forward pre-hook of the model."""

    capture: Capture

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what the norms need."""
        self.capture.enter(args, kwargs)


@dataclass(frozen=True, eq=False)
class Leave:
    """Forward hook of the model, called after errors too."""

    capture: Capture

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Forget it."""
        self.capture.leave()


@dataclass(frozen=True, eq=False)
class Before:
    """Forward pre-hook of a submodule, where the norm acts on what it adds to its points."""

    capture: Capture
    site: str
    argument: Argument

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep the points that go in."""
        frame = self.capture.frame
        if frame is not None:
            frame.before[self.site] = own_copy(self.argument, args, kwargs)


@dataclass(frozen=True, eq=False)
class Site:
    """Forward hook of a submodule that has a norm.

    Attributes:
        capture: shared by all hooks of the attachment.
        site: the submodule's name, used in errors.
        output: which part of the output is normalised.
        features: which part of the output are the invariant features h; None for no h.
        framed: whether the norm needs anything from the model's arguments.
        graphed: whether the norm needs to know which graph a node is in.
        update: whether the norm acts on the difference to the points that went in.
    """

    capture: Capture
    site: str
    output: tuple[Part, ...]
    features: tuple[Part, ...] | None
    framed: bool
    graphed: bool
    update: bool

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        """The output of ``module`` with one part normalised."""
        what = f"the output of {self.site!r}"
        x = read_part(output, self.output, what)
        if not isinstance(x, Tensor) or x.dim() not in (2, 3):
            raise ValueError(
                f"output: the part of {what} to normalise must be a tensor of shape (N, D) or "
                f"(B, n, D), got {describe_parts(x)}; the output has {describe_parts(output)}"
            )
        frame = self.capture.frame
        if frame is None and self.framed:
            raise RuntimeError(self._outside())
        h = None if self.features is None else read_part(output, self.features, what)
        graph = frame.graph_of(x) if frame is not None and self.graphed else None
        x0, v = (None, None) if frame is None else (frame.points, frame.velocities)
        start = frame.before.pop(self.site) if frame is not None and self.update else None
        kind = x.dtype if x0 is None else torch.promote_types(x.dtype, x0.dtype)
        value = x if start is None else x - start
        norm = module._modules[self.capture.name]
        assert norm is not None
        others = {"x0": _rows(x0, kind), "v": _rows(v, kind), "h": _rows(h, kind)}
        new = norm(_rows(value, kind), graph, **others).reshape(x.shape)
        new = new if start is None else start + new
        return replace_part(output, self.output, new.to(x.dtype))

    def _outside(self) -> str:
        backward = torch._C._current_graph_task_id() != -1
        why = (
            "during the backward pass: activation checkpointing around it calls it again when the "
            "model's arguments are gone; checkpoint the whole model, or not this part"
            if backward
            else "outside a call of the model it is attached to, whose arguments the norm needs; "
            "call the model itself (model(...), not model.forward(...)), or attach to the "
            "submodule that you call"
        )
        return f"{self.site!r} was called {why}; handle.remove() takes the norm off"


def _rows(value: Tensor | None, kind: torch.dtype) -> Any:
    """Node tensors as (N, D), from a dense layout (B, n, D) too."""
    if value is None:
        return None
    return (value.flatten(0, 1) if value.dim() == 3 else value).to(kind)
