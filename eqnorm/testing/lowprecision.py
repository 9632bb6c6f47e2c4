"""Does a model compute in a lower precision than its input's?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from eqnorm.testing.subject import Subject, clone

_BITS = {torch.float64: 53, torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the lowest precision that any operation on several numbers returns."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lowest: torch.dtype | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_flatten(result)[0]:
            counts = isinstance(value, Tensor) and value.dtype in _BITS and value.numel() > 1
            if counts and (self.lowest is None or _BITS[value.dtype] < _BITS[self.lowest]):
                self.lowest = value.dtype
        return result


def low_precision(subject: Subject, arguments: dict[str, Any]) -> str:
    """Name of the lowest precision the model computes in, or "" if that is its own.

    Args:
        subject: the model.
        arguments: to call it with, in its own dtype.
    """
    watch = _Watch()
    with torch.no_grad(), watch:
        subject.run(clone(arguments), subject.model())
    if watch.lowest is None or _BITS[watch.lowest] >= _BITS[subject.dtype]:
        return ""
    return str(watch.lowest).removeprefix("torch.")
