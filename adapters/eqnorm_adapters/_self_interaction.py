"""Attentive self-interaction: a mix of a node's own channels with weights that it computes."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn


class AttentiveSelfInteraction(nn.Module):
    r"""y_c = sum_c' a_cc' f_c' in each irrep, with weights a from all inner products.

    a = softmax over c' of (W leaky_relu(LayerNorm(<f_c, f_c'> / dim)) + b), of C x C numbers for
    C channels; each irrep has a network of its own. Inner products are invariant to O(3), and so
    y transforms as f does.

    Args:
        irreps: irreps of f and y.

    Source: Fuchs et al. 2020 (arXiv:2006.10503, Eq. 13); LayerNorm, leaky_relu and softmax are
    those of the authors' code (`GAttentiveSelfInt`), which also feeds it the messages.

    Example:
        >>> AttentiveSelfInteraction(o3.Irreps("4x0e+2x1o"))(torch.ones(5, 10)).shape
        torch.Size([5, 10])
    """

    def __init__(self, irreps: o3.Irreps) -> None:
        super().__init__()
        self._entries = [(mul, irrep.dim) for mul, irrep in irreps]
        self.networks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(mul**2), nn.LeakyReLU(), nn.Linear(mul**2, mul**2))
            for mul, _ in self._entries
        )

    def forward(self, f: Tensor) -> Tensor:
        """Map f, shape (N, irreps.dim), to the same shape."""
        blocks, start = [], 0
        for (mul, dim), network in zip(self._entries, self.networks, strict=True):
            block = f[:, start : start + mul * dim].reshape(-1, mul, dim)
            start += mul * dim
            products = (block @ block.mT / dim).flatten(1)
            weights = torch.softmax(network(products).view(-1, mul, mul), dim=-1)
            blocks.append((weights.to(block.dtype) @ block).flatten(1))
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)
