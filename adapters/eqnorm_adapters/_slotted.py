"""What the layers of several backbones share: a norm for each slot."""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn

from eqnorm import Graph, NormLike, create_slot
from eqnorm_adapters._egnn.edges import Aggregation
from eqnorm_adapters._options import CommonOptions


class Start(NamedTuple):
    """What stays the same from layer to layer.

    Attributes:
        graph: nodes and edges.
        x: initial points, shape (N, 3).
        v: velocities, shape (N, 3).
        edge_attr: invariants of the edges, shape (E, edge_dim), or None.
    """

    graph: Graph
    x: Tensor
    v: Tensor
    edge_attr: Tensor | None


class SlottedLayer(nn.Module):
    """A layer with its norms; abstract, subclasses write ``forward``.

    Args:
        options: of the backbone.
        last: whether it is the last layer.
        features: irreps of the hidden features.
        h_dim: number of invariants among the features, given to norms as ``h``.
        messages: irreps of the aggregated messages, if they are others.
    """

    def __init__(
        self,
        options: CommonOptions,
        last: bool,
        features: str,
        h_dim: int,
        messages: str | None = None,
    ) -> None:
        super().__init__()
        self.message_aggregation: Aggregation = options.message_aggregation
        self.coord_aggregation: Aggregation = options.coord_aggregation

        def build(slot: str, choice: NormLike | None, on: str, *given: str) -> nn.Module | None:
            width = h_dim if "h" in given else None
            return create_slot(choice, slot=slot, on=on, available=given, h_dim=width)

        given = ("x0", "v", "h")
        norm = options.norm if options.norm_last or not last else None
        self.norm = build("norm", norm, "points", *given)
        self.update_norm = build("update_norm", options.update_norm, "1o", *given)
        self.edge_norm = build("edge_norm", options.edge_norm, "1o")
        self.feature_norm = build("feature_norm", options.feature_norm, features, *given)
        self.message_norm = build(
            "message_norm", options.message_norm, messages or features, *given
        )


def normed(norm: nn.Module | None, value: Tensor, start: Start, h: Tensor) -> Tensor:
    """The norm of a slot applied, if there is one, with its inputs in the precision of `value`."""
    if norm is None:
        return value
    kind = value.dtype
    out = norm(value, start.graph, x0=start.x.to(kind), v=start.v.to(kind), h=h.to(kind))
    return cast(Tensor, out)


def rescaled(total: Tensor, graph: Graph, how: Aggregation) -> Tensor:
    """A sum over the edges that each node receives, divided by their number or its root."""
    if how == "sum":
        return total
    degrees = graph.degrees.clamp(min=1).to(total.dtype).unsqueeze(-1)
    return total / degrees if how == "mean" else total * degrees.rsqrt()
