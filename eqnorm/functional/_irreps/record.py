"""What C is told of a row norm; imported only where numba is installed."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

from torch import Tensor

from eqnorm.functional._irreps.rows import Rows
from eqnorm.functional._kernels import rows_c
from eqnorm.functional._record import Record

_Table = ctypes.c_int64 * rows_c.SIZE
_addresses = functools.cache(rows_c.addresses)


def record(
    nodes: int,
    weight: Tensor,
    bias: Tensor,
    how: Rows,
    kept: int,
    gradients: Sequence[Tensor | None],
) -> tuple[Record, object]:
    """The record, and what must live as long as it is used.

    Args:
        nodes: N.
        weight: shape (K,), contiguous like the next.
        bias: shape (K0,).
        how: groups of columns, and eps.
        kept: address of N (Q + 1) float32 numbers.
        gradients: of weight and bias, () before there are any.
    """
    layout = how.layout
    tensors = (layout.copy_of_column, weight, bias, *gradients)
    copies, *others = (0 if t is None else t.data_ptr() for t in tensors)
    numbers = _Table(
        *(nodes, layout.dim, len(how.table), how.num_groups, weight.shape[0], bias.shape[0]),
        *(how.table.ctypes.data, how.divisors.ctypes.data, how.eps_table.ctypes.data),
        *(copies, kept, *others),
    )
    return Record(*_addresses(), ctypes.addressof(numbers)), numbers
