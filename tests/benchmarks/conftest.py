"""What timings need: one thread, and the paths put back that they chose between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from eqnorm.bench import paths


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with paths.restored():
        yield
    torch.set_num_threads(before)
