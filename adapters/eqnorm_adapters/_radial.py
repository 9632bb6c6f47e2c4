"""Radial part of e3nn backbones: lengths that are smooth at zero, bases and cutoff envelopes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from eqnorm_adapters._gate import SILU_NORM

FLOOR = 1e-3  # of the unit of length: below it directions fade out and lengths level off
_FARTHEST = 5.0  # last centre of the logarithmic basis: r = 148 units


class RadialBasis(nn.Module):
    r"""Smooth functions of a distance.

    With a cutoff c and t = r / c, the Bessel functions of DimeNet, of unit mean square over the
    ball, sqrt(2/3) sin(n pi t) / t for n = 1..num_basis. Without one, Gaussians
    exp(-(u - u_n)^2 / (2 w^2)) of u = log(1 + r^2) / 2 with evenly spaced centres
    u_n from 0 to 5: u goes from r^2/2 at contact to log r far away, so that distances from
    0.1 to 100 units are told apart by few functions, nothing overflows, and the derivatives
    are bounded by 1 everywhere.

    Args:
        num_basis: number of functions, at least 1.
        cutoff: c > 0 in the unit of the positions, or None for all distances.

    Source: DimeNet (arXiv:2003.03123, Eq. 7 and 8) for the functions with a cutoff.
    Departure: r is sqrt(|d|^2 + (1e-3 c)^2), whose gradient exists where two nodes coincide.

    Example:
        >>> RadialBasis(4, cutoff=5.0)(torch.zeros(1, 1)).shape
        torch.Size([1, 4])
    """

    def __init__(self, num_basis: int, cutoff: float | None) -> None:
        super().__init__()
        if num_basis < 1:
            raise ValueError(f"num_basis must be at least 1, got {num_basis}")
        if cutoff is not None and not (cutoff > 0 and math.isfinite(cutoff)):
            raise ValueError(f"cutoff must be positive, or None for no cutoff, got {cutoff}")
        self.num_basis = num_basis
        self.cutoff = cutoff
        self._spacing = _FARTHEST / max(num_basis - 1, 1)

    @property
    def floor_sq(self) -> float:
        """Square of the length below which directions fade out, in squared units."""
        return (FLOOR * (1.0 if self.cutoff is None else self.cutoff)) ** 2

    def forward(self, square: Tensor) -> Tensor:
        """Evaluate all functions.

        Args:
            square: squared distances, shape (E, 1).

        Returns:
            Shape (E, num_basis).
        """
        index = torch.arange(self.num_basis, dtype=square.dtype, device=square.device)
        if self.cutoff is None:
            u = 0.5 * torch.log1p(square)
            return torch.exp(-0.5 * (u / self._spacing - index).square())
        t = (square + self.floor_sq).sqrt() / self.cutoff
        return math.sqrt(2 / 3) * torch.sin(math.pi * t * (index + 1)) / t

    def envelope(self, square: Tensor) -> Tensor | None:
        """A polynomial that falls from 1 to 0 at the cutoff with two derivatives, or None.

        1 - 28 t^6 + 48 t^7 - 21 t^8: DimeNet's with p = 6.

        Args:
            square: squared distances, shape (E, 1).

        Returns:
            Shape (E, 1).
        """
        if self.cutoff is None:
            return None
        t_sq = (square / self.cutoff**2).clamp(max=1.0)
        # A power, not t_sq**3 times a root: that has no second derivative where two nodes coincide.
        envelope: Tensor = 1 - 28 * t_sq**3 + 48 * t_sq.pow(3.5) - 21 * t_sq**4
        return torch.where(t_sq < 1, envelope, 0.0)

    def extra_repr(self) -> str:
        """Options, for printing."""
        return f"num_basis={self.num_basis}, cutoff={self.cutoff}"


class RadialNetwork(nn.Module):
    r"""Hidden features of an edge from its distance and invariants, which make filter weights.

    phi = c silu(W1 [basis(r), edge_attr] + b1), shape (E, H), with c = 1.6765 so that phi has
    unit second moment for normal inputs.

    Args:
        basis: the radial basis.
        edge_dim: number of invariants per edge.
        hidden: H.
    """

    def __init__(self, basis: RadialBasis, edge_dim: int, hidden: int) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"radial_hidden must be at least 1, got {hidden}")
        self.basis = basis
        self.linear = nn.Linear(basis.num_basis + edge_dim, hidden)

    def forward(self, square: Tensor, edge_attr: Tensor | None) -> Tensor:
        """Evaluate on squared distances (E, 1) and invariants (E, edge_dim)."""
        inputs = self.basis(square)
        if edge_attr is not None:
            inputs = torch.cat([inputs, edge_attr.to(inputs.dtype)], dim=-1)
        hidden: Tensor = SILU_NORM * nn.functional.silu(self.linear(inputs))
        envelope = self.basis.envelope(square)
        return hidden if envelope is None else hidden * envelope
