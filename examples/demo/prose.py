"""Phrases of the report that depend on the results."""

from __future__ import annotations

from html import escape

from examples.demo.figures import main_groups
from examples.demo.findings import baseline
from examples.demo.results import Results, Run
from examples.demo.style import model_name, number


def prose(text: str) -> str:
    """Text for HTML, with the apostrophes of print."""
    return escape(text, quote=False).replace("'", "’")


def group_title(run: Run) -> str:
    """What the runs of a group have in common."""
    last = ", norm after the last layer too" if run.options.get("norm_last") else ""
    return f"{model_name(run.model)}, {run.num_particles} particles, {run.layers} layers{last}"


def sum_up(agree: list[bool]) -> str:
    """How often declaration and measurement agree."""
    if all(agree):
        return f"Declared and measured agree in all {len(agree)} cases, in both directions."
    return f"Declared and measured agree in {sum(agree)} of {len(agree)} cases."


def count_tests(results: Results, size: int | None) -> str:
    """The number of test systems of a size."""
    base = baseline(results, size) if size else None
    return str(base.test_systems) if base else "no"


def highest(results: Results) -> str:
    """The largest error of a training batch in the main runs."""
    groups = main_groups(results)
    values = [y for r in results.runs if r.group in groups for y in r.train_mse if y is not None]
    return number(max(values, default=None))


def listed(sizes: list[int]) -> str:
    """Sizes as a phrase: 5, 20 or 50."""
    words = [str(size) for size in sizes]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
