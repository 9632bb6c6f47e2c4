"""Compiled loops as C functions, of the form that :mod:`eqnorm.functional._record` tells of."""

from __future__ import annotations

import importlib
from typing import Any

_types = importlib.import_module("numba").types


def addresses(forward: Any, backward: Any) -> tuple[int, int]:
    """Of both; compiles them where that has not been done."""
    integers, numbers = _types.CPointer(_types.int64), _types.CPointer(_types.float64)
    shared = (integers, integers, numbers)
    return (
        _address(forward, *shared, _types.float64, *[_types.int64] * 3),
        _address(backward, *shared, *[_types.int64] * 7),
    )


def _address(function: Any, *arguments: Any) -> int:
    made = function.get_compile_result(_types.void(*arguments))
    found: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return found
