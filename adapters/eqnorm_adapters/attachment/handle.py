"""What `attach` returns, and how attachments are found on a model and taken off."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch import nn

from eqnorm_adapters.attachment.capture import Capture
from eqnorm_adapters.attachment.hooks import Before, Enter, Leave, Site

_PLACES = {
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
}


class Attachment:
    """Norms attached to a model; :func:`attach` makes it.

    It works as a context manager too, which removes the norms at its end.

    Attributes:
        model: the model.
        name: each norm is a child of its submodule under this name.
    """

    def __init__(self, model: nn.Module, capture: Capture) -> None:
        self.model = model
        self.name = capture.name
        self._capture = capture

    @property
    def norms(self) -> dict[str, nn.Module]:
        """The norms by name of the submodule they stand behind; empty once removed."""
        return {
            hook.site: module.get_submodule(self.name)
            for module, hook in _hooks(self.model)
            if isinstance(hook, Site) and hook.capture is self._capture
        }

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the norms, for an optimiser group of their own."""
        for norm in self.norms.values():
            yield from norm.parameters()

    def remove(self) -> None:
        """Take norms and hooks off: the model is as it was. A second call does nothing."""
        for module in list(self.model.modules()):
            for place, flags in _PLACES.items():
                hooks: dict[int, Any] = getattr(module, place)
                for key, hook in list(hooks.items()):
                    if not _is_ours(hook) or hook.capture is not self._capture:
                        continue
                    for registry in (place, *flags):
                        getattr(module, registry).pop(key, None)
                    if isinstance(hook, Site):
                        delattr(module, self.name)
        forget_compiled()

    def __enter__(self) -> Attachment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        lines = [f"  {site}: {norm}" for site, norm in self.norms.items()]
        title = f"Attachment {self.name!r} to {type(self.model).__name__}"
        return "\n".join([title, *lines]) if lines else f"{title}, removed"


def attachments(model: nn.Module) -> list[Attachment]:
    """The attachments of a model, in the order in which they were made.

    Copies and pickles of a model have attachments of their own, which are found here.

    Example:
        >>> import copy, torch, eqnorm_adapters
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
        >>> handle = eqnorm_adapters.attach(model, "layernorm", at="0", on="4x0e")
        >>> twin = copy.deepcopy(model)
        >>> eqnorm_adapters.attachments(twin)[0].remove()
        >>> len(eqnorm_adapters.attachments(twin)), len(eqnorm_adapters.attachments(model))
        (0, 1)
    """
    found = [hook.capture for hook in model._forward_pre_hooks.values() if isinstance(hook, Enter)]
    return [Attachment(model, capture) for capture in found]


def forget_compiled() -> None:
    """Make compiled models see that hooks have changed.

    torch.compile does not watch the hooks of modules (``skip_nnmodule_hook_guards``): a model
    compiled earlier would silently go on without the norms, or with those that were removed.
    """
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def _hooks(model: nn.Module) -> Iterator[tuple[nn.Module, Any]]:
    for module in model.modules():
        for hook in module._forward_hooks.values():
            if _is_ours(hook):
                yield module, hook


def _is_ours(hook: Any) -> bool:
    return isinstance(hook, (Before, Enter, Leave, Site))
