"""Lower precision hidden inside a model, where symmetry alone does not show it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqnorm.testing import measure, neighbors
from eqnorm.testing.context import Example
from eqnorm.testing.findings import Finding
from eqnorm.testing.look import HIGH, measure_cast
from eqnorm.testing.lowprecision import low_precision
from eqnorm.testing.outputs import Field
from eqnorm.testing.tolerances import TOLERANCES


def check_precision(example: Example) -> list[Finding]:
    """Does the output follow a displacement far below the hidden precision?

    A model of invariants that are rounded to float32 is as symmetric as one that is not. But its
    output is a staircase: the slope over a tiny step is not that over a small one. Asked only of
    models that are seen to compute in a lower precision than their input's.
    """
    subject = example.subject
    lowered = low_precision(subject, example.arguments)
    if not lowered or subject.twin_error:
        return []
    where = measure.positions(example.arguments, example.slots)
    size = measure.extent(where, subject.structure(example.arguments)).size if where else 1.0
    point = measure_cast(example.arguments, HIGH)
    base = subject.call_double(point)
    jumps = 0
    for seed in range(TOLERANCES.probes):
        tiny = _slope(example, point, base, TOLERANCES.tiny_step, size, seed)
        small = _slope(example, point, base, TOLERANCES.small_step, size, seed)
        gap = float((tiny - small).norm())
        jumps += gap > TOLERANCES.staircase * float(small.norm())
    if jumps < TOLERANCES.probes:
        return []
    return [example.finding("precision", f"the output is a staircase: {lowered} inside the model")]


def _slope(
    example: Example,
    point: dict[str, Any],
    base: list[Field],
    step: float,
    size: float,
    seed: int,
) -> Tensor:
    near = neighbors.displaced(point, example.slots, step, size, 500 + seed)
    moved = example.subject.call_double(near)
    changes = [
        ((m.value.double() - b.value.double()) / step).flatten()
        for b, m in zip(base, moved, strict=True)
    ]
    return torch.cat(changes)
