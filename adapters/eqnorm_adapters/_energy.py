"""Energies of nodes from their scalars, and forces as their derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._again import gradients_of_gradients


class EnergyForces(NamedTuple):
    """What :meth:`eqnorm_adapters.nequip.NequIP.energy_and_forces` returns.

    Attributes:
        energy: of each graph, the sum over its nodes, shape (B, 1).
        forces: -dE/dx, shape (N, 3).
        node_energy: shape (N, 1).
    """

    energy: Tensor
    forces: Tensor
    node_energy: Tensor


class EnergyReadout(nn.Module):
    r"""Energy of each node: e_i = scale_i w . (W s_i) + shift_i, shape (N, 1).

    Two linear maps of C scalars, through C // 2 (at least one). Where scale and shift are given
    for each species, scale_i = h_i . scale with one-hot h_i. They are constants of the data set
    (rms force, mean energy per atom), saved with the model and not trained.

    Args:
        scalars: C.
        species: number of invariants h.
        scale: a number, or one for each species.
        shift: a number, or one for each species.

    Raises:
        ValueError: not as many numbers as species.

    Source: NequIP's output block and per-species rescaling (arXiv:2101.03164).
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        scalars: int,
        species: int,
        scale: float | Sequence[float],
        shift: float | Sequence[float],
    ) -> None:
        super().__init__()
        width = max(scalars // 2, 1)
        self.first = nn.Parameter(torch.randn(scalars, width))
        self.second = nn.Parameter(torch.randn(width, 1))
        for name, value in (("scale", scale), ("shift", shift)):
            try:
                given = torch.as_tensor(value, dtype=torch.get_default_dtype())
            except (TypeError, ValueError):
                given = torch.empty(0)
            if given.shape not in ((), (species,)) or not bool(given.isfinite().all()):
                raise ValueError(
                    f"energy_{name} must be a finite number, or one for each of the {species} "
                    f"invariants of a node (node_dim), got {value!r}"
                )
            self.register_buffer(name, given)

    def forward(self, scalars: Tensor, h: Tensor) -> Tensor:
        """Evaluate on scalars (N, C) and the invariants h (N, species)."""
        first, second = (w * w.shape[0] ** -0.5 for w in (self.first, self.second))
        energy: Tensor = scalars @ first @ second
        scale, shift = (
            (h @ given.unsqueeze(-1)) if given.dim() else given
            for given in (self.scale, self.shift)
        )
        return energy * scale + shift


def differentiate(
    node_energy: Callable[[Tensor], Tensor], x: Tensor, graph: Graph, create_graph: bool
) -> EnergyForces:
    """Energies and forces of a function from points (N, 3) to energies of nodes (N, 1).

    Works under `torch.no_grad`. With ``create_graph`` a loss of energies and forces can be
    differentiated again; without, the result is detached.

    Raises:
        TypeError: ``graph`` is not a Graph, or ``x`` no tensor of floating point.
        RuntimeError: under `torch.inference_mode`, in which torch cannot differentiate.
    """
    if not isinstance(graph, Graph):
        raise TypeError(f"graph must be an eqnorm.Graph, got {type(graph).__name__}")
    if not isinstance(x, Tensor) or not x.is_floating_point():
        came = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x must be a tensor of floating point, shape (N, 3), got {came}")
    if torch.is_inference_mode_enabled():
        raise RuntimeError(
            "forces are a derivative, which torch.inference_mode() forbids: use torch.no_grad() "
            "(in Lightning, Trainer(inference_mode=False))"
        )
    with torch.enable_grad():
        if x.is_inference():  # made under torch.inference_mode: of use here as a copy only
            x = x.clone()
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        with gradients_of_gradients(create_graph):
            energies = node_energy(x)
        total = graph.sum(energies)
        (slope,) = torch.autograd.grad(total.sum(), x, create_graph=create_graph)
    if not create_graph:
        energies, total = energies.detach(), total.detach()
    return EnergyForces(total, -slope, energies)
