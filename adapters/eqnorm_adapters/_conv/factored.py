"""The convolution on complete graphs as matrix products, summed over neighbours first."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from eqnorm import Graph
from eqnorm_adapters._conv.coupling import Block


def factored_sum(
    h: Tensor,
    harmonics: Tensor,
    phi: Tensor,
    graph: Graph,
    blocks: list[Block],
    weights: list[Tensor],
    couplings: list[Tensor],
) -> list[list[Tensor]]:
    r"""Sums over neighbours without any message.

    The filter weights are linear in phi, so the sum over j can be taken before the coupling,

        S_i[c, a, n, b] = sum_j h_j[c, a] phi_ij[n] Y_b(u_ij),
        m_i[p, c, k] = sum_ab C_abk sum_n W[n, c, p] S_i[c, a, n, b],

    which is one matrix product per graph and filter degree, and then work per node instead of
    per edge. It does H (lmax+1)^2 / (number of k) times the multiplications of the direct sum,
    at the speed of matrix products rather than of memory: faster from some 3 or 4 H neighbours
    on while H is small, with memory that grows like N instead of E.

    Args:
        h: features, shape (N, D).
        harmonics: Y(u), shape (E, (lmax+1)^2).
        phi: hidden radial features, shape (E, H).
        graph: uniform complete graphs, of n nodes each.
        blocks: the blocks of h.
        weights: W of each block, shape (H, mul, paths).
        couplings: C of each block.

    Returns:
        For each block and path, shape (N, mul * (2 l3 + 1)).
    """
    num_graphs, hidden = graph.num_graphs, phi.shape[-1]
    n = graph.num_nodes // num_graphs
    radial, angular = _square(phi, num_graphs, n), _square(harmonics, num_graphs, n)
    sent = h.view(num_graphs, n, -1).transpose(1, 2)
    sums: list[list[Tensor]] = [[h] * len(block.paths) for block in blocks]
    degrees = sorted({path.filter_degree for block in blocks for path in block.paths})
    for l in degrees:
        of_degree = slice(l * l, (l + 1) ** 2)
        filters = radial.unsqueeze(2) * angular[:, None, of_degree]  # (B, H, b, i, j)
        total = sent @ filters.flatten(1, 3).transpose(1, 2)  # (B, D, H b i)
        for index, block in enumerate(blocks):
            chosen = [q for q, path in enumerate(block.paths) if path.filter_degree == l]
            if not chosen:
                continue
            own = total[:, block.start : block.stop]
            own = own.reshape(num_graphs, block.mul, block.dim, hidden, -1)
            weight = weights[index][:, :, chosen].permute(1, 2, 0).unsqueeze(1)
            mixed = (weight @ own).view(num_graphs, block.mul, block.dim, len(chosen), -1, n)
            for place, q in enumerate(chosen):
                path = block.paths[q]
                coupling = couplings[index][of_degree, :, path.first : path.first + path.dim]
                # mixed is (B, c, a, p, b, i).
                message = torch.einsum("gcabi,bak->gick", mixed[:, :, :, place], coupling)
                sums[index][q] = message.reshape(num_graphs * n, -1)
    return sums


def _square(edges: Tensor, num_graphs: int, n: int) -> Tensor:
    """Edge features (B n (n-1), F) as matrices (B, F, n, n), receivers by senders, diagonal 0."""
    width = edges.shape[-1]
    rows = edges.view(num_graphs, n * (n - 1), width).transpose(1, 2)
    # Between two places of the diagonal lie n others: give each run of n one zero at its end.
    runs = pad(rows.reshape(num_graphs, width, n - 1, n), (0, 1))
    return pad(runs.flatten(2), (1, 0)).view(num_graphs, width, n, n)
