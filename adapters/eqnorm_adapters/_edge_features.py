"""What `gvp` and `painn` see of an edge, and their step of the positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._pairs import Pairs
from eqnorm_adapters._radial import RadialBasis
from eqnorm_adapters._vectors import soft_direction, wide

_GAIN = 1e-3  # of the read-out at the start, as in the official EGNN


def distance_and_direction(
    x: Tensor, graph: Graph | Pairs, basis: RadialBasis, edge_norm: nn.Module | None
) -> tuple[Tensor, Tensor]:
    r"""Squared distances (E, 1), and directions (E, 3) of at most unit length.

    ``graph`` may be the pairs of a graph where there is no edge norm.

    The directions are d / sqrt(\|d\|^2 + δ^2) for d = x_i - x_j, with δ 1e-3 of the unit of length,
    or of the cutoff; with an edge norm n they are n(d) / sqrt(1 + \|n(d)\|^2). Computed in float32
    where x is in half precision.
    """
    relative = graph.relative(x)
    square = wide(relative).square().sum(-1, keepdim=True)
    if edge_norm is None or isinstance(graph, Pairs):
        direction = (wide(relative) * (square + basis.floor_sq).rsqrt()).to(x.dtype)
    else:
        direction = soft_direction(edge_norm(relative, graph.edge_graph()), 1.0)
    return square.to(x.dtype), direction


class Step(nn.Module):
    r"""Change of the positions: w1 . M_i + w2 . V_i + phi(s_i) v_i, shape (N, 3).

    Linear in V vectors M_i of the collected messages and V vectors V_i of the features, plus the
    velocity times a network of S scalars s_i. Starts small but for the velocity.

    Args:
        scalars: S.
        vectors: V.
        act: activation of phi.
    """

    def __init__(self, scalars: int, vectors: int, act: nn.Module) -> None:
        super().__init__()
        self.of_vectors = nn.Linear(2 * vectors, 1, bias=False)
        nn.init.xavier_uniform_(self.of_vectors.weight, gain=_GAIN)
        self.of_velocity = nn.Sequential(nn.Linear(scalars, scalars), act, nn.Linear(scalars, 1))

    def forward(self, collected: Tensor, scalars: Tensor, vectors: Tensor, v: Tensor) -> Tensor:
        """Evaluate on vectors (N, 3, V) and (N, 3, V), scalars (N, S) and velocities (N, 3)."""
        both = torch.cat([collected, vectors], dim=-1)
        step = self.of_vectors(both).squeeze(-1).to(v.dtype)
        out: Tensor = step + self.of_velocity(scalars).to(v.dtype) * v
        return out
