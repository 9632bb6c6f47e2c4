"""Parameters at random, so that zero-initialised ones hide nothing."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def randomize_parameters(module: Module, seed: int = 0, scale: float = 1.0) -> Module:
    """Give every parameter a random value of a size that keeps deep models well conditioned.

    Matrices get normal entries of standard deviation ``scale`` / sqrt(fan-in); vectors and
    scalars are moved from where they are by 0.3 ``scale`` standard normal.

    Args:
        module: changed in place.
        seed: of the values; the global random state is not touched.
        scale: of the change.

    Returns:
        The module.

    Example:
        >>> layer = randomize_parameters(nn.LayerNorm(4), seed=1)
        >>> bool((layer.bias != 0).all())
        True
    """
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.is_floating_point():
                continue
            noise = torch.randn(parameter.shape, generator=dice, dtype=torch.float64)
            if parameter.dim() >= 2:
                value = scale * noise / max(parameter[0].numel(), 1) ** 0.5
            else:
                value = parameter.double().cpu() + 0.3 * scale * noise
            parameter.copy_(value.to(parameter))
    return module
