"""Compiled code on disk, which is out of date when any of the kernels' sources has changed.

numba asks for the time and size of the one file that a function is in, and goes on with old code
after a change of what the function calls: after a pull, or where an installer sets all times alike.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])
# By name: numba is optional, and nothing imports this module where it is missing.
njit = importlib.import_module("numba").njit
_HERE = Path(__file__).parent


def sources() -> list[Path]:
    """All files that compiled code is made from, constants among them."""
    return [*sorted(_HERE.glob("*.py")), _HERE.parent / "_points" / "recipe.py"]


@functools.cache
def stamp() -> tuple[str, int]:
    """Of the content of all sources, in the form of numba's own."""
    whole = hashlib.sha256()
    for path in sources():
        whole.update(path.read_bytes())
    return whole.hexdigest(), len(sources())


def on_disk(function: _F, options: Mapping[str, Any]) -> _F:
    """Compile a function, and keep the code on disk where that is possible."""
    try:
        cached: _F = by_content(njit(cache=True, **options)(function))
        return cached
    except RuntimeError:  # no place to write to: compile in every process
        plain: _F = njit(**options)(function)
        return plain


def by_content(compiled: Any) -> Any:
    """The function that was given, with its file on disk bound to the content of all sources."""
    # The attribute is numba's own affair: where it is called otherwise, numba's stamp has to do.
    with contextlib.suppress(AttributeError, OSError):
        file = compiled._cache._cache_file
        if hasattr(file, "_source_stamp"):
            file._source_stamp = stamp()
    return compiled
