"""Which column of a feature tensor belongs to which copy of which irrep."""

from __future__ import annotations

import numpy as np
import torch
from e3nn import o3
from torch import Tensor, nn

from eqnorm.functional._irreps.blocks import (
    Order,
    kinds_table,
    parities_table,
    read_blocks,
    sum_block,
)


class Layout(nn.Module):
    """Columns, copies and scalars of a direct sum of irreps.

    D is the number of columns, K the number of copies of irreps (``64x0e+32x1o`` has 96), K0
    the number of even scalars among them. A module without parameters, so that its index
    tensors follow the norm that owns it to other devices; its state dict is empty.

    Args:
        irreps: for example ``"64x0e+32x1o"``.
        order: ``"mul_ir"``, e3nn's: the components of a copy are neighbours. ``"ir_mul"``: the
            copies of a component are; EquiformerV2's (N, (L+1)^2, C) is, flattened,
            ``C x 0e + C x 1o + ...`` in this order.

    Raises:
        ValueError: ``irreps`` cannot be read or are empty, or ``order`` is neither of the two.

    Example:
        >>> layout = Layout("2x0e+1x1o")
        >>> layout.dim, layout.num_copies, layout.num_scalars
        (5, 3, 2)
        >>> layout.to_columns(torch.tensor([1.0, 2.0, 3.0]))
        tensor([1., 2., 3., 3., 3.])
    """

    copy_of_column: Tensor
    scalar_columns: Tensor
    scalar_copies: Tensor
    higher_copies: Tensor
    dims: Tensor
    odd_scalar_columns: Tensor

    def __init__(self, irreps: str | o3.Irreps, order: Order = "mul_ir") -> None:
        super().__init__()
        if order not in ("mul_ir", "ir_mul"):
            raise ValueError(f"layout must be 'mul_ir' or 'ir_mul', got {order!r}")
        self.irreps = str(o3.Irreps(irreps))
        self.order = order
        self.blocks = read_blocks(o3.Irreps(irreps))
        if not self.blocks:
            raise ValueError(f"irreps={str(irreps)!r} hold no features; give at least one irrep")
        copies: list[int] = []
        for block in self.blocks:
            own = range(block.copy, block.copy + block.mul)
            if order == "mul_ir":
                copies += [k for k in own for _ in range(block.dim)]
            else:
                copies += [k for _ in range(block.dim) for k in own]
        scalars = [block for block in self.blocks if block.scalar]
        columns = [c for block in scalars for c in range(block.start, block.stop)]
        self.dim = self.blocks[-1].stop
        self.num_copies = self.blocks[-1].copy + self.blocks[-1].mul
        self.num_scalars = len(columns)
        runs: list[tuple[int, int, bool]] = []
        for block in self.blocks:
            if runs and runs[-1][2] == block.scalar:
                runs[-1] = (runs[-1][0], block.stop, block.scalar)
            else:
                runs.append((block.start, block.stop, block.scalar))
        # For the compiled kernels: runs of columns that are, or are not, even scalars; blocks.
        self.table = np.array(runs, dtype=np.int64)
        self.kinds_table = kinds_table(self.blocks)
        self.parities_table = parities_table(self.blocks)
        # A slice where it can be one: views cost nothing.
        self._scalar_run = None
        if columns and columns[-1] - columns[0] + 1 == len(columns):
            self._scalar_run = (columns[0], columns[-1] + 1)
        own_copies = [k for b in scalars for k in range(b.copy, b.copy + b.mul)]
        higher = [k for b in self.blocks if b.degree for k in range(b.copy, b.copy + b.mul)]
        dims = [block.dim for block in self.blocks for _ in range(block.mul)]
        for name, values in (
            ("copy_of_column", copies),
            ("scalar_columns", columns),
            ("scalar_copies", own_copies),
            ("higher_copies", higher),
            ("dims", dims),
        ):
            index = torch.tensor(values, dtype=torch.int64)
            self.register_buffer(name, index, persistent=False)
        odd = [b.irrep == (0, -1) for b in self.blocks for _ in range(b.stop - b.start)]
        self.register_buffer("odd_scalar_columns", torch.tensor(odd), persistent=False)

    def __repr__(self) -> str:
        return f"Layout({self.irreps!r}, order={self.order!r})"

    def irrep_counts(self) -> dict[tuple[int, int], int]:
        """Number of copies of every kind of irrep, over all of its blocks."""
        counts: dict[tuple[int, int], int] = {}
        for block in self.blocks:
            counts[block.irrep] = counts.get(block.irrep, 0) + block.mul
        return counts

    def to_columns(self, per_copy: Tensor) -> Tensor:
        """Give every column its copy's value: (..., K) -> (..., D)."""
        if self.num_copies == self.dim:
            return per_copy
        return per_copy.index_select(-1, self.copy_of_column)

    def sum_copies(self, per_column: Tensor) -> Tensor:
        """Sum over the components of every copy: (..., D) -> (..., K)."""
        if self.num_copies == self.dim:
            return per_column
        if per_column.dim() == 1:
            out = per_column.new_zeros(self.num_copies)
            return out.index_add(0, self.copy_of_column, per_column)
        return torch.cat([sum_block(per_column, b, self.order) for b in self.blocks], dim=-1)

    def scalars(self, x: Tensor) -> Tensor:
        """The columns of even scalars: (..., D) -> (..., K0), a view where they are neighbours."""
        if self._scalar_run is not None:
            return x[..., self._scalar_run[0] : self._scalar_run[1]]
        return x.index_select(-1, self.scalar_columns)

    def scalars_of_copies(self, per_copy: Tensor) -> Tensor:
        """The values of even scalars among those of all copies: (..., K) -> (..., K0)."""
        own = [b for b in self.blocks if b.scalar]
        parts = [per_copy[..., b.copy : b.copy + b.mul] for b in own]
        return parts[0] if len(parts) == 1 else torch.cat(parts or [per_copy[..., :0]], dim=-1)

    def with_scalars(self, scalars: Tensor, others: Tensor) -> Tensor:
        """Put even scalars, (..., K0), in the place of those of a tensor (..., K) or (..., D).

        Made of views, whose gradient is no scatter.
        """
        if self.num_scalars == 0:
            return others
        wide = others.shape[-1] == self.dim
        sizes = [block.stop - block.start if wide else block.mul for block in self.blocks]
        own = iter(torch.split(scalars, [block.mul for block in self.blocks if block.scalar], -1))
        return torch.cat(
            [
                next(own) if block.scalar else other
                for block, other in zip(self.blocks, torch.split(others, sizes, -1), strict=True)
            ],
            dim=-1,
        )

    def add_to_scalars(self, x: Tensor, values: Tensor) -> Tensor:
        """Add to the columns of even scalars: (N, D) and (K0,) or (N, K0) -> (N, D)."""
        if self.num_scalars == 0:
            return x
        if values.dim() < x.dim():
            return x + values.new_zeros(self.dim).index_copy(0, self.scalar_columns, values)
        return x.index_add(-1, self.scalar_columns, values)

    def add_to_scalars_(self, x: Tensor, values: Tensor) -> None:
        """Add to the columns of even scalars in place: (N, D) and what broadcasts to (N, K0)."""
        if self._scalar_run is not None:
            x[..., self._scalar_run[0] : self._scalar_run[1]].add_(values)
        elif self.num_scalars:
            x.index_add_(-1, self.scalar_columns, values.expand(x.shape[0], self.num_scalars))

    def set_scalars_(self, x: Tensor, values: Tensor) -> None:
        """Overwrite the columns of even scalars: (..., D) and (..., K0)."""
        if self._scalar_run is not None:
            x[..., self._scalar_run[0] : self._scalar_run[1]].copy_(values)
        elif self.num_scalars:
            x.index_copy_(-1, self.scalar_columns, values)

    def scalars_to_copies(self, values: Tensor, others: float) -> Tensor:
        """Values of the even scalars among those of all copies: (K0,) -> (K,)."""
        whole = torch.full((self.num_copies,), others, dtype=values.dtype, device=values.device)
        return whole.index_copy(0, self.scalar_copies, values)

    def of_irrep(self, per_copy: Tensor, irrep: tuple[int, int]) -> Tensor:
        """The values of all copies of one kind of irrep: (..., K) -> (..., C)."""
        own = [b for b in self.blocks if b.irrep == irrep]
        return torch.cat([per_copy[..., b.copy : b.copy + b.mul] for b in own], dim=-1)
