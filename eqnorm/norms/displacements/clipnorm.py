"""A greatest length for each displacement."""

from __future__ import annotations

from torch import Tensor

from eqnorm.functional import displacements
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.registry import register_norm


@register_norm(
    "clipnorm",
    on="1o",
    equivariant_to="E3",
    scope="graph",
    needs=("x0",),
    optional=("v",),
    source="this project; replaces the component-wise clamp of github.com/vgsatorras/egnn",
    aliases=("norm_clamp",),
)
class ClipNorm(Norm):
    """Each displacement shortened, where it is too long, in its own direction.

    F(dx_i) = dx_i / sqrt(1 + |dx_i|^2 / L^2), or dx_i min(1, L / |dx_i|) if ``hard``, where dx_i
    are displacements (N, 3), L = limit S, and S^2 = rms(v)^2 + (s0 / 10)^2 says how far a system
    may go, with s0 the initial root mean square radius; without velocities S = s0 / 2.

    Equivariant to rotations and reflections: a vector keeps its direction and its length is
    invariant. The official EGNN clamps component by component, at +-100, which breaks rotations
    (in float64, by 0.55 at coordinates of size 100). In a periodic box s0 is the spacing
    (V/n)^(1/3), for n particles in the volume V.

    Args:
        limit: L in units of S.
        hard: leave shorter vectors exactly as they are, and give longer ones a gradient across
            their direction only.

    A system without extent and without velocities has no length to measure by: S = 0, and so is
    the output.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("clipnorm", on="1o", limit=2.0, hard=True)
        >>> x0 = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> norm(torch.tensor([[0.0, 3.0, 4.0], [0.0, 0.3, 0.4]]), x0=x0)
        tensor([[0.0000, 0.6000, 0.8000],
                [0.0000, 0.3000, 0.4000]])
    """

    looped = True

    def __init__(self, *, limit: float = 1.0, hard: bool = False) -> None:
        super().__init__(3, needs=("x0",))
        if not limit > 0:
            raise ValueError(f"limit must be positive, in units of S, got {limit}")
        self.limit = limit
        self.hard = hard

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        return displacements.clip_norm(x, graph, x0, v, self.limit, self.hard)
