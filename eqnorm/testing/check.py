"""The check itself: what it looks for, and the report of what it found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from eqnorm.symmetry import Symmetry, SymmetryLike
from eqnorm.testing.again import code_for
from eqnorm.testing.collect import check_names, sort_findings, strict_names
from eqnorm.testing.context import Options
from eqnorm.testing.declare import Slot, match_signature, parse_inputs, parse_output, slots_of
from eqnorm.testing.findings import MEANING
from eqnorm.testing.judge import Judge
from eqnorm.testing.report import Report
from eqnorm.testing.search import Search, run_search
from eqnorm.testing.shrink import shrink
from eqnorm.testing.subject import Subject

QUICK = 24
THOROUGH = 1000


def equivariance_report(
    fn: Callable[..., Any],
    *,
    inputs: Mapping[str, Any],
    output: Any,
    group: SymmetryLike = "SE3",
    permutation: bool = True,
    independence: bool = True,
    gradients: bool = True,
    sample: Any = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    max_examples: int = 100,
    seed: int = 0,
    quick: bool = False,
    thorough: bool = False,
    rtol: float | None = None,
    strict: bool | Iterable[str] = (),
    skip: Iterable[str] = (),
    stop_at: Iterable[str] | None = None,
) -> Report:
    """Check a function or module; violations are reported, not raised.

    Args:
        fn: the function or module. It is copied, and is not changed by the check.
        inputs: argument names to types: ``"points"``, irreps such as ``"4x0e+1o"`` (one row per
            node), ``"edge:2x0e"`` (one row per edge), ``"graph:1o"`` (one row per graph),
            ``"edge_index"`` (PyTorch Geometric's (2, E)), ``"batch"``, ``"graph"`` (an
            :class:`eqnorm.Graph`), or None for what is passed on from ``sample`` as it is.
        output: a type, None for what is not checked, or a tuple or mapping of these.
        group: the geometric symmetries, e.g. ``"SE3"``, ``"O3"``, ``"rotation"``.
        permutation: whether relabelling nodes and edges must relabel the output.
        independence: whether the graphs of a batch must not see one another.
        gradients: whether gradients are checked.
        sample: None to draw ragged batches; a mapping of arguments, a list of such, or a
            Hypothesis strategy for them.
        dtype: to check in; a float64 copy of the model serves as judge.
        device: to check on.
        max_examples: number of inputs.
        seed: of the search.
        quick: 24 examples.
        thorough: 1000 examples.
        rtol: relative tolerance instead of the error model's.
        strict: warnings that are to be violations: names, or True for all.
        skip: names of violations not to look for.
        stop_at: stop at the first violation of one of these names.

    Raises:
        TypeError: the declaration does not match the signature or the output.
        ValueError: a type name that does not parse, an output of the wrong shape.
    """
    start = time.perf_counter()
    skipped, hard = frozenset(skip), strict_names(strict)
    check_names(skipped, "skip")
    slots = parse_inputs(inputs)
    declared = parse_output(output)
    if not slots_of(declared):
        raise ValueError("output declares nothing to check; give at least one type")
    fixed = _fixed(fn, slots, sample)
    by_name = match_signature(fn, tuple(s for s in slots if s.role != "fixed" or s.name in fixed))
    subject = Subject(fn, slots, declared, dtype, str(device), by_name)
    symmetry = Symmetry.parse(group)
    options = Options(symmetry, permutation, independence, gradients, skipped, hard)
    stop = None if stop_at is None else frozenset(stop_at)
    search = Search(subject, options, Judge(rtol), fixed, stop)
    count = QUICK if quick else THOROUGH if thorough else max_examples
    if count < 1:
        raise ValueError(f"max_examples must be at least 1, got {count}")
    run_search(search, sample, count, seed)
    violations, warnings = sort_findings(search, options)
    if "determinism" not in search.found:
        violations = [shrink(search, finding) for finding in violations]
    violations = [
        dataclasses.replace(f, code=code_for(f, inputs, output, dtype, symmetry))
        for f in violations
    ]
    notes = []
    if subject.twin_error:
        notes.append(f"no float64 copy to judge by: {subject.twin_error}")
    if subject.no_gradient:
        notes.append(f"gradients not checked: {subject.no_gradient}")
    return Report(
        subject=str(getattr(fn, "__qualname__", type(fn).__name__)),
        group=symmetry.label,
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        violations=violations,
        warnings=warnings,
        checked=tuple(name for name in MEANING if options.wants(name)),
        examples=search.examples,
        seconds=time.perf_counter() - start,
        error=max((f.error for f in violations), default=search.error),
        notes=tuple(notes),
    )


def _fixed(fn: Any, slots: tuple[Slot, ...], sample: Any) -> dict[str, Any]:
    """Values of the arguments declared None, if a mapping gives them."""
    if not isinstance(sample, Mapping):
        return {}
    return {s.name: sample[s.name] for s in slots if s.role == "fixed" and s.name in sample}
