"""Rotation, reflection, translation, permutation, independence of graphs, and precision."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from eqnorm.testing import transforms
from eqnorm.testing.cases import Motion
from eqnorm.testing.compare_sides import Alone, Comparison, Equivariance, GradientEquivariance
from eqnorm.testing.context import Example
from eqnorm.testing.findings import Finding
from eqnorm.testing.judge import Verdict
from eqnorm.testing.look import HIGH, measure_cast
from eqnorm.testing.lowprecision import low_precision
from eqnorm.testing.tolerances import TOLERANCES


def check_symmetries(example: Example) -> list[Finding]:
    """Everything at once first; only if that deviates, one symmetry at a time."""
    motion = wanted(example, example.motion)
    apart = example.options.wants("independence")
    if not _suspicious(example, _equivariance(example, motion, apart)):
        return []
    found: list[Finding] = []
    for name, single in singles(example, motion):
        if name == "independence" and found:
            break  # what breaks for all graphs alike also breaks for each its own way
        finding = _judge(
            example, name, _equivariance(example, single, name == "independence"), single
        )
        if finding is not None:
            found.append(finding)
    if found:
        return found
    for name, part, graphs in _pairs(example, motion, apart):
        finding = _judge(example, name, _equivariance(example, part, graphs), part)
        if finding is not None:
            return [dataclasses.replace(finding, message=f"{finding.message}, in combination")]
    return []


def _pairs(example: Example, motion: Motion, apart: bool) -> list[tuple[str, Motion, bool]]:
    """Combinations, for what no symmetry shows by itself: relabelling, geometry, all."""
    still = dataclasses.replace(motion, rotation="none", reflect=False, shift=0.0)
    named = next((name for name, _ in singles(example, motion)), "independence")
    return [
        ("permutation" if motion.permute else "independence", still, apart),
        (named, dataclasses.replace(motion, permute=False), False),
        (named, motion, apart),
    ]


def check_alone(example: Example) -> list[Finding]:
    """A graph of the batch by itself."""
    count = example.subject.structure(example.arguments).num_graphs
    if count < 2 or not example.options.wants("independence"):
        return []
    comparison = Alone(example.subject, example.motion.seed % count)
    if not _suspicious(example, comparison):
        return []
    finding = _judge(example, "independence", comparison, example.motion)
    if finding is None:
        return []
    what = f"graph {comparison.graph} alone and in its batch differ"
    return [dataclasses.replace(finding, message=f"{what}: {finding.message}")]


def check_gradient(example: Example) -> list[Finding]:
    """Gradients under the whole motion."""
    options = example.options
    if not options.wants("gradient") or example.subject.no_gradient:
        return []
    motion = wanted(example, example.motion)
    comparison = GradientEquivariance(
        example.subject, _move(example, motion, options.wants("independence"))
    )
    try:
        if not _suspicious(example, comparison):
            return []
        finding = _judge(example, "gradient", comparison, motion)
    except RuntimeError as error:
        # Autograd's own complaint, of a model that writes where it must not.
        written = "inplace operation" in str(error)
        text = f"no gradient by the inputs: {str(error).splitlines()[0]}"
        return [example.finding("mutation" if written else "raises", text, motion=motion)]
    return [] if finding is None else [finding]


def wanted(example: Example, motion: Motion) -> Motion:
    """The part of a motion that the group asked for contains."""
    options = example.options
    return dataclasses.replace(
        motion,
        rotation=motion.rotation if options.wants("rotation") else "none",
        reflect=motion.reflect and options.wants("reflection"),
        shift=motion.shift if options.wants("translation") else 0.0,
        permute=motion.permute and options.wants("permutation"),
    )


def singles(example: Example, motion: Motion) -> list[tuple[str, Motion]]:
    """One symmetry at a time: its name, and a motion with only that."""
    nothing = Motion("none", False, 0.0, False, motion.seed)
    options = example.options
    parts: list[tuple[str, Motion]] = []
    if motion.rotation != "none":
        parts.append(("rotation", dataclasses.replace(nothing, rotation=motion.rotation)))
    if motion.reflect:
        parts.append(("reflection", dataclasses.replace(nothing, reflect=True)))
    if motion.shift:
        parts.append(("translation", dataclasses.replace(nothing, shift=motion.shift)))
    if motion.permute:
        parts.append(("permutation", dataclasses.replace(nothing, permute=True)))
    several = example.subject.structure(example.arguments).num_graphs > 1
    if several and options.wants("independence"):
        parts.append(("independence", dataclasses.replace(motion, permute=False)))
    return parts


def _move(example: Example, motion: Motion, graphs: bool) -> transforms.Move:
    structure = example.subject.structure(example.arguments)
    return transforms.make_move(motion, structure, example.slots, graphs, example.arguments)


def _equivariance(example: Example, motion: Motion, graphs: bool) -> Equivariance:
    return Equivariance(example.subject, _move(example, motion, graphs))


def _suspicious(example: Example, comparison: Comparison) -> bool:
    """Whether the deviation exceeds rounding; tells the search how far it is."""
    judge = example.judge
    dtype = example.subject.dtype if example.subject.twin_error else HIGH
    point = measure_cast(example.arguments, dtype)
    look, base = judge.look(comparison, point, dtype)
    if look.ratio > 0 and math.isfinite(look.ratio):
        example.score = max(example.score, math.log10(look.ratio))
        example.error = max(example.error, look.error)
    if not base or look.ratio <= max(1.0, judge.known_rounding):
        return False
    # Most of what exceeds the limit of a well-conditioned model is within that of this one.
    return not judge.with_condition(comparison, point, dtype, base).ratio <= 1


def _judge(example: Example, name: str, comparison: Comparison, motion: Motion) -> Finding | None:
    verdict = example.judge.judge(comparison, example.arguments)
    if not verdict.violated and not verdict.rounding:
        return None
    lowered = low_precision(example.subject, example.arguments)
    details: dict[str, Any] = {
        "error": verdict.look.error,
        "limit": verdict.look.limit,
        "output": verdict.look.where,
        "motion": motion,
    }
    rounding = verdict.rounding and not (verdict.same and not lowered)
    if verdict.violated and not (rounding or _explained(verdict, lowered)):
        return example.finding(name, _message(verdict, name), **details)
    text = f"rounding errors under {name}: {_message(verdict, name)}"
    if lowered:
        text += f"; the model computes in {lowered}"
    finding = example.finding("precision", text, serious=verdict.violated, **details)
    if finding.serious:
        return finding
    example.notes.append(finding)
    seen, _ = example.judge.look(comparison, measure_cast(example.arguments, HIGH), HIGH)
    if seen.ratio < TOLERANCES.rounding and not example.subject.twin_error:
        example.judge.known_rounding = max(example.judge.known_rounding, 4 * seen.ratio)
    return None


def _explained(verdict: Verdict, lowered: str) -> bool:
    """Whether hidden low precision is enough to explain a violation."""
    unit = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24}.get(lowered, 0.0)
    return verdict.look.ratio * 2.0**-53 < unit


def _message(verdict: Verdict, name: str) -> str:
    look = verdict.look
    where = f" in output {look.where!r}" if look.where else ""
    return f"relative error {look.error:.1e}{where}, allowed {look.limit:.1e}"
