"""How far a trained network is from the symmetries: transformed input against transformed output.

In float64, so that what is measured is the network and not its rounding, and with the neighbours
looked for anew, so that graph and box are under test with it. The mean squared error of predicted
and true positions, both rotated, cannot see such a defect: that is why it is measured.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from examples.nbody.real.system import System

Transformed = tuple[System, Callable[[Tensor], Tensor]]


def defects(model: nn.Module, system: System, seed: int = 0) -> dict[str, float]:
    """Largest |f(g x) - g f(x)| over the particles, relative to the root mean square of f(x) - x.

    Args:
        model: a backbone.
        system: one configuration.
        seed: of the transformations.

    Returns:
        One number for each of rotation, reflection, translation (by about the system's size) and
        permutation; in a box also for lattice: every particle replaced by another of its periodic
        copies. NaN where the network gives none.
    """
    exact = copy.deepcopy(model).double().eval()
    reference = predict(exact, system)
    scale = (reference - system.x).square().sum(-1).mean().sqrt()
    found = {}
    for name, (changed, act) in transformations(system, seed).items():
        difference = predict(exact, changed) - act(reference)
        found[name] = float(difference.square().sum(-1).sqrt().max() / scale)
    return found


def predict(model: nn.Module, system: System) -> Tensor:
    """Predicted positions, (N, 3)."""
    with torch.no_grad():
        found: Tensor = model(system.x, system.graph(), h=system.h, v=system.v).x
    return found


def transformations(system: System, seed: int) -> dict[str, Transformed]:
    """The transformed system of each symmetry, and what its predictions must then be."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(axes).Q
    rotation = rotation * torch.linalg.det(rotation).sign()
    # Of the size of the system: from there on rounding, not the network, would be measured.
    extent = (system.x - system.x.mean(0)).square().sum(-1).mean().sqrt()
    shift = extent * torch.randn(3, generator=generator, dtype=torch.float64)
    order = torch.randperm(len(system.x), generator=generator)
    made: dict[str, Transformed] = {
        "rotation": (system.rotated(rotation), lambda y: y @ rotation.mT),
        "reflection": (system.rotated(-rotation), lambda y: -y @ rotation.mT),
        "translation": (system.moved(shift), lambda y: y + shift),
        "permutation": (system.permuted(order), lambda y: y[order]),
    }
    if system.box is not None:
        numbers = torch.randint(-1, 2, (len(system.x), 3), generator=generator)
        copies = numbers.to(system.box) @ system.box
        made["lattice"] = (system.moved(copies), lambda y: y + copies)
    return made
