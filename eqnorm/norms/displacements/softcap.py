"""A soft cap on the displacements of a system."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.functional import displacements
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.registry import register_norm


@register_norm(
    "softcap",
    on="1o",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    optional=("v",),
    source="this project (DESIGN, section 5)",
    aliases=("displacement_softcap",),
)
class SoftCap(Norm):
    """The displacements of a system, shortened together where they are long.

    F(dx_i) = dx_i (1 + mean_j |dx_j|^2 / (c S)^2)^(-1/2), where dx_i are displacements (N, 3),
    c is a learnable scalar and S^2 = rms(v)^2 + (s0 / 10)^2 says how far a system may go, with
    s0 the initial root mean square radius; without velocities S = s0 / 2. Small displacements
    pass unchanged, so that the layer takes nothing away from a network that behaves; the root
    mean square of the output never exceeds c S, so that no network explodes through it.

    Equivariant to rotations and reflections: displacements are multiplied by an invariant.
    Translations move neither them nor S. In a periodic box s0 is the spacing (V/n)^(1/3).

    Args:
        cap: the value c starts from.

    A system without extent and without velocities has no length to measure by: S = 0, and so is
    the output.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("softcap", on="1o")
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(torch.full((2, 3), 1e6), x0=x0).detach().norm(dim=-1)
        tensor([0.5000, 0.5000])
    """

    looped = True

    def __init__(self, *, cap: float = 1.0) -> None:
        super().__init__(3, needs=("x0",))
        if not cap > 0:
            raise ValueError(f"cap must be positive, in units of S, got {cap}")
        self.cap = nn.Parameter(torch.tensor(float(cap)))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        return displacements.softcap(x, graph, x0, v, self.cap)
