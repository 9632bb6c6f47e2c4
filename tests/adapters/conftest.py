"""Which path the tests of adapters take."""

from __future__ import annotations

import pytest

from eqnorm_adapters import native


@pytest.fixture
def torch_alone(monkeypatch):
    """The compiled kernels, turned off for this test whatever the environment says."""
    monkeypatch.setattr(native._library, "_wanted", False)
