"""A pretended CUDA device, to check device placement and host synchronisations without a GPU.

Inside `fake_cuda()` tensors hold no data; combining tensors of two devices is an error, and so is
asking for a value, which on a GPU would wait for the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.overrides import TorchFunctionMode


@contextmanager
def fake_cuda() -> Iterator[torch.device]:
    """Pretend that there is a "cuda:0"; gradients are off, as autograd needs a real device."""
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True), _PlainIndexing():
        yield torch.device("cuda:0")


class _PlainIndexing(TorchFunctionMode):
    """`x[...]` by the operators it is made of: Python's indexing asks for a real device first."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.__getitem__:
            return _index(*args)
        return func(*args, **(kwargs or {}))


def _index(x: Tensor, key: Any) -> Tensor:
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is Ellipsis for part in parts):
        place = next(i for i, part in enumerate(parts) if part is Ellipsis)
        taken = sum(
            part.dim() if isinstance(part, Tensor) and part.dtype == torch.bool else 1
            for part in parts
            if part is not None and not isinstance(part, EllipsisType)
        )
        parts[place : place + 1] = [slice(None)] * (x.dim() - taken)
    dim = 0
    gathered: list[Tensor | None] = []
    for part in parts:
        if part is None:
            x = x.unsqueeze(dim)
            gathered.append(None)
            dim += 1
        elif isinstance(part, slice):
            x = torch.ops.aten.slice(x, dim, part.start, part.stop, part.step or 1)
            gathered.append(None)
            dim += 1
        elif isinstance(part, Tensor):
            gathered.append(part)
            dim += 1
        elif isinstance(part, list):
            gathered.append(torch.tensor(part, device=x.device))
            dim += 1
        else:
            x = x.select(dim, part)
    if any(part is not None for part in gathered):
        x = torch.ops.aten.index(x, gathered)
    return x
