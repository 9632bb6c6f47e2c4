"""Where numba is missing, or has nowhere to keep compiled code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numba
import pytest

from eqnorm.nbody._numba import compiled


def double(x: float) -> float:
    return 2 * x


def test_compiled_code_is_kept_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def without_a_place(**options: Any) -> Callable[..., Any]:
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        decorate: Callable[..., Any] = njit(**options)
        return decorate

    monkeypatch.setattr(numba, "njit", without_a_place)
    assert compiled(double)(2.0) == 4.0


def test_without_numba_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("eqnorm.nbody")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install 'eqnorm-zoo\[nbody\]'"):
        __import__("eqnorm.nbody")
