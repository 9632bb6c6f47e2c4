"""Which irreps couple to which, and by what numbers, in plain integers.

torch.compile cannot guard on `o3.Irrep`, so forward passes read these tables instead.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from e3nn import o3
from torch import Tensor


class Path(NamedTuple):
    """One way of coupling with the filter: degrees l2 and l3, and where k starts in the block."""

    filter_degree: int
    out_degree: int
    first: int

    @property
    def dim(self) -> int:
        """Number of components of the result, 2 l3 + 1."""
        return 2 * self.out_degree + 1


class Block(NamedTuple):
    """One block mul x irrep of the input features, and all paths that start from it."""

    start: int
    stop: int
    mul: int
    dim: int
    paths: list[Path]

    @property
    def width(self) -> int:
        """Components of the results of all paths."""
        return sum(path.dim for path in self.paths)


def blocks_and_order(
    irreps_in: o3.Irreps, lmax: int, targets: o3.Irreps
) -> tuple[list[Block], list[tuple[int, int]], o3.Irreps]:
    """All paths from ``irreps_in`` with filters up to ``lmax`` to one of ``targets``.

    Returns:
        The blocks; the order of results as (block, path) numbers, sorted by irrep; and the
        irreps of the results in that order.
    """
    kept = sorted({irrep for _, irrep in targets})
    blocks: list[Block] = []
    found: list[tuple[o3.Irrep, int, int]] = []
    for (mul, irrep), cut in zip(irreps_in, irreps_in.slices(), strict=True):
        paths: list[Path] = []
        first = 0
        for l in range(lmax + 1):
            for out in irrep * o3.Irrep(l, (-1) ** l):
                if out in kept:
                    found.append((out, len(blocks), len(paths)))
                    paths.append(Path(l, out.l, first))
                    first += out.dim
        blocks.append(Block(cut.start, cut.stop, mul, irrep.dim, paths))
    found.sort()
    muls = [sum(blocks[block].mul for out, block, _ in found if out == irrep) for irrep in kept]
    return (
        blocks,
        [(block, path) for _, block, path in found],
        o3.Irreps(list(zip(muls, kept, strict=True))),
    )


def symbols(block: Block, lmax: int) -> Tensor:
    """sqrt(2 l3 + 1) C_abk of all paths of a block, float64.

    Returns:
        Shape ((lmax + 1)^2, 2 l1 + 1, sum over paths of 2 l3 + 1): the component b of Y, the
        component a of the features, the components k of all results.
    """
    out = torch.zeros((lmax + 1) ** 2, block.dim, block.width, dtype=torch.float64)
    for path in block.paths:
        l, last = path.filter_degree, path.first + path.dim
        exact = o3.wigner_3j((block.dim - 1) // 2, l, path.out_degree, dtype=torch.float64)
        out[l * l : (l + 1) ** 2, :, path.first : last] = exact.transpose(0, 1) * path.dim**0.5
    return out
