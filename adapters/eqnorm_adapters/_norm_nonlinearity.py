"""Nonlinearity of the lengths of features, which leaves their directions alone."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor, nn

_FLOOR = 1e-2  # lengths below it fade out; features start of length about 1


class NormNonlinearity(nn.Module):
    r"""y_c = η(\|f_c\| + b_c) f_c / \|f_c\| for each channel c of each irrep.

    A function of the length, with one bias b_c per channel, normal at the start; scalars are
    vectors of one component. Commutes with O(3), which keeps lengths.

    Args:
        irreps: irreps of f and y.
        act: η.

    Source: Thomas et al. 2018 (arXiv:1802.08219, Sec. 4.1.4); the authors' code of
    the SE(3)-Transformer (`GNormBias`). Departure: lengths are sqrt(\|f\|^2 + 1e-4), so that
    directions of vanishing features fade out in place of jumping, and have gradients.

    Example:
        >>> NormNonlinearity(o3.Irreps("4x0e+2x1o"), nn.ReLU())(torch.ones(5, 10)).shape
        torch.Size([5, 10])
    """

    def __init__(self, irreps: o3.Irreps, act: nn.Module) -> None:
        super().__init__()
        self.act = act
        self._entries = [(mul, irrep.dim) for mul, irrep in irreps]
        self.bias = nn.Parameter(torch.randn(sum(mul for mul, _ in irreps)))

    def forward(self, f: Tensor) -> Tensor:
        """Map f, shape (N, irreps.dim), to the same shape."""
        blocks, start, used = [], 0, 0
        for mul, dim in self._entries:
            block = f[:, start : start + mul * dim].reshape(-1, mul, dim)
            length = (block.square().sum(-1) + _FLOOR**2).sqrt()
            new = self.act(length + self.bias[used : used + mul])
            blocks.append((block * (new / length).unsqueeze(-1)).flatten(1))
            start, used = start + mul * dim, used + mul
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)
