"""What a check can find, by name, and one finding of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eqnorm.testing.cases import Case, Motion

# Every name a violation or warning can have, with what it says of the model.
MEANING: dict[str, str] = {
    "rotation": "turning the input does not turn the output",
    "reflection": "mirroring the input does not mirror the output",
    "translation": "moving the input does not move the output",
    "permutation": "relabelling nodes and edges does more than relabel the output",
    "independence": "a graph's output depends on the other graphs of its batch",
    "mutation": "an argument is written into",
    "determinism": "the same input gives different outputs",
    "state": "the output depends on earlier calls",
    "non-finite": "finite input gives NaN or Inf",
    "non-finite gradient": "the gradient is NaN or Inf at a finite input",
    "gradient": "the gradient does not transform as the symmetry demands",
    "precision": "arithmetic of lower precision is hidden inside the model",
    "vacuous": "the output is constant, so that any symmetry holds",
    "raises": "a legitimate input raises an error",
}
SYMMETRIES = ("rotation", "reflection", "translation", "permutation", "independence")


@dataclass(frozen=True, eq=False)
class Finding:
    """One violation, with the input that shows it.

    Attributes:
        name: a key of ``MEANING``.
        message: what was seen.
        error: relative error, where there is one.
        limit: what was allowed.
        output: name of the output in question.
        case: the drawn input; None if the user's sample was used.
        motion: the group element.
        arguments: the concrete arguments.
        serious: False for a warning.
        code: Python that shows the violation again.
    """

    name: str
    message: str
    error: float = 0.0
    limit: float = 0.0
    output: str = ""
    case: Case | None = None
    motion: Motion | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    serious: bool = True
    code: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "message": self.message,
            "error": self.error,
            "limit": self.limit,
            "output": self.output,
            "case": None if self.case is None else repr(self.case),
            "motion": None if self.motion is None else repr(self.motion),
            "code": self.code,
        }
