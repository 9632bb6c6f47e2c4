"""The relative vectors of E(n) normalising flows."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import edges
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.registry import register_norm


@register_norm(
    "enf",
    on="1o",
    equivariant_to="O3",
    scope="node",
    source="Satorras et al. 2021 (E-NF), arXiv:2105.09016; with C: EDM, arXiv:2203.17003",
    aliases=("e_nf", "edm"),
)
class ENFNorm(Norm):
    """Relative vectors of a length below one.

    F(d_ij) = d_ij / (|d_ij| + C), with d_ij = x_i - x_j (E, 3): short vectors keep their length
    over C, long ones become directions.

    Equivariant to rotations and reflections, since lengths are invariant; relative vectors do
    not see translations.

    Args:
        constant: C, in the unit of d.

    Departs from the official code, sqrt(|d|^2 + 1e-8) + 1, in having the formula as printed,
    with gradient 1/C at zero.

    Example:
        >>> import torch, eqnorm
        >>> eqnorm.create_norm("enf", on="1o")(torch.tensor([[0.0, 3.0, 0.0]]))
        tensor([[0.0000, 0.7500, 0.0000]])
    """

    def __init__(self, *, constant: float = 1.0) -> None:
        super().__init__(3)
        if not constant > 0:
            raise ValueError(f"constant must be positive, in the unit of x, got {constant}")
        self.constant = constant

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return edges.bounded(x, self.constant)
