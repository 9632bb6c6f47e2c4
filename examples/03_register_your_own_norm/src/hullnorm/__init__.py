"""A norm of our own, in a package of our own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph


@eqnorm.register_norm(
    "hullnorm",
    on="points",
    equivariant_to="E3",  # `eqnorm check hullnorm --on points` holds us to it
    scope="graph",  # whose statistics it reads
    needs=("x0",),
    source="examples/03_register_your_own_norm",
)
class HullNorm(eqnorm.Norm):
    """Points drawn towards the centre, so that their RMS radius is at most g times the initial one.

    F(x_i) = mu + (x_i - mu) s, s = (1 + r^2 / (g r0)^2)^(-1/2), where mu is the centre of a
    system, r its RMS radius, r0 the initial one and g a learnable scalar. The factor s is
    invariant, so that F turns and moves with the system.
    """

    def __init__(self, *, gain: float = 2.0) -> None:
        super().__init__(3, needs=("x0",))
        self.gain = nn.Parameter(torch.tensor(float(gain)))

    def normalize(
        self, x: Tensor, graph: Graph, x0: Tensor | None, v: Tensor | None, h: Tensor | None
    ) -> Tensor:
        assert x0 is not None
        mu, mu0 = graph.mean(x), graph.mean(x0)
        offset = x - graph.spread(mu)
        limit_sq = self.gain.square() * graph.mean_square(x0 - graph.spread(mu0))
        radius_sq = graph.mean_square(offset)
        # limit / sqrt(limit^2 + r^2), with no division by zero for a single node.
        tiny = torch.finfo(x.dtype).tiny
        shrink = (limit_sq / (limit_sq + radius_sq + tiny) + tiny).sqrt()
        return graph.spread(mu) + graph.spread(shrink) * offset
