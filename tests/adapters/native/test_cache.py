"""Files of compiled kernels: one that is not as it was written is never loaded."""

from __future__ import annotations

import os

import pytest

from eqnorm_adapters.native import _cache


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_a_truncated_file_is_not_found(tmp_path, share):
    content = os.urandom(20_000)
    made = _cache.install(tmp_path, "toy-1", lambda draft: draft.write_bytes(content))
    assert list(tmp_path.iterdir()) == [made]
    assert _cache.find(tmp_path, "toy") is None  # another kernel's
    assert made.read_bytes() == content
    made.write_bytes(content[: int(share * len(content))])
    assert _cache.find(tmp_path, "toy-1") == (made if share == 1 else None)
    assert made.exists() == (share == 1)
