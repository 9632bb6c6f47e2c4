"""Whether operations run at once, so that code that only autograd knows may take their place."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

_PLAIN = (Tensor, nn.Parameter)


def is_eager(*tensors: Tensor) -> bool:
    """Not traced, nor seen by torch.func, forward-mode derivatives or dispatch modes."""
    return not (
        torch.compiler.is_compiling()
        or any(type(tensor) not in _PLAIN for tensor in tensors)
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._is_tracing()
    )
