"""Where in a network numbers grow: the scale of what each layer puts out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eqnorm_adapters.attachment.handle import forget_compiled
from eqnorm_adapters.attachment.parts import PartLike, parse_parts, read_part
from eqnorm_adapters.attachment.sites import find_sites


class Scale(NamedTuple):
    """Root mean square and largest absolute value; NaN or Inf where there is one."""

    rms: float
    largest: float


class ScaleMonitor:
    """While it is entered, notes the scale of the output of each of some submodules.

    Nothing is read from the device before :attr:`scales` is asked for. A submodule that is
    called several times is noted at its last call.

    Args:
        model: the model.
        at: which submodules, as in :func:`eqnorm_adapters.attach`.
        parts: names for the parts of their outputs that are watched, such as
            ``{"x": 1, "h": 0}``; None for every tensor of floating-point numbers.

    Raises:
        ValueError: nothing matches ``at``; on a call, the output has no such part.

    Example:
        >>> import torch, eqnorm
        >>> model = eqnorm.create_model("egnn_vel", hidden=8, layers=2)
        >>> graph = eqnorm.Graph.complete(1, 5)
        >>> with ScaleMonitor(model, "layers.*", {"x": 0, "h": 1}) as monitor:
        ...     _ = model(torch.zeros(5, 3), graph)
        >>> list(monitor.scales), list(monitor.scales["layers.0"])
        (['layers.0', 'layers.1'], ['x', 'h'])
        >>> monitor.scales["layers.1"]["x"]
        Scale(rms=0.0, largest=0.0)
    """

    def __init__(
        self,
        model: nn.Module,
        at: str | Sequence[str],
        parts: Mapping[str, PartLike | None] | None = None,
    ) -> None:
        self.model = model
        self.sites = find_sites(model, at, last=True, calls_only=True)
        self._parts = None if parts is None else {k: parse_parts(v, k) for k, v in parts.items()}
        self._noted: dict[str, dict[str, Tensor]] = {}
        self._handles: list[Any] = []

    @property
    def scales(self) -> dict[str, dict[str, Scale]]:
        """By submodule, in the order of the calls, and by part of its output."""
        return {
            site: {name: Scale(*pair.tolist()) for name, pair in noted.items()}
            for site, noted in self._noted.items()
        }

    @property
    def largest(self) -> dict[str, float]:
        """By submodule, the largest absolute value in its output; NaN where there is one."""
        return {
            site: float(torch.stack([pair[1] for pair in noted.values()]).max())
            for site, noted in self._noted.items()
            if noted
        }

    @property
    def first_bad(self) -> str | None:
        """The first submodule, in the order of the calls, with NaN or Inf in its output."""
        for site, noted in self._noted.items():
            if not all(bool(torch.isfinite(pair).all()) for pair in noted.values()):
                return site
        return None

    @property
    def last_bad_gradient(self) -> str | None:
        """The last submodule, in the order of the calls, whose parameters have such a gradient.

        Gradients come from behind: there they ceased to be finite.
        """
        for site in reversed(self._noted):
            grads = [p.grad for p in self.sites[site].parameters() if p.grad is not None]
            if not all(bool(torch.isfinite(grad).all()) for grad in grads):
                return site
        return None

    def __enter__(self) -> ScaleMonitor:
        for site, module in self.sites.items():
            self._handles.append(module.register_forward_hook(self._watch(site)))
        forget_compiled()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._handles:
            self._handles.pop().remove()
        forget_compiled()

    def __str__(self) -> str:
        scales = self.scales
        width = max((len(site) for site in scales), default=0)
        names = list(dict.fromkeys(name for found in scales.values() for name in found))
        lines = [" " * width + "".join(f"  {'max |' + name + '|':>9}" for name in names)]
        for site, found in scales.items():
            cells = [f"{found[n].largest:9.1e}" if n in found else " " * 9 for n in names]
            lines.append(f"{site:<{width}}  " + "  ".join(cells))
        return "\n".join(lines)

    def _watch(self, site: str) -> Any:
        def note(module: nn.Module, args: Any, output: Any) -> None:
            noted = dict(self._tensors(site, output))
            self._noted.pop(site, None)  # back to the end: the order is that of the last pass
            self._noted[site] = {name: _scale(value) for name, value in noted.items()}

        return note

    def _tensors(self, site: str, output: Any) -> Iterator[tuple[str, Tensor]]:
        if self._parts is None:
            yield from _all_tensors("", output)
            return
        for name, parts in self._parts.items():
            yield name, read_part(output, parts, f"the output of {site!r}")


def _scale(value: Tensor) -> Tensor:
    wide = value.detach().double()
    if not wide.numel():
        return wide.new_zeros(2)
    return torch.stack([wide.square().mean().sqrt(), wide.abs().max()])


def _all_tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Floating-point tensors in an output, however nested, named by their parts."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield name or "out", value
        return
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, (tuple, list)):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _all_tensors(f"{name}.{key}" if name else str(key), part)
