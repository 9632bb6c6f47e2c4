"""Outputs that are the same whatever goes in."""

from __future__ import annotations

import torch
from torch import Tensor

from eqnorm.testing.outputs import Field
from eqnorm.testing.tolerances import unit_roundoff


class Constancy:
    """Follows the outputs over all examples, and says which never changed."""

    def __init__(self) -> None:
        self._first: dict[str, Tensor] = {}
        self._varied: set[str] = set()
        self._seen = 0

    def follow(self, fields: list[Field]) -> None:
        """Take in the outputs of one example."""
        self._seen += 1
        for field in fields:
            value = field.value.detach().double().cpu()
            if field.name in self._varied or not value.numel():
                continue
            first = self._first.setdefault(field.name, value[0].clone())
            near = 4 * unit_roundoff(field.value.dtype) * first.abs().max()
            if bool((value - first).abs().max() > near):
                self._varied.add(field.name)

    def constant(self) -> list[str]:
        """Names of the outputs that were one constant, once enough was seen."""
        if self._seen < 5:
            return []
        return [name for name in self._first if name not in self._varied]


def describe(first: Tensor) -> str:
    """A constant, for messages."""
    return "zero" if not bool(torch.any(first != 0)) else "one constant"
