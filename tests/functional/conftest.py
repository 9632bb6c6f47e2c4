"""Both implementations pass the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eqnorm.functional import irreps


@pytest.fixture(params=["torch", "compiled"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test with torch alone and with the compiled kernels."""
    before = irreps.compiled_available()
    irreps.use_compiled(request.param == "compiled")
    if request.param == "compiled" and not irreps.compiled_available():
        pytest.skip("numba is not installed")
    yield request.param
    irreps.use_compiled(before)
