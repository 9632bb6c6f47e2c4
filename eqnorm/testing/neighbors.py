"""Inputs near a given one: to measure sensitivity, and to tell ties from violations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eqnorm.testing.declare import Slot


def displaced(
    arguments: dict[str, Any],
    slots: tuple[Slot, ...],
    step: float,
    size: float,
    seed: int,
    together: list[Tensor] | None = None,
    jitter: bool = False,
) -> dict[str, Any]:
    """Arguments nearby: every tensor displaced at random by ``step`` of its size.

    Args:
        arguments: from where.
        slots: the declared arguments.
        step: relative displacement.
        size: s, for positions.
        seed: of the direction.
        together: for each positions argument a group index per row; rows of one group move
            together, so that coincident nodes stay coincident.
        jitter: where nothing is to stay together, zero features move too, so that equal ones
            become different.
    """
    dice = torch.Generator().manual_seed(9176 + seed)
    near = dict(arguments)
    points = 0
    for slot in slots:
        value = arguments.get(slot.name)
        if slot.role != "tensor" or slot.kind is None or not isinstance(value, Tensor):
            continue
        noise = torch.randn(value.shape, generator=dice, dtype=torch.float64)
        if slot.kind.is_points:
            if together is not None:
                noise = noise[together[points]]
            points += 1
            near[slot.name] = (value.double() + step * size * noise.to(value.device)).to(value)
        else:
            pieces = value.double().clone()
            cuts = slot.kind.irreps.slices() if slot.kind.irreps is not None else []
            for cut in cuts:
                part = pieces[:, cut]
                scale = largest(part)
                moves = (part.norm(dim=-1, keepdim=True) > 0).double()
                if together is None and jitter:
                    scale, moves = scale or 1.0, torch.ones_like(moves)
                pieces[:, cut] += step * scale * moves * noise[:, cut].to(value.device)
            near[slot.name] = pieces.to(value)
    return near


def coincidences(values: list[Tensor]) -> list[Tensor]:
    """For each positions tensor, one index for all rows that are equal: shape (N,)."""
    groups = []
    for value in values:
        _, which = torch.unique(value.detach().cpu(), dim=0, return_inverse=True)
        first = torch.full((int(which.max()) + 1,), value.shape[0], dtype=torch.int64)
        first.scatter_reduce_(0, which, torch.arange(value.shape[0]), "amin")
        groups.append(first[which])
    return groups


def largest(block: Tensor) -> float:
    """Largest length of a row, 0 for none."""
    if block.numel() == 0:
        return 0.0
    return float(torch.linalg.vector_norm(block.detach().double(), dim=-1).max())
