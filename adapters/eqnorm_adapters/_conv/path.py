"""Whether the compiled kernel can do a convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from eqnorm_adapters import native
from eqnorm_adapters._eager import is_eager


def applies(*tensors: Tensor) -> bool:
    """Whether all are float32 on the CPU, nobody looks on, and the kernel is there.

    It knows no transforms of torch.func, no forward-mode derivatives and no autocast; what is
    exported must run where this package is not installed.
    """
    if any(t.device.type != "cpu" or t.dtype != torch.float32 for t in tensors):
        return False
    if torch.is_autocast_enabled("cpu"):
        return False
    compiling = torch.compiler.is_compiling()
    if torch.compiler.is_exporting() if compiling else not is_eager(*tensors):
        return False
    return native.usable("conv")
