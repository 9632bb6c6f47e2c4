"""Tests of the compiled kernels need a compiler; those of what happens without one do not."""

from __future__ import annotations

import pytest

from eqnorm_adapters import native
from eqnorm_adapters.native import _library


@pytest.fixture
def compiled(monkeypatch):
    """The compiled kernels, turned on for this test whatever the environment says."""
    monkeypatch.setattr(_library, "_wanted", True)
    if not native.native_available():
        pytest.skip("no C compiler on this machine")
