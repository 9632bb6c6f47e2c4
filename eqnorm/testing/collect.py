"""From what a search found to the violations and warnings of a report."""

from __future__ import annotations

from collections.abc import Iterable

from eqnorm.testing.cases import Motion
from eqnorm.testing.checks.hygiene import check_buffers
from eqnorm.testing.context import Example, Options
from eqnorm.testing.findings import MEANING, SYMMETRIES, Finding
from eqnorm.testing.search import Search


def sort_findings(search: Search, options: Options) -> tuple[list[Finding], list[Finding]]:
    """Violations and warnings, in the order of ``MEANING``."""
    if "state" not in search.found and options.wants("state") and search.examples:
        probe = Example(search.subject, options, search.judge, {}, Motion(), None, search.examples)
        for finding in check_buffers(probe):
            search.found[finding.name] = finding
    for name in search.constancy.constant():
        if options.wants("vacuous"):
            text = f"output {name!r} is" if name else "the output is"
            search.warnings.setdefault(
                "vacuous",
                Finding("vacuous", f"{text} the same for every input", output=name, serious=False),
            )
    violations, warnings = dict(search.found), {}
    if violations.keys() & set(SYMMETRIES):
        violations.pop("gradient", None)  # it says nothing new
    for name, finding in search.warnings.items():
        if name in options.strict:
            violations.setdefault(name, finding)
        elif name not in violations:
            warnings[name] = finding
    order = list(MEANING)
    return (
        sorted(violations.values(), key=lambda f: order.index(f.name)),
        sorted(warnings.values(), key=lambda f: order.index(f.name)),
    )


def strict_names(strict: bool | Iterable[str]) -> frozenset[str]:
    """Names of the warnings that are to be violations."""
    if isinstance(strict, bool):
        return frozenset(MEANING) if strict else frozenset()
    names = frozenset([strict] if isinstance(strict, str) else strict)
    check_names(names, "strict")
    return names


def check_names(names: frozenset[str], argument: str) -> None:
    """Refuse names that no violation has."""
    unknown = sorted(names - MEANING.keys())
    if unknown:
        raise ValueError(
            f"{argument} names {', '.join(map(repr, unknown))}; choose from {', '.join(MEANING)}"
        )
