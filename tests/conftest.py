"""What all tests share: Hypothesis profiles, devices, seeds, one thread a process."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

# Two test processes on two cores: more threads would only wait for each other. It also makes
# float32 sums come out the same from run to run.
torch.set_num_threads(1)

# No deadline: the first example of a test pays for imports and compilation. Drawing a system and
# running a network on it is slow by Hypothesis' measure, and meant.
_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("dev", max_examples=25, **_COMMON)
# Derandomised: a red build is a change's fault. New examples are for dev and thorough to find.
settings.register_profile("ci", max_examples=25, derandomize=True, print_blob=True, **_COMMON)
settings.register_profile("thorough", max_examples=500, print_blob=True, **_COMMON)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start every test from the same random state, whatever ran before it in the process."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global state is what needs resetting
    torch.manual_seed(0)


# The fixtures below are constants, and so of session scope: Hypothesis accepts them beside @given.
@pytest.fixture(
    scope="session",
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
            ],
        ),
    ],
)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Run the test once on each kind of device; CUDA is skipped, and says so, where absent."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def seeded() -> Callable[[int], torch.Generator]:
    """Make a generator of one's own: `seeded(3)` gives the same numbers in any test."""
    return lambda seed: torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def max_examples() -> int:
    """How many examples the profile asks for, for tests that draw through `eqnorm.testing`."""
    return settings().max_examples
