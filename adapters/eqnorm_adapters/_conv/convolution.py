"""Tensor-field convolution: features times spherical harmonics, summed over neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from e3nn import o3
from torch import Tensor, nn
from torch.nn.functional import pad

from eqnorm import Graph
from eqnorm_adapters._conv import blocks as conv_blocks
from eqnorm_adapters._conv import path as conv_path
from eqnorm_adapters._conv.blocks import Fixed
from eqnorm_adapters._conv.calls import ConvEdges, ConvInputs
from eqnorm_adapters._conv.coupling import blocks_and_order, symbols
from eqnorm_adapters._conv.factored import factored_sum
from eqnorm_adapters._conv.layout import ROW, Layout, filled
from eqnorm_adapters._conv.messages import Ends, messages
from eqnorm_adapters._conv.operations import convolved
from eqnorm_adapters._pairs import Pairs

# Neighbours per hidden radial feature from which on the factored sum is the faster one: than all
# messages at once; and than pieces, where there are not too many of these features.
_FACTORED_FROM = 3.0
_FACTORED_FROM_PIECES, _FACTORED_HIDDEN = 4.0, 24


class Convolution(nn.Module):
    r"""Sum over neighbours of features coupled with spherical harmonics.

    For each path p = (l1, l2, l3) and channel c, with the Clebsch-Gordan symbols C of e3nn,

        m_i[p, c, k] = sqrt(2 l3 + 1) sum_j w_ij[p, c] sum_ab C_abk h_j[c, a] Y_b(u_ij),
        w_ij[p, c] = sum_n W[n, c, p] phi_ij[n] / sqrt(H)

    with h (N, irreps_in.dim), u_ij (E, 3) directions, phi (E, H) hidden features of the radial
    network. Channels are not mixed ("uvu" in e3nn); a linear map after it does that. Equal to
    `e3nn.o3.TensorProduct` followed by a sum, to rounding, without generated code, and with
    constants that are exact in float64 after ``.double()``.

    O(3)-equivariant: h, Y(u) and so their coupling transform by representations, and w is
    invariant. Y is used as the homogeneous polynomial that it is, so u of any length is allowed
    and u = 0 has gradients.

    In float32 on the CPU the sums are those of a compiled kernel, where there is a C compiler; see
    native/conv and `eqnorm_adapters.use_native`. Otherwise torch does some edges at a time (on the
    CPU) or all; complete graphs of many nodes with a narrow radial network take the sum over j
    first.

    Args:
        irreps_in: irreps of h.
        lmax: highest degree of the filters Y.
        targets: irreps of results that are kept.
        hidden: H.

    Attributes:
        irreps_out: irreps of m: for each target the channels of all paths that lead to it.

    Source: Thomas et al. 2018 (arXiv:1802.08219, Sec. 4.1.3).

    Example:
        >>> layer = Convolution(o3.Irreps("4x0e+4x1o"), 1, o3.Irreps("0e+1o"), hidden=8)
        >>> layer.irreps_out
        8x0e+8x1o
    """

    def __init__(self, irreps_in: o3.Irreps, lmax: int, targets: o3.Irreps, hidden: int) -> None:
        super().__init__()
        self.irreps_in, self.hidden = o3.Irreps(irreps_in), hidden
        self.blocks, self.order, self.irreps_out = blocks_and_order(self.irreps_in, lmax, targets)
        self.harmonics = o3.SphericalHarmonics(list(range(lmax + 1)), False, "component")
        self._exact = [symbols(block, lmax) for block in self.blocks]
        for index, exact in enumerate(self._exact):
            current = exact.to(torch.get_default_dtype())
            self.register_buffer(f"coupling{index}", current, persistent=False)
        self._layout = Layout(self.blocks, self.order, self._exact)
        self.weights = nn.ParameterList(
            torch.randn(hidden, block.mul, len(block.paths)) for block in self.blocks
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Change dtype or device; constants are made anew from float64, not rounded twice."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for index, exact in enumerate(self._exact):
            setattr(self, f"coupling{index}", exact.to(getattr(self, f"coupling{index}")))
        return self

    def forward(
        self, h: Tensor, u: Tensor, phi: Tensor, graph: Graph, pairs: Pairs | None = None
    ) -> Tensor:
        """Sum of the messages that each node receives, shape (N, irreps_out.dim).

        Args:
            h: features, shape (N, irreps_in.dim).
            u: directions, shape (E, 3).
            phi: hidden radial features, shape (E, H).
            graph: N nodes with E edges.
            pairs: of the graph; u and phi are then those of the pairs.
        """
        harmonics = self.harmonics(u)
        if (
            self._layout.fits
            and phi.shape[0]
            and conv_path.applies(h, harmonics, phi, *self.weights)
        ):
            return self._compiled(h, harmonics, phi, graph, pairs)
        weights = [weight * self.hidden**-0.5 for weight in self.weights]
        couplings = [getattr(self, f"coupling{index}") for index in range(len(self.blocks))]
        in_pieces = conv_blocks.applies(h, harmonics, phi, *weights)
        factored = self._factored(graph, in_pieces)
        if in_pieces and not factored:
            ends = graph if pairs is None else pairs
            joined = Ends(ends.senders, ends.receivers, pairs is not None)
            fixed = Fixed(joined, self.blocks, couplings)
            return self._cut(conv_blocks.blocked_sums(h, harmonics, phi, weights, fixed))
        if pairs is not None:
            harmonics, phi = pairs.at_edges(harmonics, phi, graph)
        if factored:
            sums = factored_sum(h, harmonics, phi, graph, self.blocks, weights, couplings)
            return torch.cat([sums[block][path] for block, path in self.order], dim=-1)
        totals = [
            graph.aggregate(messages(h, harmonics, phi, graph.senders, *of_block)).flatten(1)
            for of_block in zip(self.blocks, weights, couplings, strict=True)
            if of_block[0].paths
        ]
        return self._cut(torch.cat(totals, dim=-1))

    def _factored(self, graph: Graph, in_pieces: bool) -> bool:
        """Whether to take the sum over j first, as measured."""
        if graph.neighbors is None:
            return False
        many = graph.neighbors.shape[1] / self.hidden
        if in_pieces:
            return many >= _FACTORED_FROM_PIECES and self.hidden <= _FACTORED_HIDDEN
        return many >= _FACTORED_FROM

    def _compiled(
        self, h: Tensor, harmonics: Tensor, phi: Tensor, graph: Graph, pairs: Pairs | None
    ) -> Tensor:
        """The same by the kernel in native/conv."""
        layout, ends = self._layout, graph if pairs is None else pairs
        weights = layout.weights([weight * self.hidden**-0.5 for weight in self.weights])
        lacking = -self.hidden % ROW
        if lacking:
            weights = pad(weights, (0, 0, 0, lacking))
        given = ConvInputs(layout.features(h), harmonics, filled(phi), weights)
        tables = (layout.paths, layout.terms, layout.values, layout.out_width)
        edges = ConvEdges(ends.senders, ends.receivers, *tables, pairs is not None)
        return layout.results(convolved(given, edges))

    def messages(self, h: Tensor, u: Tensor, phi: Tensor, graph: Graph) -> list[Tensor]:
        """What each edge brings, not summed: for each block (E, mul, sum of its paths' 2 l3 + 1).

        Arguments are those of :meth:`forward`; ``blocks`` says where each path starts.
        """
        harmonics, scale = self.harmonics(u), self.hidden**-0.5
        return [
            messages(
                *(h, harmonics, phi, graph.senders, block),
                *(weight * scale, getattr(self, f"coupling{n}")),
            )
            for n, (block, weight) in enumerate(zip(self.blocks, self.weights, strict=True))
        ]

    def _cut(self, totals: Tensor) -> Tensor:
        """Sums of all blocks, (N, channels by components of all paths), in the order of results."""
        # Split, not sliced: the gradient of a slice is a whole tensor, zero but for the slice.
        of_block = torch.split(totals, [b.mul * b.width for b in self.blocks], dim=-1)
        of_path = [
            torch.split(part.view(len(part), b.mul, b.width), [p.dim for p in b.paths], dim=-1)
            if b.paths
            else ()
            for part, b in zip(of_block, self.blocks, strict=True)
        ]
        return torch.cat([of_path[b][q].flatten(1) for b, q in self.order], dim=-1)

    def extra_repr(self) -> str:
        """Irreps, for printing."""
        return f"{self.irreps_in} -> {self.irreps_out}, {len(self.order)} paths"
