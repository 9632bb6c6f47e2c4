"""Does a layer's output for one graph depend on the other graphs of its batch?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from eqnorm.testing import structure as st
from eqnorm.testing.declare import Slot
from eqnorm.testing.structure import Structure

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Alone:
    """What every layer puts out for each graph of a batch by itself.

    Attributes:
        structure: of the batch.
        outputs: by graph, by layer.
    """

    structure: Structure
    outputs: tuple[Outputs, ...]

    def error(self, key: str, value: Tensor, points: bool) -> float:
        """Largest difference of a layer's rows from those of the graphs alone, relative.

        Rows can be those of nodes, edges or graphs; where their number leaves it open, the
        level at which the difference is smallest counts. 0 where no level fits.

        Args:
            key: of the layer's output.
            value: the output in the batch.
            points: whether these are positions, to be measured from their centre.
        """
        if not value.numel():
            return 0.0
        whole = value.double()
        sizes = (whole - whole.nanmean(0) if points else whole).abs()
        # What is not finite has no size, and is broken without being mixed.
        scale = float(sizes.where(sizes.isfinite(), 0.0).max())
        gaps = [self._gap(key, whole, level) for level in ("node", "edge", "graph")]
        gap = min((gap for gap in gaps if gap is not None), default=0.0)
        return gap / scale if scale else (0.0 if gap == 0 else float("inf"))

    def _gap(self, key: str, value: Tensor, level: str) -> float | None:
        if not value.dim() or self.structure.rows(level) != value.shape[0]:
            return None
        graph_of = self.structure.graph_of(level).to(value.device)
        largest = 0.0
        for graph, outputs in enumerate(self.outputs):
            want, got = value[graph_of == graph], outputs.get(key)
            if got is None or got.shape != want.shape:
                return None
            if got.numel():
                here, there = got.isfinite(), want.isfinite()
                gaps = (got.double() - want).abs().where(here & there, 0.0)
                largest = max(largest, float(gaps.where(here == there, float("inf")).max()))
        return largest


def graphs_alone(
    arguments: dict[str, Any], slots: tuple[Slot, ...], structure: Structure
) -> list[dict[str, Any]]:
    """The arguments of each graph of a batch of several; of a single graph, none."""
    if structure.num_graphs < 2:
        return []
    return [st.take_graph(arguments, slots, structure, g) for g in range(structure.num_graphs)]
