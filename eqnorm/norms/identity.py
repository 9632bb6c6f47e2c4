"""No normalisation, under the norms' interface."""

from __future__ import annotations

from torch import Tensor, nn

from eqnorm.graph import GraphLike
from eqnorm.registry import register_norm


@register_norm(
    "identity", on="irreps", equivariant_to="E3", scope="node", source="-", aliases=("none",)
)
@register_norm(
    "identity", on="points", equivariant_to="E3", scope="node", source="-", aliases=("none",)
)
class Identity(nn.Module):
    """Returns its input.

    Example:
        >>> import torch, eqnorm
        >>> eqnorm.create_norm(None, on="points")(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    looped = True

    def __init__(self, irreps: str | None = None) -> None:
        super().__init__()

    def forward(
        self,
        x: Tensor,
        graph: GraphLike = None,
        x0: Tensor | None = None,
        v: Tensor | None = None,
        h: Tensor | None = None,
    ) -> Tensor:
        """Return ``x``."""
        return x
