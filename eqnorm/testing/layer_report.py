"""The result of a layer audit."""

from __future__ import annotations

import math
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
        alone: relative difference between a graph's rows in the batch and those of the graph
            alone; 0 where that was not looked at, or rows are neither nodes nor edges nor graphs.
    """

    name: str
    module: str
    shape: tuple[int, ...]
    kind: str
    error: float
    limit: float
    scale: float
    alone: float = 0.0

    @property
    def mixed(self) -> bool:
        """Whether the output for one graph depends on the other graphs of the batch."""
        return not self.alone <= self.limit

    @property
    def broken(self) -> bool:
        """Whether the output breaks the symmetry, mixes graphs, or is not a number.

        Infinite it may be, as what a mask keeps out of a softmax is.
        """
        if self.mixed or math.isnan(self.scale):
            return True
        return self.kind != "?" and not self.error <= self.limit


@dataclass(frozen=True)
class AuditReport:
    """All layers, in the order in which they finished.

    Attributes:
        layers: one for each output of a submodule.
        note: what could not be looked at, and why.
    """

    layers: tuple[LayerAudit, ...]
    note: str = ""

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
            "note": self.note,
            "layers": [
                {**vars(layer), "mixed": layer.mixed, "broken": layer.broken}
                for layer in self.layers
            ],
        }

    def __str__(self) -> str:
        width = max((len(layer.name) for layer in self.layers), default=5)
        titles = "  ".join(f"{title:>8}" for title in ("error", "alone", "limit", "scale"))
        rows = [f"{'layer':<{width}}  {'type':>10}  {titles}"]
        for layer in self.layers:
            mark = "  <- first" if layer is self.first else "  broken" if layer.broken else ""
            mark += ", graphs mixed" if layer.mixed else ""
            rows.append(
                f"{layer.name:<{width}}  {layer.kind:>10}  {layer.error:8.1e}  "
                f"{layer.alone:8.1e}  {layer.limit:8.1e}  {layer.scale:8.1e}{mark}"
            )
        return "\n".join([*rows, self.note] if self.note else rows)
