"""Memory where the compiled kernel keeps numbers of edges from the forward pass for the gradient.

For edges that find no room the gradient computes anew, which takes a sixth longer.
"""

from __future__ import annotations

from torch import Tensor

from eqnorm_adapters._egnn.memory import Pool

MOST = 40 << 20  # bytes, of the process: 4 layers of 64 channels on 50 complete graphs of 20 nodes
POOL = Pool(MOST)


class Loan:
    """A block, given back when nothing refers to the loan any more.

    Attributes:
        block: float32, one dimension.
        edges: how many find room in it.
    """

    def __init__(self, block: Tensor, floats: int) -> None:
        self.block = block
        self.edges = block.numel() // floats
        self._back = POOL.free

    def __del__(self) -> None:
        self._back.append(self.block)


Loans = tuple[Loan | None, ...]  # of layers


def lend(edges: int, floats: int) -> Loan | None:
    """A block with anything in it for as many of the edges as there is room for; None for few.

    Args:
        edges: of a layer.
        floats: of each.
    """
    wanted = edges * floats
    block = POOL.take(wanted, -(-wanted // 8))
    return None if block is None else Loan(block, floats)
