"""Whether the compiled kernels may be used, and the tracing and transforms they must not see."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from types import ModuleType

import torch
from torch import Tensor
from torch.autograd import forward_ad

_wanted = os.environ.get("EQNORM_COMPILED", "1").strip().lower() not in ("0", "false", "off", "no")


def use_compiled(enabled: bool) -> None:
    """Turn the kernels compiled by numba on or off, for this process.

    On unless the environment says ``EQNORM_COMPILED=0``; they serve contiguous float32 and
    float64 tensors on the CPU where numba is installed, and torch serves all else.

    Raises:
        TypeError: ``enabled`` is not a bool, such as ``"off"``, which Python takes for true.
    """
    global _wanted
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be True or False, got {enabled!r}")
    _wanted = enabled


def compiled_available() -> bool:
    """Whether numba is installed and its kernels are turned on."""
    return _wanted and _installed()


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


@functools.cache
def _load() -> ModuleType:
    # numba takes half a second to import: not before the first norm on irreps.
    return importlib.import_module("eqnorm.functional._irreps.launch")


def serves(x: Tensor) -> bool:
    """Whether the compiled kernels are there and can serve ``x``."""
    if not (_wanted and x.device.type == "cpu" and x.is_contiguous() and _installed()):
        return False
    return x.dtype in (torch.float32, torch.float64) and type(x) in _PLAIN_TENSORS


def kernels_for(x: Tensor) -> ModuleType | None:
    """The compiled kernels of irreps if they can serve ``x``, else None."""
    return _load() if serves(x) else None


_PLAIN_TENSORS = (Tensor, torch.nn.Parameter)


def is_eager() -> bool:
    """Whether operations run at once and gradients are ordinary backward passes.

    Otherwise (torch.compile, torch.export, tracing, torch.func, forward-mode derivatives) the
    norms are plain torch operations, which all of these understand.
    """
    if torch.compiler.is_compiling():
        return False
    return not (
        torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._is_tracing()
    )


def batched(*tensors: Tensor | None) -> bool:
    """Whether one of them is many gradients at once, as ``is_grads_batched=True`` makes them.

    Neither kernels nor operations in place can take them, and the forward pass cannot foresee them.
    """
    return any(t is not None and torch._C._functorch.is_legacy_batchedtensor(t) for t in tensors)


def gradients(
    plain: Callable[..., Tensor], inputs: Sequence[Tensor | None], g: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of ``plain(*inputs)``, torch operations; None where unneeded.

    They can be differentiated again where gradients are on.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views: one input may have been made from another, whose gradient must not hold what
        # comes through the first.
        views = [None if t is None else t.view_as(t) for t in inputs]
        y = plain(*views)
    wanted = [t for t in views if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, wanted, g, create_graph=again, allow_unused=True))
    return tuple(next(found) if t is not None and t.requires_grad else None for t in views)
