"""Gated nonlinearity of e3nn backbones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from e3nn import o3
from torch import Tensor, nn

# E[f(z)^2]^(-1/2) for normal z, by quadrature; e3nn's normalize2mom samples it to three digits.
SILU_NORM = 1.676532470331092
SIGMOID_NORM = 1.8462285453386056
TANH_NORM = 1.5925374197228321

_SCALAR = o3.Irrep("0e")
_OPENERS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "sigmoid": (torch.sigmoid, SIGMOID_NORM),
    "silu": (nn.functional.silu, SILU_NORM),
}


class Gate(nn.Module):
    r"""Gated nonlinearity: silu on 0e, tanh on 0o, opener(g) x on everything else.

    Each other irrep has a gate g, a scalar 0e of its own. Scalars may pass through any function
    (an odd one where they are odd), vectors may only be scaled by invariants. Functions are
    scaled to unit second moment, as in `e3nn.nn.Gate`, which takes 100 ms to make; this one
    keeps the order of the irreps as well.

    Args:
        irreps: irreps of the result.
        opener: "sigmoid", which is bounded, or "silu", as in NequIP.

    Attributes:
        irreps_in: the gates, then ``irreps``.

    Source: Weiler et al. 2018 (arXiv:1807.02547, Sec. 4.3).

    Example:
        >>> Gate("8x0e+4x1o").irreps_in
        4x0e+8x0e+4x1o
    """

    def __init__(
        self, irreps: str | o3.Irreps, opener: Literal["sigmoid", "silu"] = "sigmoid"
    ) -> None:
        super().__init__()
        self.opener = opener
        self.irreps_out = o3.Irreps(irreps)
        self.num_gates = sum(mul for mul, irrep in self.irreps_out if irrep.l > 0)
        gates = o3.Irreps([(self.num_gates, _SCALAR)] if self.num_gates else [])
        self.irreps_in = gates + self.irreps_out
        # Plain integers for the forward pass: torch.compile cannot guard on irreps.
        self._entries = [(mul, irrep.dim, irrep.p) for mul, irrep in self.irreps_out]

    def forward(self, x: Tensor) -> Tensor:
        """Map x, shape (N, irreps_in.dim), to shape (N, irreps_out.dim)."""
        function, constant = _OPENERS[self.opener]
        # Split, not sliced: the gradient of a slice is a whole tensor, zero but for the slice.
        sizes = [self.num_gates, *(mul * dim for mul, dim, _ in self._entries)]
        first, *rest = torch.split(x, sizes, dim=-1)
        gates = constant * function(first)
        blocks, used = [], 0
        for (mul, dim, parity), block in zip(self._entries, rest, strict=True):
            if dim > 1:
                gate = gates[:, used : used + mul, None]
                blocks.append((block.reshape(-1, mul, dim) * gate).flatten(1))
                used += mul
            elif parity == 1:
                blocks.append(SILU_NORM * nn.functional.silu(block))
            else:
                blocks.append(TANH_NORM * torch.tanh(block))
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)

    def extra_repr(self) -> str:
        """Irreps, for printing."""
        return f"{self.irreps_in} -> {self.irreps_out}"
