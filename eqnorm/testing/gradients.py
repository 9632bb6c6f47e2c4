"""Gradients of a model's outputs by its inputs, for a random but equivariant cotangent."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from eqnorm.testing import measure
from eqnorm.testing.outputs import Field
from eqnorm.testing.subject import Subject, cast, default_dtype, tensors
from eqnorm.testing.transforms import Move
from eqnorm.types import parse_type

_VECTOR = parse_type("1o")


def gradient_fields(
    subject: Subject, arguments: dict[str, Any], dtype: torch.dtype, move: Move | None
) -> list[Field]:
    """Gradients of <c, f(x)> by every declared tensor input.

    Args:
        subject: the model.
        arguments: where.
        dtype: of the copy that is run.
        move: the arguments were moved by this, and so is c; None if they were not.

    Returns:
        One field per input, zeros where the output does not depend on it; empty if the outputs
        have no gradient at all.
    """
    dtype = subject.dtype if subject.twin_error else dtype
    leaves, fields = traced_outputs(subject, arguments, dtype)
    if not any(f.value.requires_grad for f in fields):
        return []
    total = sum_of(fields, move)
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    levels = {slot.name: slot for slot in subject.slots}
    result = []
    for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
        slot = levels[name]
        assert slot.kind is not None
        value = torch.zeros_like(leaf) if grad is None else grad
        # A gradient by positions is a vector, whatever its distance from the origin.
        kind = _VECTOR if slot.kind.is_points else slot.kind
        result.append(Field(f"gradient by {name}", value.detach(), kind, slot.level or "node"))
    return result


def natural_sizes(
    subject: Subject, arguments: dict[str, Any], dtype: torch.dtype
) -> list[list[float]]:
    """Size |c| |f| / |x| of each gradient were all of f proportional to the input x.

    Reverse mode adds up products of cotangents and derivatives. Where these cancel, as behind a
    saturated softmax, the rounding error of the terms remains, u |c| |f| / |x|, however small
    the gradient is. A change of x as large as x, times such an error, is less than the rounding
    error of <c, f>; only larger errors can be told from rounding.

    Args:
        subject: the model.
        arguments: where.
        dtype: of the copy that is run.

    Returns:
        For each declared tensor input and block; 0 where the input is zero, which says nothing.
    """
    dtype = subject.dtype if subject.twin_error else dtype
    leaves, fields = traced_outputs(subject, arguments, dtype)
    structure = subject.structure(arguments)
    size = measure.extent(measure.positions(arguments, subject.slots), structure).size
    total = 0.0
    for number, field in enumerate(fields):
        if field.value.requires_grad:
            own = measure.lengths(field.value.detach().double(), field.kind, structure, size)
            weights = measure.blocks(_cotangent(number, field), field.kind)
            total += sum(
                length * float(c.norm(dim=-1).sum()) for length, c in zip(own, weights, strict=True)
            )
    kinds = {slot.name: slot.kind for slot in subject.slots}
    result = []
    for name, leaf in leaves.items():
        kind = kinds[name]
        assert kind is not None
        # Positions count from their centre; what the distance of that costs is counted apart.
        sizes = (
            [size]
            if kind.is_points
            else measure.lengths(leaf.detach().double(), kind, structure, size)
        )
        result.append([total / length if length else 0.0 for length in sizes])
    return result


def traced_outputs(
    subject: Subject, arguments: dict[str, Any], dtype: torch.dtype
) -> tuple[dict[str, Tensor], list[Field]]:
    """Leaves that require gradients, and the outputs computed from them."""
    own = cast(arguments, dtype)
    leaves = {
        name: value.detach().requires_grad_() for name, value in tensors(own, subject.slots).items()
    }
    # Not the leaves themselves: an in-place write into one is an error of its own.
    traced = {**own, **{name: leaf.clone() for name, leaf in leaves.items()}}
    low = dtype == subject.dtype
    scope = contextlib.nullcontext() if low else default_dtype(dtype)
    with scope, torch.enable_grad():
        returned = subject.run(traced, subject.model(None if low else dtype))
    return leaves, subject.read(returned, arguments)


def sum_of(fields: list[Field], move: Move | None) -> Tensor:
    """<c, f>, c normal and the same for every call up to ``move``, each output of weight one."""
    total = torch.zeros((), dtype=torch.float64)
    for number, field in enumerate(fields):
        c = _cotangent(number, field)
        if move is not None:
            c = move.direction(c, field.kind, field.level)
        if field.value.requires_grad:
            weighted = field.value.double() * c.to(field.value.device)
            total = total + weighted.sum().to(total.device)
    return total


def _cotangent(number: int, field: Field) -> Tensor:
    dice = torch.Generator().manual_seed(71 + number)
    return torch.randn(field.value.shape, generator=dice, dtype=torch.float64)
