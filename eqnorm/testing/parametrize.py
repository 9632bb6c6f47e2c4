"""Contracts as pytest parameters: one line for a package that registers a norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eqnorm.testing.promises import Contract, contracts


def parametrize_contracts(pattern: str = "*", **options: Any) -> Callable[..., Any]:
    """Decorator: run a test once for each promise, as its argument ``contract``.

    Args:
        pattern: names, shell-style.
        **options: those of :func:`contracts`.

    Example:
        In a test module of a package that registers ``"my-norm"``::

            @parametrize_contracts("my-norm")
            def test_contract(contract):
                contract.check()
    """
    import pytest

    cases = contracts(pattern, **options)
    if not cases:
        raise ValueError(f"no registered name matches {pattern!r}; import its module first")
    return pytest.mark.parametrize("contract", cases, ids=[str(case) for case in cases])


def contract_tests(pattern: str = "*", **options: Any) -> Callable[..., None]:
    """A test of all promises; one line of a test module, ``test_it = ...("my-norm")``."""

    def test_contract(contract: Contract) -> None:
        contract.check()

    test: Callable[..., None] = parametrize_contracts(pattern, **options)(test_contract)
    return test
