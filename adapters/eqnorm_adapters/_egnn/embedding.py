"""The linear maps before and after all layers, so that torch.compile compiles them once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eqnorm_adapters._hooked import hooked


def embed(module: nn.Module, rows: Tensor) -> Tensor:
    """What the module makes of rows.

    The gradient of a bias is a sum over rows. Inductor sums up to 4096 of them on a CPU in another
    way than more, and compiles again for the other. As a column of the weights, for ones among the
    features, it comes from the product that gives theirs.
    """
    tracing = torch.compiler.is_compiling() and rows.device.type == "cpu"
    if not tracing or type(module) is not nn.Linear or hooked(module) or module.bias is None:
        out: Tensor = module(rows)
        return out
    weights = torch.cat([module.weight, module.bias.unsqueeze(1)], dim=1)
    return F.linear(torch.cat([rows, rows.new_ones(rows.shape[0], 1)], dim=1), weights)
