"""Mutation of arguments, randomness, and state kept between calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eqnorm.graph import Graph
from eqnorm.testing import measure, neighbors
from eqnorm.testing.context import Example
from eqnorm.testing.findings import Finding
from eqnorm.testing.outputs import Field
from eqnorm.testing.subject import clone, modules_of
from eqnorm.testing.tolerances import TOLERANCES, unit_roundoff

FRESH_EXAMPLES = 8


def check_mutation(
    example: Example, before: dict[str, Any], after: dict[str, Any]
) -> list[Finding]:
    """Arguments passed to the model against copies made before."""
    written = [name for name in before if not _same(before[name], after[name])]
    if not written:
        return []
    return [example.finding("mutation", f"the model writes into {', '.join(written)}")]


def check_repeats(example: Example, first: list[Field]) -> list[Finding]:
    """The same input again, with other random numbers; and on a copy never called before."""
    subject = example.subject
    kept, passed = clone(example.arguments), clone(example.arguments)
    again = _call(example, passed, subject.model(), 1)
    # A model may write into its arguments only where no gradient is asked for.
    written = check_mutation(example, kept, passed)
    if not _differ(example, first, again):
        if example.number >= FRESH_EXAMPLES or subject.fresh:
            return written
        return written + _check_fresh(example)
    if _meant_in_training(example, seeds=(0, 1)):
        return []
    fresh = [_fresh_call(example, example.arguments, seed) for seed in (0, 0, 1)]
    if not _differ(example, fresh[0], fresh[1]):
        if _differ(example, fresh[0], fresh[2]):
            return [
                example.finding(
                    "determinism",
                    "two calls with the same input differ, by "
                    f"{_gap(example, first, again):.1e} relative: random numbers are read",
                )
            ]
        subject.fresh = True
        return [_state(example, first, again, "two calls in a row with the same input differ")]
    return [
        example.finding(
            "determinism",
            "two calls with the same input and the same random numbers differ, by "
            f"{_gap(example, first, again):.1e} relative",
        )
    ]


def check_buffers(example: Example) -> list[Finding]:
    """Buffers and parameters of the copy that was called, against the model's own."""
    subject = example.subject
    if subject.training or subject.fresh:
        return []
    for old, new in zip(modules_of(subject.fn), modules_of(subject.model()), strict=False):
        was = {**dict(old.named_buffers()), **dict(old.named_parameters())}
        for name, value in [*new.named_buffers(), *new.named_parameters()]:
            if name in was and value.is_floating_point() and not _same(was[name], value):
                return [
                    example.finding("state", f"calls in eval mode change {name!r} of the module")
                ]
    return []


def _check_fresh(example: Example) -> list[Finding]:
    """Another input of the same shapes, on the copy called before and on a new one."""
    subject, size = example.subject, 1.0
    where = measure.positions(example.arguments, example.slots)
    if where:
        size = measure.extent(where, subject.structure(example.arguments)).size
    other = neighbors.displaced(example.arguments, example.slots, 0.5, size, 400)
    used = _call(example, clone(other), subject.model(), 0)
    fresh = _fresh_call(example, other, 0)
    if not _differ(example, used, fresh) or _meant_in_training(example, seeds=(0, 0)):
        return []
    subject.fresh = True
    return [_state(example, used, fresh, "a model called before differs from a new copy of it")]


def _state(example: Example, first: list[Field], other: list[Field], what: str) -> Finding:
    gap = _gap(example, first, other)
    return example.finding("state", f"{what}, by {gap:.1e} relative", error=gap)


def _fresh_call(example: Example, arguments: dict[str, Any], seed: int) -> list[Field]:
    return _call(example, clone(arguments), example.subject.new(), seed)


def _call(
    example: Example, arguments: dict[str, Any], model: Callable[..., Any], seed: int
) -> list[Field]:
    subject = example.subject
    with torch.no_grad():
        returned = subject.run(arguments, model, seed)
    return subject.read(returned, arguments)


def _meant_in_training(example: Example, seeds: tuple[int, int]) -> bool:
    """In train mode randomness and running statistics are meant, if eval mode has none."""
    subject = example.subject
    if not subject.training:
        return False
    model = subject.new()
    for module in modules_of(model):
        module.eval()
    outputs = [_call(example, clone(example.arguments), model, seed) for seed in seeds]
    if _differ(example, outputs[0], outputs[1]):
        return False
    subject.evaluate()
    example.notes.append(
        example.finding(
            "determinism",
            "random, or keeping statistics, in train mode only: checked in eval mode",
            serious=False,
        )
    )
    return True


def _differ(example: Example, first: list[Field], second: list[Field]) -> bool:
    return _gap(example, first, second) > TOLERANCES.constant * unit_roundoff(example.subject.dtype)


def _gap(example: Example, first: list[Field], second: list[Field]) -> float:
    structure = example.subject.structure(example.arguments)
    worst = 0.0
    scale = measure.sizes(first, structure, 0.0)
    for row, size in zip(measure.deviation(first, second), scale, strict=True):
        for value, one in zip(row, size, strict=True):
            if value:
                worst = max(worst, value / one if one else math.inf)
    return worst


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        if before.shape != after.shape:
            return False
        equal = before == after
        if before.is_floating_point():
            equal = equal | (torch.isnan(before) & torch.isnan(after))
        return bool(equal.all())
    if isinstance(before, Graph):
        return _same(before.edge_index, after.edge_index) and _same(before.batch, after.batch)
    return True
