"""The search: corners first, then Hypothesis, driven towards larger deviations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eqnorm.testing import strategies
from eqnorm.testing.build import build
from eqnorm.testing.cases import Case, Motion
from eqnorm.testing.checks.vacuous import Constancy
from eqnorm.testing.context import Example, Options
from eqnorm.testing.corners import CORNERS, corners, special_motions
from eqnorm.testing.examine import examine
from eqnorm.testing.findings import SYMMETRIES, Finding
from eqnorm.testing.judge import Judge
from eqnorm.testing.reach import move_within_reach, within_reach
from eqnorm.testing.subject import Subject

# After the first violation, how many more examples are looked at for violations of other names.
AFTERWARDS = 12


@dataclass(eq=False)
class Search:
    """State of a search.

    Attributes:
        subject: the model.
        options: what is asked for.
        judge: the error model.
        fixed: values of the arguments that are left as they are.
        stop_at: stop at the first violation of one of these names; None to look for all.
        found: the first finding of each name.
        warnings: likewise.
    """

    subject: Subject
    options: Options
    judge: Judge
    fixed: Mapping[str, Any]
    stop_at: frozenset[str] | None = None
    found: dict[str, Finding] = field(default_factory=dict)
    warnings: dict[str, Finding] = field(default_factory=dict)
    examples: int = 0
    error: float = 0.0

    def __post_init__(self) -> None:
        self.constancy = Constancy()
        self._left = AFTERWARDS

    @property
    def over(self) -> bool:
        """Whether enough was found."""
        if self.stop_at is not None and self.stop_at & self.found.keys():
            return True
        return "raises" in self.found or self._left <= 0

    def look(self, arguments: dict[str, Any], motion: Motion, case: Case | None) -> Example:
        """Examine one input and note what is found."""
        motion = move_within_reach(motion, self.subject.dtype)
        example = Example(
            self.subject, self.options, self.judge, arguments, motion, case, self.examples
        )
        if self.examples == 0 and not self.subject.twin_error:
            self.subject.find_twin(arguments)
        self.examples += 1
        found, fields = examine(example)
        self.error = max(self.error, example.error)
        if any(finding.name == "state" for finding in found):
            # What was seen before may be the state's doing; new copies are called from now on.
            self.found = {n: f for n, f in self.found.items() if n not in SYMMETRIES}
        for finding in found:
            self.found.setdefault(finding.name, finding)
        for note in example.notes:
            self.warnings.setdefault(note.name, note)
        if self.found:
            self._left -= 1
        if fields is not None and (case is None or not case.still):
            self.constancy.follow(fields)
        return example

    def arguments(self, case: Case) -> dict[str, Any]:
        """The drawn arguments, with the fixed ones."""
        drawn = build(case, self.subject.slots, self.subject.dtype, self.subject.device)
        return {**drawn, **self.fixed}


def run_search(search: Search, sample: Any, max_examples: int, seed: int) -> None:
    """Look at up to ``max_examples`` inputs.

    Args:
        search: where findings go.
        sample: None for drawn systems, a mapping of arguments, a list of such, or a strategy.
        max_examples: how many.
        seed: of the search.
    """
    if isinstance(sample, st.SearchStrategy):
        drawn = st.tuples(sample, strategies.motions())
        _drive(search, drawn, max_examples, seed, lambda x: (_complete(search, x[0]), x[1], None))
        return
    if sample is not None:
        if not isinstance(sample, (Mapping, list, tuple)) or not sample:
            raise TypeError(
                "sample must be a mapping of arguments, a list of such, a Hypothesis strategy or "
                f"None, got {sample!r}"
            )
        given_inputs = [sample] if isinstance(sample, Mapping) else list(sample)
        motions = special_motions(max_examples, seed)
        for number in range(min(max_examples, 12 * len(given_inputs))):
            values = given_inputs[number % len(given_inputs)]
            search.look(_complete(search, values), next(motions), None)
            if search.over:
                return
        return
    dtype = search.subject.dtype
    for corner, motion in corners(seed)[:max_examples]:
        case = within_reach(corner, dtype)
        search.look(search.arguments(case), motion, case)
        if search.over:
            return
    both = st.tuples(
        strategies.cases().map(lambda case: within_reach(case, dtype)), strategies.motions()
    )
    rest = max_examples - len(CORNERS)
    if rest > 0:
        _drive(search, both, rest, seed, lambda x: (search.arguments(x[0]), x[1], x[0]))


def _complete(search: Search, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise TypeError(
            f"sample must give a mapping of argument names to values, got {type(values).__name__}"
        )
    result = {**values, **{k: v for k, v in search.fixed.items() if k not in values}}
    missing = [s.name for s in search.subject.slots if s.name not in result and s.role != "fixed"]
    if missing:
        raise ValueError(
            f"sample lacks {', '.join(map(repr, missing))}; it must give every declared input"
        )
    return result


def _drive(*task: Any) -> None:
    """Let Hypothesis draw.

    It objects to a test within a test, as each would drive the other's draws; in a thread of
    its own the search has nothing to do with a test around it.
    """
    if hypothesis.currently_in_test_context():
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_draw, *task).result()
    else:
        _draw(*task)


def _draw(
    search: Search,
    strategy: st.SearchStrategy[Any],
    count: int,
    seed: int,
    unpack: Callable[[Any], tuple[dict[str, Any], Motion, Case | None]],
) -> None:
    """Examine what Hypothesis draws, aiming at the logarithm of error over limit."""

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(strategy)
    def look(drawn: Any) -> None:
        if search.over:
            return
        arguments, motion, case = unpack(drawn)
        score = search.look(arguments, motion, case).score
        if math.isfinite(score):
            hypothesis.target(score, label="log10 of error over limit")

    look()
