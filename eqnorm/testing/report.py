"""The result of a check, and the error raised from it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from eqnorm.testing.findings import MEANING, Finding


@dataclass(frozen=True, eq=False)
class Report:
    """What a check found.

    Attributes:
        subject: name of the function or module.
        group: name of the group.
        dtype: that was checked.
        device: that it was checked on.
        violations: at most one of each name, the worst first in the order of the checks.
        warnings: what is suspicious but breaks no promise.
        checked: names that were looked for.
        examples: number of inputs.
        seconds: that it took.
        error: largest relative error of any symmetry seen, in the accuracy of the judge.
        notes: what could not be checked, and why.
    """

    subject: str
    group: str
    dtype: str
    device: str
    violations: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    checked: tuple[str, ...] = ()
    examples: int = 0
    seconds: float = 0.0
    error: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the violations."""
        return tuple(finding.name for finding in self.violations)

    def __bool__(self) -> bool:
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "ok": self.ok,
            "subject": self.subject,
            "group": self.group,
            "dtype": self.dtype,
            "device": self.device,
            "violations": [finding.to_dict() for finding in self.violations],
            "warnings": [finding.to_dict() for finding in self.warnings],
            "checked": list(self.checked),
            "examples": self.examples,
            "seconds": self.seconds,
            "error": self.error,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """The same as text; NaN and Inf as strings."""
        return json.dumps(_plain(self.to_dict()), indent=2, allow_nan=False)

    def __str__(self) -> str:
        verdict = "ok" if self.ok else f"{len(self.violations)} violation(s)"
        lines = [
            f"{self.subject}: {self.group}, {self.dtype} on {self.device}: {verdict} "
            f"({self.examples} examples, {self.seconds:.1f} s)"
        ]
        for finding in self.violations:
            lines += ["", f"{finding.name}: {MEANING[finding.name]}", f"  {finding.message}"]
            if finding.case is not None:
                lines.append(f"  smallest system: {finding.case!r}")
            if finding.motion is not None:
                lines.append(f"  simplest element: {finding.motion!r}")
            if finding.code:
                lines += [
                    "  to see it again:",
                    *(f"    {row}" for row in finding.code.splitlines()),
                ]
        for finding in self.warnings:
            lines += ["", f"warning, {finding.name}: {finding.message}"]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


class EquivarianceError(AssertionError):
    """A declared symmetry does not hold, or another check failed.

    Attributes:
        report: the whole report.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def _plain(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
