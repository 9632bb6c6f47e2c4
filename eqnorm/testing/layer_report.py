"""The result of a layer audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerAudit:
    """One output of one submodule.

    Attributes:
        name: of the submodule, with ``#2`` for its second call and so on.
        module: its class.
        shape: of the output.
        kind: type under which the output comes closest to symmetry; ``"?"`` if its rows are
            neither nodes nor edges nor graphs.
        error: relative error under that type, in float64.
        limit: what rounding explains.
        scale: root mean square of the output.
    """

    name: str
    module: str
    shape: tuple[int, ...]
    kind: str
    error: float
    limit: float
    scale: float

    @property
    def broken(self) -> bool:
        """Whether the output breaks the symmetry."""
        return self.kind != "?" and not self.error <= self.limit


@dataclass(frozen=True)
class AuditReport:
    """All layers, in the order in which they finished."""

    layers: tuple[LayerAudit, ...]

    @property
    def first(self) -> LayerAudit | None:
        """The first layer whose output breaks the symmetry, if any."""
        return next((layer for layer in self.layers if layer.broken), None)

    @property
    def ok(self) -> bool:
        """Whether no layer does."""
        return self.first is None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        first = self.first
        return {
            "ok": self.ok,
            "first": None if first is None else first.name,
            "layers": [{**vars(layer), "broken": layer.broken} for layer in self.layers],
        }

    def __str__(self) -> str:
        width = max((len(layer.name) for layer in self.layers), default=5)
        rows = [f"{'layer':<{width}}  {'type':>10}  {'error':>8}  {'limit':>8}  {'scale':>8}"]
        for layer in self.layers:
            mark = "  <- first" if layer is self.first else "  broken" if layer.broken else ""
            rows.append(
                f"{layer.name:<{width}}  {layer.kind:>10}  {layer.error:8.1e}  "
                f"{layer.limit:8.1e}  {layer.scale:8.1e}{mark}"
            )
        return "\n".join(rows)
