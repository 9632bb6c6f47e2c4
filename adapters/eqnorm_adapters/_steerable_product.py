"""Steerable linear layers: linear in features, with weights that depend on attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm_adapters._conv.coupling import blocks_and_order, symbols
from eqnorm_adapters._gate import Gate
from eqnorm_adapters._irreps import SCALAR


class SteerableProduct(nn.Module):
    r"""Fully connected Clebsch-Gordan product of features with one attribute of each degree.

    With the Clebsch-Gordan symbols C of e3nn, for all paths p = (l1, l2) that lead to l3,

        y_v[k] = sqrt(2 l3 + 1) sum_p sum_u W_puv sum_ab C_abk x_u[a] a[b]  (+ b_v for 0e)

    for features x (M, irreps_in.dim) and attributes a (M, (lmax+1)^2). W and b start as those of
    `nn.Linear`, uniform within 1 / sqrt(fan-in), fan-in being the number of all u of all paths.
    O(3)-equivariant, as x and a transform by representations. Equal to
    `e3nn.o3.FullyConnectedTensorProduct` times sqrt(fan-in), to rounding, without generated code.

    Args:
        irreps_in: irreps of x; may repeat.
        irreps_out: irreps of y; those that no path reaches are zero.
        lmax: highest degree of a.
        gain: of the weights at the start.

    Source: Brandstetter et al. 2022 (arXiv:2110.02905, Eq. 4), and the initialisation of its
    code. Departure: no biases for 0o, which break reflections.

    Example:
        >>> layer = SteerableProduct("4x0e+2x1o", "3x0e+2x1o", lmax=1)
        >>> layer(torch.randn(5, 10), torch.randn(5, 4)).shape
        torch.Size([5, 9])
    """

    def __init__(
        self,
        irreps_in: str | o3.Irreps,
        irreps_out: str | o3.Irreps,
        lmax: int,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(irreps_in), o3.Irreps(irreps_out)
        self.blocks, order, _ = blocks_and_order(self.irreps_in, lmax, self.irreps_out)
        # Plain integers for the forward pass: torch.compile cannot guard on irreps.
        self._entries = [
            (
                mul,
                irrep.dim,
                irrep == SCALAR,
                [place for place in order if self._leads(place, irrep)],
            )
            for mul, irrep in self.irreps_out
        ]
        fans = [sum(self.blocks[b].mul for b, _ in places) for *_, places in self._entries]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for (mul, _, scalar, _), fan in zip(self._entries, fans, strict=True):
            bound = gain * max(fan, 1) ** -0.5
            if fan:
                self.weights.append(torch.empty(fan, mul).uniform_(-bound, bound))
            if scalar:
                self.biases.append(torch.empty(mul).uniform_(-bound, bound))
        self._exact = [symbols(block, lmax) for block in self.blocks]
        for index, exact in enumerate(self._exact):
            current = exact.to(torch.get_default_dtype())
            self.register_buffer(f"coupling{index}", current, persistent=False)

    def _leads(self, place: tuple[int, int], irrep: o3.Irrep) -> bool:
        """Whether a path, as (block, path) numbers, ends in ``irrep``."""
        block, number = place
        (mul, from_), path = self.irreps_in[block], self.blocks[block].paths[number]
        to = o3.Irrep(path.out_degree, from_.p * (-1) ** path.filter_degree)
        return bool(mul and to == irrep)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Change dtype or device; constants are made anew from float64, not rounded twice."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for index, exact in enumerate(self._exact):
            setattr(self, f"coupling{index}", exact.to(getattr(self, f"coupling{index}")))
        return self

    def forward(self, x: Tensor, attributes: Tensor) -> Tensor:
        """Map x (M, irreps_in.dim), with attributes (M, (lmax+1)^2), to (M, irreps_out.dim)."""
        # Channels last, so that mixing them is one product of matrices and not one for each row.
        rows = x.shape[0]
        coupled = []
        for index, block in enumerate(self.blocks):
            coupling: Tensor = getattr(self, f"coupling{index}").transpose(1, 2)
            width = coupling.shape[1]
            matrix = (attributes @ coupling.flatten(1)).view(rows, width, block.dim)
            own = x[:, block.start : block.stop].reshape(rows, block.mul, block.dim)
            own = own.transpose(1, 2)
            coupled.append(matrix * own if block.dim == 1 else matrix @ own)
        out = []
        weights, biases = iter(self.weights), iter(self.biases)
        for mul, dim, scalar, places in self._entries:
            if not places:
                y = x.new_zeros(rows, mul * dim)
            else:
                paths = [(coupled[b], self.blocks[b].paths[q].first) for b, q in places]
                parts = [block[:, first : first + dim] for block, first in paths]
                whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
                y = (whole @ next(weights)).transpose(1, 2).flatten(1)
            out.append(y + next(biases) if scalar else y)
        return out[0] if len(out) == 1 else torch.cat(out, dim=-1)

    def extra_repr(self) -> str:
        """Irreps, for printing."""
        return f"{self.irreps_in} -> {self.irreps_out}"


class GatedProduct(nn.Module):
    """A :class:`SteerableProduct`, then silu on 0e and gates on everything else.

    Args:
        irreps_in: irreps of the features.
        irreps_out: irreps of the result.
        lmax: highest degree of the attributes.
    """

    def __init__(self, irreps_in: o3.Irreps, irreps_out: o3.Irreps, lmax: int) -> None:
        super().__init__()
        self.gate = Gate(irreps_out)
        self.product = SteerableProduct(irreps_in, self.gate.irreps_in, lmax)

    def forward(self, x: Tensor, attributes: Tensor) -> Tensor:
        """Map x (M, irreps_in.dim), with attributes (M, (lmax+1)^2), to (M, irreps_out.dim)."""
        out: Tensor = self.gate(self.product(x, attributes))
        return out
