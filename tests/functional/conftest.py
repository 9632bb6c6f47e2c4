"""Both implementations pass the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eqnorm.functional import irreps
from eqnorm.functional._points import fused
from tests.functional.points_case import loops


@pytest.fixture(params=["torch", "compiled"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test with torch alone and with the compiled kernels."""
    before = irreps.compiled_available()
    irreps.use_compiled(request.param == "compiled")
    if request.param == "compiled" and not irreps.compiled_available():
        pytest.skip("numba is not installed")
    yield request.param
    irreps.use_compiled(before)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which loops have run."""
    seen: list[str] = []
    module = fused._launch()
    for name in ("forward", "backward"):
        run = getattr(module, name)

        def noted(*args: Any, name: str = name, run: Any = run) -> Any:
            seen.append(name)
            return run(*args)

        monkeypatch.setattr(module, name, noted)
    with loops(True):
        yield seen
