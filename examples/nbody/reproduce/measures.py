"""What a trained network gets wrong: its symmetry defects, and its errors at other sizes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from eqnorm import nbody
from eqnorm.nbody import Batch
from eqnorm.nbody.batch import collate
from examples.demo.train import predict


def first(data: nbody.NBodyDataset, count: int) -> nbody.NBodyDataset:
    """The first systems of a set, sharing memory."""
    part = copy.copy(data)
    for name in ("x", "v", "y", "h", "charges"):
        setattr(part, name, getattr(data, name)[:count])
    return part


def mean_error(model: nn.Module, data: nbody.NBodyDataset, batch_size: int = 20) -> float:
    """Mean squared error, over systems, particles and components."""
    total = 0.0
    with torch.no_grad():
        for batch in data.batches(batch_size):
            total += (predict(model, batch) - batch.y).square().mean(-1).double().sum().item()
    return total / (len(data) * data.num_particles)


def permutation_defect(model: nn.Module, data: nbody.NBodyDataset, seed: int) -> float:
    """Mean length of f(P x) - P f(x), each system's particles permuted at random, in float64.

    A network with parameters for each particle depends on the order that the particles happen to
    have in memory.
    """
    generator = torch.Generator().manual_seed(seed)
    exact = copy.deepcopy(model).double()
    lengths = []
    with torch.no_grad():
        for index in range(len(data)):
            order = torch.randperm(data.num_particles, generator=generator)
            same = torch.arange(data.num_particles)
            here = predict(exact, _single(data, index, same))
            there = predict(exact, _single(data, index, order))
            lengths.append((there - here.index_select(0, order)).norm(dim=-1).mean())
    return float(torch.stack(lengths).mean())


def _single(data: nbody.NBodyDataset, index: int, order: Tensor) -> Batch:
    values = (data.x, data.v, data.h, data.charges, data.y)
    return collate(*(value[index : index + 1].double().index_select(1, order) for value in values))
