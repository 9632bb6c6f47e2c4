"""Whether a module must be called, so that nothing may be computed in its place."""

from __future__ import annotations

from torch import nn


def hooked(module: nn.Module) -> bool:
    """Whether someone wants to see or change what goes in or out of a module."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__  # put in the place of the class's own
    )
