"""The pytest plugin of eqnorm: settings of the checker from the command line.

Loaded by pytest wherever eqnorm is installed, and so it imports nothing heavy by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eqnorm.testing.report import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the ``equivariant`` fixture."""
    group = parser.getgroup("eqnorm", "checks of equivariance")
    group.addoption("--eqnorm-examples", type=int, default=100, help="inputs for every check")
    group.addoption("--eqnorm-seed", type=int, default=0, help="seed of the search")


@pytest.fixture
def equivariant(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """``assert_equivariant`` with the number of examples and the seed of the command line."""
    from eqnorm.testing.assertions import assert_equivariant

    def check(fn: Callable[..., Any], **options: Any) -> Report:
        __tracebackhide__ = True
        options.setdefault("max_examples", request.config.getoption("--eqnorm-examples"))
        options.setdefault("seed", request.config.getoption("--eqnorm-seed"))
        return assert_equivariant(fn, **options)

    return check
