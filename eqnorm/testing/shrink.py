"""From a counterexample to the smallest system and simplest group element that still shows it."""

from __future__ import annotations

import dataclasses
from typing import Any

from eqnorm.testing.cases import simpler
from eqnorm.testing.context import Example
from eqnorm.testing.examine import examine
from eqnorm.testing.findings import Finding
from eqnorm.testing.search import Search

ATTEMPTS = 80


def shrink(search: Search, finding: Finding, attempts: int = ATTEMPTS) -> Finding:
    """Try simpler descriptions, greedily, as long as a violation of the same name remains.

    Args:
        search: that found it.
        finding: with its case; returned as it is if it has none.
        attempts: how many inputs to try at most.
    """
    best = finding
    progress = True
    while progress and attempts > 0:
        progress = False
        for part in ("case", "motion"):
            value = getattr(best, part)
            if value is None:
                continue
            for variant in simpler(value):
                if attempts <= 0:
                    break
                attempts -= 1
                shown = again(search, best, **{part: variant})
                if shown is not None:
                    best = shown
                    progress = True
                    break
    return best


def again(search: Search, finding: Finding, **changes: Any) -> Finding | None:
    """Whether a changed description shows a violation of the same name."""
    changed = dataclasses.replace(finding, **changes)
    if changed.motion is None:
        return None
    arguments = changed.arguments
    if changed.case is not None:
        arguments = search.arguments(changed.case)
    example = Example(
        search.subject, search.options, search.judge, arguments, changed.motion, changed.case, 0
    )
    found, _ = examine(example)
    for new in found:
        if new.name == finding.name:
            # The motion asked for, not the part of it that was needed, so that it is simplified.
            return new
    return None
