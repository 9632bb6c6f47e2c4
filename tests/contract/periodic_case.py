"""A periodic system, the same with its atoms moved by lattice vectors, and replicated."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from eqnorm import Graph

# Triclinic, and shorter than the cutoff one way: some nodes are joined to copies of themselves.
CELL = torch.tensor([[1.1, 0.0, 0.0], [0.3, 2.0, 0.0], [-0.2, 0.4, 2.3]], dtype=torch.float64)
CUTOFF, NODES = 1.2, 7
COPIES = torch.tensor(list(itertools.product((0, 1), repeat=3)), dtype=torch.float64)


def points(seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(NODES, 3, generator=draw, dtype=torch.float64) @ CELL


def jumps() -> Tensor:
    draw = torch.Generator().manual_seed(5)
    return torch.randint(-3, 4, (NODES, 3), generator=draw).double() @ CELL


def graph_of(x: Tensor, cell: Tensor = CELL) -> Graph:
    return Graph.radius(x, CUTOFF, box=cell)


def replicated(value: Tensor) -> Tensor:
    return value.repeat(8, *[1] * (value.dim() - 1))


def supercell(x: Tensor) -> Tensor:
    return replicated(x) + (COPIES @ CELL).repeat_interleave(len(x), 0)
