"""GeoNorm of irreps features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional import irreps as functional
from eqnorm.graph import Graph
from eqnorm.norms.irreps.base import IrrepsNorm
from eqnorm.registry import register_norm


@register_norm(
    "geonorm",
    on="irreps",
    equivariant_to="O3",
    scope="graph",
    source="after Meng et al. 2024 (GeoNorm), Eq. 5",
    aliases=("gn",),
)
class IrrepsGeoNorm(IrrepsNorm):
    r"""Every copy of l > 0 projected onto a sphere about its mean over the graph.

    y_k = w_k u(x_k - m_k) + d_k u(m_k) for l > 0, with m_k the mean over the nodes of a graph,
    u(z) = z / sqrt(\\|z\\|^2/(2l+1) + eps), weights w_k and drifts d_k (0 at first). Even scalars:
    w_k (x_k - m_k) / sqrt(v_k + eps) + b_k; odd ones: w_k x_k / sqrt(v_k + eps); v_k is the mean
    square over the nodes.

    Equivariant to rotations and reflections: x_k - m_k and m_k turn with the system, and are
    multiplied by invariants.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        eps: in units of the mean square of a component.
        layout: order of the columns, ``"mul_ir"`` (e3nn's) or ``"ir_mul"``.

    Eq. 5 is about positions. For features: the initial centre mu0 is 0, since features never see
    translations, so that its direction from mu0 to the centre is that of m_k; spheres have the
    radius sqrt(2l+1) at first, which makes components of order one; a scalar's sphere would be
    its sign, and so scalars are instance-normalised. As in Eq. 5, how far a feature is from the
    mean is lost, and l > 0 of a graph of one node become d_k u(m_k): zero at first.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geonorm", on="1x1o", eps=1e-8)
        >>> norm(torch.tensor([[1.0, 2.0, 0.0], [1.0, 6.0, 0.0]])).detach().round(decimals=3)
        tensor([[ 0.0000, -1.7320,  0.0000],
                [ 0.0000,  1.7320,  0.0000]])
    """

    def __init__(
        self, irreps: str, *, eps: float = 1e-5, layout: functional.Order = "mul_ir"
    ) -> None:
        super().__init__(irreps, eps=eps, layout=layout)
        higher = self.layout.higher_copies.shape[0]
        self.drift = nn.Parameter(torch.zeros(higher)) if higher else None

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        weight, bias = self.affine(x)
        drift = None if self.drift is None else self.drift.to(x.dtype)
        return functional.geo_norm(x, self.layout, weight, bias, drift, self.eps, graph)
