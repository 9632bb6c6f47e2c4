"""Radial network of several layers, which fades out at the cutoff together with its input."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from eqnorm_adapters._gate import SILU_NORM
from eqnorm_adapters._radial import RadialBasis


class RadialMLP(nn.Module):
    r"""Hidden features of an edge from its distance and invariants, which make filter weights.

    phi_0 = f_cut(r) [basis(r), e],  phi_k = c silu(phi_(k-1) W_k / sqrt(fan-in)), c = 1.6765.

    There are no biases: phi, shape (E, H), is 0 where its input is, from the cutoff on. The linear
    map to filter weights that follows is :class:`eqnorm_adapters._conv.convolution.Convolution`'s.

    Source: NequIP (arXiv:2101.03164, "Convolution filters"); `e3nn.nn.FullyConnectedNet` gives the
    same numbers. Departure: edge invariants e.

    Args:
        basis: the radial basis.
        edge_dim: number of invariants per edge.
        hidden: H.
        layers: number of hidden layers.
    """

    def __init__(self, basis: RadialBasis, edge_dim: int, hidden: int, layers: int) -> None:
        super().__init__()
        for name, value in (("radial_hidden", hidden), ("radial_layers", layers)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        self.basis = basis
        widths = [basis.num_basis + edge_dim] + [hidden] * layers
        self.weights = nn.ParameterList(
            torch.randn(before, after) for before, after in pairwise(widths)
        )

    def forward(self, square: Tensor, edge_attr: Tensor | None) -> Tensor:
        """Evaluate on squared distances (E, 1) and invariants (E, edge_dim)."""
        phi: Tensor = self.basis(square)
        if edge_attr is not None:
            phi = torch.cat([phi, edge_attr.to(phi.dtype)], dim=-1)
        envelope = self.basis.envelope(square)
        if envelope is not None:
            phi = phi * envelope
        gain = 1.0
        for weight in self.weights:
            phi = nn.functional.silu(phi @ (weight * (gain * weight.shape[0] ** -0.5)))
            gain = SILU_NORM  # of phi, which the next weights, of which there are fewer, take over
        return SILU_NORM * phi
