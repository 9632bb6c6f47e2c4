"""The one place where numba, which has no type hints, is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

try:
    import numba
except ImportError as error:
    raise ImportError(
        "eqnorm.nbody compiles its simulator with numba, which is not installed. "
        "Install it with: pip install 'eqnorm-zoo[nbody]'"
    ) from error

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compiles a function to machine code that runs without the GIL.

    The code is kept in numba's cache: `NUMBA_CACHE_DIR` if set, else `__pycache__` beside the
    source, else the user's cache directory where the former cannot be written. No `fastmath`: the
    arithmetic is IEEE's in the order written, so results do not depend on the machine.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        result: Function = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither place can be written: compile in every process
        result = numba.njit(**options)(function)
    return result
