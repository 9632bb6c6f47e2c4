"""Functions that judge a report: one that raises, one that returns the counterexample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eqnorm.testing.check import equivariance_report
from eqnorm.testing.collect import check_names
from eqnorm.testing.findings import MEANING, Finding
from eqnorm.testing.report import EquivarianceError, Report
from eqnorm.testing.signature import takes_options_of


@takes_options_of(equivariance_report)
def assert_equivariant(fn: Callable[..., Any], **options: Any) -> Report:
    """Check a function or module and raise if it breaks what it should have.

    Takes the arguments of :func:`equivariance_report`.

    Returns:
        The report, if nothing was found.

    Raises:
        EquivarianceError: a violation was found; the message holds the smallest system and
            simplest group element that show it, and code to see it again.

    Example:
        >>> def center(pos, batch):
        ...     count = batch.bincount()[:, None]
        ...     mean = pos.new_zeros(len(count), 3).index_add(0, batch, pos) / count
        ...     return pos - mean[batch]
        >>> report = assert_equivariant(
        ...     center,
        ...     inputs={"pos": "points", "batch": "batch"},
        ...     output="1o",
        ...     group="E3",
        ...     max_examples=10,
        ... )
        >>> report.ok
        True
    """
    report = equivariance_report(fn, **options)
    if not report.ok:
        raise EquivarianceError(report)
    return report


@takes_options_of(equivariance_report)
def find_violation(
    fn: Callable[..., Any], *, names: str | Iterable[str] | None = None, **options: Any
) -> Finding | None:
    """The smallest counterexample found, or None.

    Args:
        fn: the function or module.
        names: look for these violations only, e.g. ``"rotation"``; None for any.
        **options: those of :func:`equivariance_report`.
    """
    wanted = frozenset([names] if isinstance(names, str) else names or MEANING)
    check_names(wanted, "names")
    report = equivariance_report(fn, stop_at=wanted, **options)
    for finding in report.violations:
        if finding.name in wanted:
            return finding
    return None
