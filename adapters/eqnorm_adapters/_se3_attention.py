"""Equivariant attention over neighbours, with keys and values by tensor-field kernels."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm import Graph
from eqnorm_adapters._conv.convolution import Convolution
from eqnorm_adapters._irreps import IrrepsLinear
from eqnorm_adapters._neighbor_softmax import neighbor_softmax


class NeighborAttention(nn.Module):
    r"""Average over neighbours of value messages, weighted by equivariant attention.

    With the tensor-field kernel (x) of :class:`eqnorm_adapters._conv.convolution.Convolution`,
    whose filter weights are linear in phi_ij, for each head

        k_ij = (A_K f_j) (x) Y(u_ij),  v_ij = (A_V f_j) (x) Y(u_ij),  q_i = W_Q f_i
        α_ij = w_ij exp(<q_i, k_ij> / sqrt(D)) / sum_j' w_ij' exp(<q_i, k_ij'> / sqrt(D))
        m_i = sum_j α_ij v_ij

    where A_K, A_V and W_Q are linear maps of each irrep, and the inner product runs over all
    degrees, channels and paths of the head, D numbers in all. The kernel acts channel by channel;
    mixing its results would change nothing, as a linear map of k_ij can be moved into W_Q, and
    one of v_ij into the map that follows the sum.

    α is invariant to O(3), since q and k transform by the same orthogonal representation, and so
    m transforms as v does.

    Args:
        irreps: irreps of f.
        lmax: highest degree of the filters Y.
        heads: number of heads.
        head_channels: channels of a head, for each irrep of f.
        radial_hidden: width of phi.

    Attributes:
        irreps_out: irreps of m: for each irrep of f the channels of all paths that lead to it.

    Source: Fuchs et al. 2020 (arXiv:2006.10503, Eq. 10 and 11).

    Example:
        >>> NeighborAttention(o3.Irreps("4x0e+2x1o"), 1, 2, 3, 8).irreps_out
        12x0e+18x1o
    """

    def __init__(
        self, irreps: o3.Irreps, lmax: int, heads: int, head_channels: int, radial_hidden: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.channels = heads * head_channels
        kinds = sorted({irrep for _, irrep in irreps})
        # Keys and values side by side in one convolution: they share Y and its couplings.
        self.send = IrrepsLinear(irreps, o3.Irreps([(2 * self.channels, kind) for kind in kinds]))
        self.convolution = Convolution(
            self.send.irreps_out, lmax, o3.Irreps([(1, kind) for kind in kinds]), radial_hidden
        )
        both = self.convolution.irreps_out
        self.irreps_out = o3.Irreps([(mul // 2, irrep) for mul, irrep in both])
        self.query = IrrepsLinear(irreps, self.irreps_out)
        self.scale = (self.irreps_out.dim // heads) ** -0.5

    def forward(
        self, f: Tensor, u: Tensor, phi: Tensor, log_weight: Tensor | None, graph: Graph
    ) -> Tensor:
        """The average m, shape (N, irreps_out.dim).

        Args:
            f: features, shape (N, irreps.dim).
            u: directions, shape (E, 3).
            phi: hidden radial features, shape (E, H).
            log_weight: log w, shape (E, 1), or None for w = 1.
            graph: N nodes with E edges.
        """
        keys, values = self.keys_and_values(f, u, phi, graph)
        alpha = self.weights(f, keys, log_weight, graph)
        totals = []
        for value in values:
            flat = self._by_head(value)
            totals.append(_weighted_sum(alpha.to(flat.dtype), flat, graph))
        paths = []
        for number, place in self.convolution.order:
            path = self.convolution.blocks[number].paths[place]
            block = totals[number].view(f.shape[0], self.channels, values[number].shape[-1])
            paths.append(block[..., path.first : path.first + path.dim].flatten(1))
        return torch.cat(paths, dim=-1)

    def keys_and_values(
        self, f: Tensor, u: Tensor, phi: Tensor, graph: Graph
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Keys and values, each for every irrep of f: (E, channels, width of all its paths)."""
        messages = self.convolution.messages(self.send(f), u, phi, graph)
        keys, values = zip(*(message.chunk(2, dim=1) for message in messages), strict=True)
        return list(keys), list(values)

    def weights(
        self, f: Tensor, keys: list[Tensor], log_weight: Tensor | None, graph: Graph
    ) -> Tensor:
        """The attention weights α, shape (E, heads), in float32 or better."""
        blocks = self.convolution.blocks
        # The queries come sorted by irrep, as messages do; keys lie path by path in their block.
        parts: list[list[Tensor]] = [[f] * len(block.paths) for block in blocks]
        query, start = self.query(f), 0
        for number, place in self.convolution.order:
            dim = blocks[number].paths[place].dim
            stop = start + self.channels * dim
            parts[number][place] = query[:, start:stop].reshape(-1, self.channels, dim)
            start = stop
        rows = [self._by_head(torch.cat(part, dim=-1)) for part in parts]
        products = [
            _products(row, self._by_head(key), graph) for row, key in zip(rows, keys, strict=True)
        ]
        logits = torch.stack(products).sum(0)
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        return neighbor_softmax(self.scale * logits, graph, log_weight)

    def _by_head(self, x: Tensor) -> Tensor:
        """(M, channels, width) as (M, heads, channels of a head times width); M may be zero."""
        return x.reshape(x.shape[0], self.heads, x.shape[1] // self.heads * x.shape[2])

    def extra_repr(self) -> str:
        """Options, for printing."""
        return f"{self.send.irreps_in} -> {self.irreps_out}, heads={self.heads}"


def _products(query: Tensor, key: Tensor, graph: Graph) -> Tensor:
    """Inner products of the receiver's q (N, heads, X) with k (E, heads, X): (E, heads)."""
    if graph.neighbors is None:
        return (query.index_select(0, graph.receivers) * key).sum(-1)
    rows = key.view(graph.num_nodes, graph.neighbors.shape[1], *key.shape[1:])
    return torch.einsum("nhx,ndhx->ndh", query, rows).flatten(0, 1)


def _weighted_sum(alpha: Tensor, value: Tensor, graph: Graph) -> Tensor:
    """Sum over the edges received of α (E, heads) times values (E, heads, X): (N, heads, X)."""
    if graph.neighbors is None:
        return graph.aggregate(alpha.unsqueeze(-1) * value)
    n, degree = graph.num_nodes, graph.neighbors.shape[1]
    rows = value.view(n, degree, *value.shape[1:])
    return torch.einsum("ndh,ndhx->nhx", alpha.view(n, degree, alpha.shape[1]), rows)
