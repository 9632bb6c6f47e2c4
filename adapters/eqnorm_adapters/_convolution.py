"""Tensor-field convolution: features times spherical harmonics, summed over neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph


class Path(NamedTuple):
    """One way of coupling: input block, degree of the filter, irrep of the result."""

    block: int
    degree: int
    out: o3.Irrep


class Convolution(nn.Module):
    r"""Sum over neighbours of features coupled with spherical harmonics.

    For each path p = (l1, l2, l3) and channel c, with the Clebsch-Gordan symbols C of e3nn,

        m_i[p, c, k] = sqrt(2 l3 + 1) sum_j w_ij[p, c] sum_ab C_abk h_j[c, a] Y_b(u_ij),
        w_ij = W phi_ij / sqrt(H)

    with h (N, irreps_in.dim), u_ij (E, 3) directions, phi (E, H) hidden features of the radial
    network. Channels are not mixed ("uvu" in e3nn); a linear map after it does that. Equal to
    `e3nn.o3.TensorProduct` followed by a sum, to rounding, without generated code, and with
    constants that are exact in float64 after ``.double()``.

    O(3)-equivariant: h, Y(u) and so their coupling transform by representations, and w is
    invariant. Y is used as the homogeneous polynomial that it is, so u of any length is allowed
    and u = 0 has gradients.

    Args:
        irreps_in: irreps of h.
        lmax: highest degree of the filters Y.
        targets: irreps of results that are kept.
        hidden: H.

    Attributes:
        irreps_out: irreps of m: for each target all paths that lead to it.

    Source: Thomas et al. 2018 (arXiv:1802.08219, Sec. 4.1.3).
    """

    def __init__(self, irreps_in: o3.Irreps, lmax: int, targets: o3.Irreps, hidden: int) -> None:
        super().__init__()
        self.irreps_in = irreps_in
        kept = sorted({irrep for _, irrep in targets})
        self.harmonics = o3.SphericalHarmonics(list(range(lmax + 1)), False, "component")
        self.paths = [
            [
                Path(block, l, out)
                for l in range(lmax + 1)
                for out in irrep * o3.Irrep(l, (-1) ** l)
                if out in kept
            ]
            for block, (_, irrep) in enumerate(irreps_in)
        ]
        places = [
            (out, path) for out in kept for paths in self.paths for path in paths if path.out == out
        ]
        self.irreps_out = o3.Irreps(
            [(sum(irreps_in[p.block].mul for o, p in places if o == out), out) for out in kept]
        )
        self._order = [path for _, path in places]
        self._couplings = [
            _coupling(irreps_in[block].ir, paths, lmax) for block, paths in enumerate(self.paths)
        ]
        for block, coupling in enumerate(self._couplings):
            self.register_buffer(
                f"coupling{block}", coupling.to(torch.get_default_dtype()), persistent=False
            )
            sizes = torch.tensor([path.out.dim for path in self.paths[block]])
            self.register_buffer(
                f"spread{block}",
                torch.arange(len(sizes)).repeat_interleave(sizes),
                persistent=False,
            )
        self.weights = nn.ParameterList(
            torch.randn(hidden, mul, len(paths))
            for (mul, _), paths in zip(irreps_in, self.paths, strict=True)
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Change dtype or device; constants are made anew from float64, not rounded twice."""
        super()._apply(fn, recurse)
        for block, coupling in enumerate(self._couplings):
            setattr(self, f"coupling{block}", coupling.to(getattr(self, f"coupling{block}")))
        return self

    def forward(self, h: Tensor, u: Tensor, phi: Tensor, graph: Graph) -> Tensor:
        """Sum of the messages that each node receives, shape (N, irreps_out.dim).

        Args:
            h: features, shape (N, irreps_in.dim).
            u: directions, shape (E, 3).
            phi: hidden radial features, shape (E, H).
            graph: N nodes with E edges.
        """
        harmonics = self.harmonics(u)
        senders = graph.senders
        pieces: dict[Path, Tensor] = {}
        for block, ((mul, irrep), cut) in enumerate(
            zip(self.irreps_in, self.irreps_in.slices(), strict=True)
        ):
            paths = self.paths[block]
            if not paths:
                continue
            coupling = getattr(self, f"coupling{block}")
            weight = self.weights[block].flatten(1) * phi.shape[-1] ** -0.5
            matrix = (harmonics @ coupling.flatten(1)).unflatten(-1, coupling.shape[1:])
            sent = h[:, cut].unflatten(-1, (mul, irrep.dim))[senders]
            weights = (phi @ weight).unflatten(-1, (mul, len(paths)))
            coupled = (sent @ matrix) * weights[..., getattr(self, f"spread{block}")]
            total = graph.aggregate(coupled)
            for path, piece in zip(
                paths, total.split([path.out.dim for path in paths], dim=-1), strict=True
            ):
                pieces[path] = piece.flatten(1)
        return torch.cat([pieces[path] for path in self._order], dim=-1)

    def extra_repr(self) -> str:
        """Irreps, for printing."""
        count = sum(len(paths) for paths in self.paths)
        return f"{self.irreps_in} -> {self.irreps_out}, {count} paths"


def _coupling(irrep: o3.Irrep, paths: list[Path], lmax: int) -> Tensor:
    """Coupling of one input block, shape (dim of Y, 2 l1 + 1, sum of 2 l3 + 1 over its paths)."""
    out = torch.zeros(
        (lmax + 1) ** 2, irrep.dim, sum(p.out.dim for p in paths), dtype=torch.float64
    )
    start = 0
    for path in paths:
        l, dim = path.degree, path.out.dim
        symbols = o3.wigner_3j(irrep.l, l, path.out.l, dtype=torch.float64)
        out[l * l : (l + 1) ** 2, :, start : start + dim] = symbols.transpose(0, 1) * dim**0.5
        start += dim
    return out
