"""How the kernel in native/conv sees a convolution: rows of channels, and tables of paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad

from eqnorm_adapters._conv.coupling import Block

ROW = 16  # channels come in whole rows of so many
LARGEST = 7  # components of the highest degree that the kernel knows


class Layout:
    """Tables for the kernel, and tensors from e3nn's order to its own and back.

    e3nn has the components of a channel side by side, the kernel the channels of a component,
    filled up with zeros to whole rows: then a vector register holds one number of 16 channels.

    Args:
        blocks: of the features.
        order: of the results, as (block, path) numbers.
        symbols: of each block, as :func:`eqnorm_adapters._conv.coupling.symbols` gives them.

    Attributes:
        fits: whether the kernel knows all degrees, and there is any path.
        out_width: numbers in a row of results.
        paths: shape (P, 10), int64; the fields of `eq_path` in C.
        terms: shape (T, 2), int64: component of Y and place in the coupling matrix.
        values: Clebsch-Gordan symbol of each term, shape (T,), float32.
    """

    def __init__(
        self, blocks: list[Block], order: list[tuple[int, int]], symbols: list[Tensor]
    ) -> None:
        self.blocks, self.order = blocks, order
        widths = [block.mul + -block.mul % ROW for block in blocks]
        starts = _starts(block.dim * w for block, w in zip(blocks, widths, strict=True))
        outs = _starts(blocks[b].paths[q].dim * widths[b] for b, q in order)
        weights = _starts(widths[b] for b, _ in order)
        self.out_width = outs[-1]
        rows: list[list[int]] = []
        terms: list[list[int]] = []
        values: list[float] = []
        matrix = 0
        for place, (b, q) in enumerate(order):
            block, path = blocks[b], blocks[b].paths[q]
            begin = len(terms)
            # (b, a, k), sorted by b as the kernel wants it.
            exact = symbols[b][:, :, path.first : path.first + path.dim]
            first = path.filter_degree**2
            exact = exact[first : first + 2 * path.filter_degree + 1]
            for y, a, k in exact.abs().gt(1e-12).nonzero().tolist():
                terms.append([first + y, a * path.dim + k])
                values.append(exact[y, a, k].item())
            row = [starts[b], block.dim, outs[place], path.dim, weights[place], widths[b], matrix]
            rows.append([*row, path.filter_degree % 2, begin, len(terms)])
            matrix += block.dim * path.dim
        self.fits = bool(rows) and max(max(row[1], row[3]) for row in rows) <= LARGEST
        self.paths = torch.tensor(rows, dtype=torch.int64).view(-1, 10)
        self.terms = torch.tensor(terms, dtype=torch.int64).view(-1, 2)
        self.values = torch.tensor(values, dtype=torch.float32)

    def features(self, h: Tensor) -> Tensor:
        """Features (N, irreps.dim) in the kernel's order."""
        # Split, not sliced: the gradient of a slice is a whole tensor, zero but for the slice.
        cuts = torch.split(h, [block.mul * block.dim for block in self.blocks], dim=-1)
        parts = [
            filled(cut.reshape(-1, block.mul, block.dim).mT).flatten(1)
            for cut, block in zip(cuts, self.blocks, strict=True)
        ]
        return torch.cat(parts, dim=-1)

    def weights(self, weights: Sequence[Tensor]) -> Tensor:
        """Weights of all blocks, each (H, mul, paths), as (H, all rows)."""
        parts = [filled(weights[b][:, :, q]) for b, q in self.order]
        return torch.cat(parts, dim=-1)

    def results(self, packed: Tensor) -> Tensor:
        """Sums in the kernel's order as (N, irreps_out.dim)."""
        muls = [self.blocks[b].mul for b, _ in self.order]
        dims = [self.blocks[b].paths[q].dim for b, q in self.order]
        sizes = [dim * (mul + -mul % ROW) for mul, dim in zip(muls, dims, strict=True)]
        parts = [
            cut.view(-1, dim, size // dim)[..., :mul].transpose(1, 2).flatten(1)
            for cut, mul, dim, size in zip(
                torch.split(packed, sizes, dim=-1), muls, dims, sizes, strict=True
            )
        ]
        return torch.cat(parts, dim=-1)


def filled(values: Tensor) -> Tensor:
    """The last dimension filled up with zeros to whole rows."""
    lacking = -values.shape[-1] % ROW
    return pad(values, (0, lacking)) if lacking else values


def _starts(sizes: Iterable[int]) -> list[int]:
    return list(accumulate(sizes, initial=0))
