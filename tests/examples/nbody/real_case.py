"""A small system for the tests of the experiments on real data."""

from __future__ import annotations

import torch

from examples.nbody.real.system import System


def system(n: int = 30, box: float | None = 12.0, seed: int = 0) -> System:
    generator = torch.Generator().manual_seed(seed)

    def normal() -> torch.Tensor:
        return torch.randn(n, 3, generator=generator, dtype=torch.float64)

    x = 12.0 * torch.rand(n, 3, generator=generator, dtype=torch.float64)
    cell = None if box is None else box * torch.eye(3, dtype=torch.float64)
    return System(x, normal(), torch.ones(n, 1, dtype=torch.float64), x + normal(), cell, 4.0)
