"""What norms on irreps have in common: the layout of their columns and their parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional.irreps import Layout, Order, Rows, row_norm
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm


class IrrepsNorm(Norm):
    """Base class of norms on irreps.

    Attributes:
        layout: which column belongs to which copy of an irrep.
        weight: one for every copy, shape (K,); None without ``affine``.
        bias: one for every even scalar, shape (K0,): a bias on anything else would break the
            symmetry; None without ``affine`` or ``bias``.
    """

    def __init__(
        self,
        irreps: str,
        *,
        eps: float,
        affine: bool = True,
        bias: bool = True,
        layout: Order = "mul_ir",
    ) -> None:
        columns = Layout(irreps, layout)
        super().__init__(columns.dim)
        if not 0 < eps < float("inf"):
            raise ValueError(f"eps must be positive and finite, got {eps}")
        self.layout = columns
        self.irreps = columns.irreps
        self.eps = float(eps)
        self.weight = nn.Parameter(torch.ones(columns.num_copies)) if affine else None
        has_bias = affine and bias
        self.bias = nn.Parameter(torch.zeros(columns.num_scalars)) if has_bias else None

    def affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (K,) and bias (K0,) in the precision of ``x``; ones and zeros for none."""
        weight, bias = self.weight, self.bias
        return (
            x.new_ones(self.layout.num_copies) if weight is None else weight.to(x.dtype),
            x.new_zeros(self.layout.num_scalars) if bias is None else bias.to(x.dtype),
        )

    def extra_repr(self) -> str:
        return f"{self.irreps}, eps={self.eps}"


class RowNorm(IrrepsNorm):
    """Base class of norms whose statistics are of a node's own features.

    Subclasses set :attr:`rows`, and nothing else.
    """

    looped = True
    rows: Rows

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        return row_norm(x, *self.affine(x), self.rows)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError that names the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
