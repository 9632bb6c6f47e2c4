"""Memory of tensors as arrays of the loops, by address.

Handing numba some thirty arrays takes longer than all the loops do for a thousand points: it looks
at each. A table of addresses is one array.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from eqnorm.functional._kernels.points_lengths import inner

_numba = importlib.import_module("numba")
_types, _carray = _numba.types, _numba.carray
_intrinsic = importlib.import_module("numba.extending").intrinsic
_untyped = importlib.import_module("numba.core.cgutils").voidptr_t


@_intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing: Any, address: Any) -> Any:
    """The pointer that an integer is."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], _untyped)

    return _types.voidptr(_types.int64), generate


@inner
def matrix(address: int, rows: int, columns: int, like: Any) -> Any:
    """Of the dtype of ``like``; without rows where there is no address."""
    return _carray(_pointer(address), (rows if address else 0, columns), like.dtype)


@inner
def vector(address: int, size: int, like: Any) -> Any:
    """The same with one dimension."""
    return _carray(_pointer(address), (size if address else 0,), like.dtype)


@inner
def integers(address: int, size: int) -> Any:
    """Of int64."""
    return _carray(_pointer(address), (size if address else 0,), np.int64)


@inner
def truths(address: int, size: int) -> Any:
    """Of bool."""
    return _carray(_pointer(address), (size if address else 0,), np.bool_)
