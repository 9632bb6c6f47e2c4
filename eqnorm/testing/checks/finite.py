"""NaN and Inf in outputs and gradients; the first call of every example is made here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing.checks.hygiene import check_mutation
from eqnorm.testing.context import Example
from eqnorm.testing.findings import Finding
from eqnorm.testing.gradients import gradient_fields, sum_of
from eqnorm.testing.outputs import Field, finite
from eqnorm.testing.subject import clone, modules_of, tensors
from eqnorm.testing.tolerances import TOLERANCES

_SPECTRAL = ("LinalgEigh", "LinalgSvd", "LinalgEig", "LinalgQr")


def first_call(example: Example) -> tuple[list[Field] | None, list[Finding]]:
    """Call the model, with gradients if they are asked for.

    Returns:
        The outputs, None if there are none or they are not finite; and what was found.
    """
    subject, arguments = example.subject, example.arguments
    traced = example.options.gradients and not subject.no_gradient
    passed = clone(arguments)
    leaves: dict[str, Tensor] = {}
    if traced:
        leaves = {
            name: value.detach().requires_grad_()
            for name, value in tensors(passed, subject.slots).items()
        }
        passed.update({name: leaf.clone() for name, leaf in leaves.items()})
    graphs = {n: v for n, v in arguments.items() if not isinstance(v, Tensor)}
    kept = {**clone(arguments), **graphs}
    model = subject.model()
    try:
        with torch.set_grad_enabled(traced):
            returned = subject.run(passed, model)
    except Exception as error:
        if traced and _runs_without(example):
            subject.no_gradient = f"{type(error).__name__}: {error}".splitlines()[0]
            return first_call(example)
        text = f"{type(error).__name__}: {error}".strip()
        return None, [example.finding("raises", f"raises {text[:300]}")]
    fields = subject.read(returned, arguments)
    found = check_mutation(example, kept, passed)
    if not finite(fields):
        return None, found + _non_finite(example, fields)
    if leaves and any(field.value.requires_grad for field in fields):
        found += _gradients(example, fields, leaves, model)
    return [Field(f.name, f.value.detach(), f.kind, f.level) for f in fields], found


def _runs_without(example: Example) -> bool:
    try:
        example.subject.call(example.arguments)
    except Exception:
        return False
    return True


def _non_finite(example: Example, fields: list[Field]) -> list[Finding]:
    bad = [field for field in fields if not bool(torch.isfinite(field.value).all())]
    rows = int((~torch.isfinite(bad[0].value)).any(-1).sum())
    what = f"{bad[0].title} is NaN or Inf in {rows} of {bad[0].value.shape[0]} rows"
    if overflows(example, example.subject.call):
        text = f"{what}: it grows beyond {example.subject.dtype}"
        example.notes.append(example.finding("non-finite", text, serious=False))
        return []
    return [example.finding("non-finite", what, output=bad[0].name)]


def overflows(example: Example, evaluate: Callable[[dict[str, Any]], list[Field]]) -> bool:
    """Whether values only grow out of range with the size of the input.

    The input is shrunk until the values are finite, and the edge between is found by bisection;
    if they are huge there, then what was seen is overflow, and not a division by zero or a fault
    at a threshold.
    """
    huge = torch.finfo(example.subject.dtype).max ** TOLERANCES.huge
    names = tensors(example.arguments, example.slots)

    def reach(exponent: float) -> float:
        """Largest value for the input times 2^-exponent, NaN if it is not finite."""
        near = {
            name: value * 0.5**exponent if name in names else value
            for name, value in example.arguments.items()
        }
        fields = evaluate(near)
        values = [float(f.value.abs().max()) for f in fields if f.value.numel()]
        return max(values, default=0.0) if finite(fields) else math.nan

    try:
        inside = next((n for n in TOLERANCES.halvings if not math.isnan(reach(n))), None)
        if inside is None:
            return False
        outside, largest = 0.0, reach(inside)
        for _ in range(TOLERANCES.bisections):
            if largest > huge:
                return True
            middle = (outside + inside) / 2
            value = reach(middle)
            if math.isnan(value):
                outside = middle
            else:
                inside, largest = middle, value
        return bool(largest > huge)
    except Exception:
        return False


def _gradients(
    example: Example, fields: list[Field], leaves: dict[str, Tensor], model: object
) -> list[Finding]:
    if not example.options.wants("non-finite gradient"):
        return []
    named = dict(leaves)
    for module in modules_of(model):
        named.update({f"parameter {n}": p for n, p in module.named_parameters() if p.requires_grad})
    total = sum_of(fields, None)
    try:
        grads = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    except RuntimeError as error:
        text = f"backward raises {type(error).__name__}: {error}".splitlines()[0]
        return [example.finding("gradient", text)]
    bad = [
        name
        for name, grad in zip(named, grads, strict=True)
        if grad is not None and not bool(torch.isfinite(grad).all())
    ]
    if not bad:
        return []
    message = f"the gradient by {bad[0]} is NaN or Inf"
    if not _genuine(example, total):
        example.notes.append(example.finding("non-finite gradient", message, serious=False))
        return []
    return [example.finding("non-finite gradient", message)]


def _genuine(example: Example, total: Tensor) -> bool:
    """Not a repeated eigenvalue (no gradient exists there), and not an overflow."""

    def gradient(arguments: dict[str, Any]) -> list[Field]:
        return gradient_fields(example.subject, arguments, example.subject.dtype, None)

    if _uses(total.grad_fn, _SPECTRAL):
        return False
    return not overflows(example, gradient)


def _uses(node: object, names: tuple[str, ...]) -> bool:
    """Whether a node of the autograd graph has one of these names."""
    seen: set[object] = set()
    todo = [node]
    while todo:
        here = todo.pop()
        if here is None or here in seen:
            continue
        seen.add(here)
        if any(type(here).__name__.startswith(name) for name in names):
            return True
        todo += [parent for parent, _ in getattr(here, "next_functions", ())]
    return False
