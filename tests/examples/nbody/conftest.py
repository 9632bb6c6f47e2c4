"""What the tests of the training application share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where data sets are kept, so that each is made once."""
    return tmp_path_factory.mktemp("cache")
