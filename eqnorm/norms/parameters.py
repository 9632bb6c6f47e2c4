"""Scalar parameters of norms on points: one for all points, or one for each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eqnorm.graph import Graph


def point_parameter(per_particle: int | None, width: int, value: float) -> nn.Parameter:
    """A parameter of shape (1, width), or (per_particle, width) with one row per point.

    Raises:
        ValueError: ``per_particle`` is not a positive number.
    """
    if per_particle is not None and per_particle < 1:
        raise ValueError(
            f"per_particle must be the number of particles of every system, got {per_particle}"
        )
    return nn.Parameter(torch.full((per_particle or 1, width), value))


def for_nodes(parameter: Tensor, per_particle: int | None, graph: Graph) -> Tensor:
    """Lay out a parameter for the nodes of a batch: (1, width) or (N, width).

    Raises:
        ValueError: the systems do not all have ``per_particle`` particles, in order.
    """
    if per_particle is None:
        return parameter
    if not graph.uniform or graph.num_nodes != graph.num_graphs * per_particle:
        raise ValueError(
            f"this norm has parameters for systems of {per_particle} particles "
            f"(per_particle={per_particle}), but the batch holds {graph.num_nodes} nodes in "
            f"{graph.num_graphs} graphs; use systems of that size, or per_particle=None"
        )
    return parameter.repeat(graph.num_graphs, 1)
