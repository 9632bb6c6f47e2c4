"""Hidden irreps from options, and linear maps between irreps."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import parse_type

SCALAR, VECTOR = o3.Irrep("0e"), o3.Irrep("1o")


def hidden_irreps(hidden: int | str | o3.Irreps, lmax: int) -> o3.Irreps:
    """Hidden irreps from a count or from irreps.

    Args:
        hidden: number of channels for each degree 0..lmax, of natural parity (-1)^l; or irreps
            with at least one 0e and one 1o.
        lmax: highest degree, at least 1; of the filters too.

    Raises:
        ValueError: the count or lmax is below 1, or the irreps lack 0e or 1o.
        TypeError: ``hidden`` is of another kind.

    Example:
        >>> hidden_irreps(8, lmax=2)
        8x0e+8x1o+8x2e
    """
    if not isinstance(lmax, int) or not 1 <= lmax <= 11:
        raise ValueError(f"lmax must be an integer from 1 to 11, got {lmax!r}")
    if isinstance(hidden, int):
        if hidden < 1:
            raise ValueError(f"hidden must be at least 1, got {hidden}")
        return o3.Irreps([(hidden, (l, (-1) ** l)) for l in range(lmax + 1)])
    irreps = parse_type(hidden, "hidden").irreps
    if irreps is None:
        raise ValueError("hidden must be a channel count or irreps, got 'points'")
    irreps = o3.Irreps([entry for entry in irreps if entry.mul])
    lacking = [str(irrep) for irrep in (SCALAR, VECTOR) if irreps.count(irrep) == 0]
    if lacking:
        raise ValueError(
            f"hidden={str(hidden)!r} has no {' and no '.join(lacking)}: scalars 0e drive the gates "
            "and vectors 1o the position update; write for example '32x0e+16x1o'"
        )
    return irreps


class Scalars(nn.Module):
    """The 0e part of features: (N, irreps.dim) -> (N, dim)."""

    def __init__(self, irreps: o3.Irreps) -> None:
        super().__init__()
        self._cuts = [
            (cut.start, cut.stop)
            for (_, irrep), cut in zip(irreps, irreps.slices(), strict=True)
            if irrep == SCALAR
        ]
        self.dim = sum(stop - start for start, stop in self._cuts)

    def forward(self, features: Tensor) -> Tensor:
        """Cut them out."""
        parts = [features[:, start:stop] for start, stop in self._cuts]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


class IrrepsLinear(nn.Module):
    r"""Linear map between irreps: y_v = sum_u W_uv x_u / sqrt(fan-in), for equal irreps only.

    By Schur's lemma there are no others that commute with O(3). Equal to `e3nn.o3.Linear` with
    path normalisation "element", to rounding, but made in well under a millisecond where that
    takes 20 to generate its code; starts from normal weights.

    Args:
        irreps_in: irreps of x; may repeat.
        irreps_out: irreps of y; those absent from ``irreps_in`` are zero.

    Example:
        >>> IrrepsLinear("8x0e+4x1o", "2x1o")(torch.ones(5, 20)).shape
        torch.Size([5, 6])
    """

    def __init__(self, irreps_in: str | o3.Irreps, irreps_out: str | o3.Irreps) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(irreps_in), o3.Irreps(irreps_out)
        cuts = [(cut.start, cut.stop) for cut in self.irreps_in.slices()]
        # Plain integers for the forward pass: torch.compile cannot guard on irreps.
        self._starts, self._sizes = [cut[0] for cut in cuts], [b - a for a, b in cuts]
        self._blocks = [
            (
                [
                    cut
                    for (copies, irrep), cut in zip(self.irreps_in, cuts, strict=True)
                    if irrep == out and copies
                ],
                mul,
                out.dim,
            )
            for mul, out in self.irreps_out
        ]
        fans = [sum(b - a for a, b in source) // dim for source, _, dim in self._blocks]
        self.weights = nn.ParameterList(
            torch.randn(fan, entry.mul)
            for fan, entry in zip(fans, self.irreps_out, strict=True)
            if fan
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x, shape (N, irreps_in.dim), to shape (N, irreps_out.dim)."""
        blocks = []
        used = 0
        # Split, not sliced: the gradient of a slice is a whole tensor, zero but for the slice.
        cuts = dict(zip(self._starts, torch.split(x, self._sizes, dim=-1), strict=True))
        for source, mul, dim in self._blocks:
            if not source:
                blocks.append(x.new_zeros(x.shape[0], mul * dim))
                continue
            weight = self.weights[used]
            used += 1
            parts = [cuts[a].reshape(-1, (b - a) // dim, dim) for a, b in source]
            block = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            scaled = weight * weight.shape[0] ** -0.5
            blocks.append(torch.einsum("nui,uv->nvi", block, scaled).flatten(1))
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)

    def extra_repr(self) -> str:
        """Irreps, for printing."""
        return f"{self.irreps_in} -> {self.irreps_out}"
