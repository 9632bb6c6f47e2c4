"""The columns of the paper's Table 1, and the defect of equivariance beside them."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eqnorm import GroupElement, nbody
from eqnorm.nbody import Batch
from examples.demo.results import Moved
from examples.demo.train import finite, predict

SHIFT = 10.0  # standard deviation of each component of a random translation


class Evaluation(NamedTuple):
    """Errors after rotations and after translations, None where they are not finite."""

    rotated: Moved | None
    translated: Moved | None


def evaluate(model: nn.Module, data: nbody.NBodyDataset, seed: int) -> Evaluation:
    """Move every test system at random and predict again.

    In float64: what is left is the network's own defect, not that of rounding.

    Args:
        model: a trained network; a float64 copy of it is used.
        data: the test systems.
        seed: of the motions.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(data)
    still = torch.zeros(count, 3, dtype=torch.float64)
    upright = torch.eye(3, dtype=torch.float64).expand(count, 3, 3)
    turned = random_rotations(count, generator)
    shifts = SHIFT * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    exact = copy.deepcopy(model).double()
    with torch.no_grad():
        return Evaluation(
            rotated=_moved(exact, data, GroupElement(turned, still)),
            translated=_moved(exact, data, GroupElement(upright, shifts)),
        )


def _moved(model: nn.Module, data: nbody.NBodyDataset, motions: GroupElement) -> Moved | None:
    before, after, defects = [], [], []
    first = 0
    for single in data.batches(25):
        batch = _double(single)
        chosen = first + torch.arange(batch.num_graphs).repeat_interleave(batch.num_nodes)
        first += batch.num_graphs
        element = motions.select(chosen)
        there = batch._replace(
            x=element.act(batch.x, "points"),
            v=element.act(batch.v, "1o"),
            y=element.act(batch.y, "points"),
        )
        here, moved = predict(model, batch), predict(model, there)
        before.append(_per_system((here - batch.y).square().mean(-1), batch))
        after.append(_per_system((moved - there.y).square().mean(-1), batch))
        gap = (moved - element.act(here, "points")).norm(dim=-1)
        defects.append(_per_system(gap, batch))
    plain, errors, defect = torch.cat(before), torch.cat(after), torch.cat(defects)
    found = Moved(
        mean=errors.mean().item(),
        median=errors.median().item(),
        max=errors.max().item(),
        increment=(errors.mean() - plain.mean()).item(),
        defect=defect.mean().item(),
    )
    return found if all(finite(value) is not None for value in vars(found).values()) else None


def random_rotations(count: int, generator: torch.Generator) -> Tensor:
    """Rotations distributed evenly over SO(3), from random unit quaternions, (count, 3, 3)."""
    q = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    w, x, y, z = (q / q.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _per_system(per_node: Tensor, batch: Batch) -> Tensor:
    return per_node.view(batch.num_graphs, batch.num_nodes).mean(-1)


def _double(batch: Batch) -> Batch:
    return Batch(*(value.double() for value in batch[:6]), batch.num_graphs, batch.num_nodes)
