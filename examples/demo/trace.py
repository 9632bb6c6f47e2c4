"""Where in a network numbers grow: the largest one that each layer puts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


def layers_of(model: nn.Module) -> dict[int, nn.Module]:
    """The layers of a backbone by number, from 1."""
    found = getattr(model, "layers", None)
    if isinstance(found, nn.ModuleList):
        return dict(enumerate(found, start=1))
    numbered: dict[int, nn.Module] = {}
    for name, module in model.named_modules():
        match = re.fullmatch(r"(?:layers?|convs?|blocks?|gcl)[._](\d+)", name)
        if match:
            numbered[int(match[1]) + 1] = module
    return numbered


class Trace:
    """While it is entered, notes the largest absolute number in every layer's output.

    Attributes:
        largest: by layer, of the last forward pass; NaN or Inf where the layer produced some.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.largest: dict[int, float] = {}

    def __enter__(self) -> Trace:
        def watch(number: int) -> Any:
            def note(module: nn.Module, inputs: Any, output: Any) -> None:
                sizes = [value.detach().abs().max() for value in tensors(output) if value.numel()]
                self.largest[number] = float(torch.stack(sizes).max()) if sizes else 0.0

            return note

        self._handles = [
            layer.register_forward_hook(watch(number))
            for number, layer in layers_of(self.model).items()
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def first_bad_output(self) -> int | None:
        """The first layer whose output is not finite."""
        bad = [n for n, size in self.largest.items() if not torch.isfinite(torch.tensor(size))]
        return min(bad, default=None)

    def first_bad_gradient(self) -> int | None:
        """The layer at which the backward pass, which comes from above, ceased to be finite."""
        bad = [
            number
            for number, layer in layers_of(self.model).items()
            if any(
                p.grad is not None and not bool(torch.isfinite(p.grad).all())
                for p in layer.parameters()
            )
        ]
        return max(bad, default=None)


def tensors(value: Any) -> Iterator[Tensor]:
    """All floating-point tensors in an output, however nested."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from tensors(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors(each)
