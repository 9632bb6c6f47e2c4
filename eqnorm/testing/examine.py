"""All checks on one example, in the order in which one finding explains the next away."""

from __future__ import annotations

from eqnorm.testing.checks import finite, hygiene, precision, symmetry
from eqnorm.testing.context import Example
from eqnorm.testing.findings import Finding
from eqnorm.testing.outputs import Field

GRADIENT_EVERY = 3


def examine(example: Example) -> tuple[list[Finding], list[Field] | None]:
    """Run the checks.

    Returns:
        What was found, and the outputs if they are finite.

    Raises:
        TypeError: the output is not what was declared.
        ValueError: its shape is not.
    """
    options = example.options
    fields, found = finite.first_call(example)
    if fields is None:
        return _wanted(example, found), None
    if options.wants("determinism") or options.wants("state"):
        found += hygiene.check_repeats(example, fields)
    if any(finding.name == "determinism" for finding in found):
        return _wanted(example, found), fields
    broken = symmetry.check_symmetries(example) or symmetry.check_alone(example)
    found += broken
    if not broken and example.number % GRADIENT_EVERY == 0:
        found += symmetry.check_gradient(example)
        if example.options.wants("precision"):
            found += precision.check_precision(example)
    return _wanted(example, found), fields


def _wanted(example: Example, found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if example.options.wants(finding.name)]
