"""One example under examination: what every check is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eqnorm.symmetry import Symmetry
from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.declare import Slot
from eqnorm.testing.findings import Finding
from eqnorm.testing.judge import Judge
from eqnorm.testing.subject import Subject


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        group: the geometric symmetries to check.
        permutation: whether relabelling is checked.
        independence: whether the graphs of a batch must not see one another.
        gradients: whether gradients are checked.
        skip: names of checks left out.
        strict: names of warnings that are to be errors.
    """

    group: Symmetry
    permutation: bool = True
    independence: bool = True
    gradients: bool = True
    skip: frozenset[str] = frozenset()
    strict: frozenset[str] = frozenset()

    def wants(self, name: str) -> bool:
        """Whether a check is to be made."""
        if name in self.skip:
            return False
        asked = {
            "rotation": Symmetry.ROTATION in self.group,
            "reflection": Symmetry.REFLECTION in self.group,
            "translation": Symmetry.TRANSLATION in self.group,
            "permutation": self.permutation,
            "independence": self.independence,
            "gradient": self.gradients,
            "non-finite gradient": self.gradients,
        }
        return asked.get(name, True)


@dataclass(eq=False)
class Example:
    """One input and group element.

    Attributes:
        subject: the model.
        options: what is asked for.
        judge: the error model.
        arguments: the input, in the model's dtype.
        motion: the group element and relabelling.
        case: the description the input was built from, if it was.
        number: how many examples went before.
        score: of the deviation seen, log10 of error over limit; for the search.
        error: largest relative deviation of any symmetry seen, in the accuracy of the judge.
        notes: warnings.
    """

    subject: Subject
    options: Options
    judge: Judge
    arguments: dict[str, Any]
    motion: Motion
    case: Case | None
    number: int
    score: float = -20.0
    error: float = 0.0
    notes: list[Finding] = field(default_factory=list)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The declared arguments."""
        return self.subject.slots

    def finding(
        self, name: str, message: str, motion: Motion | None = None, **more: Any
    ) -> Finding:
        """A finding at this example."""
        return Finding(
            name,
            message,
            case=self.case,
            motion=motion or self.motion,
            arguments=self.arguments,
            **more,
        )
