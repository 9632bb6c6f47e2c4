"""One configuration of particles as a network sees it, and the symmetries that act on it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from eqnorm import Graph


@dataclass(frozen=True, eq=False)
class System:
    """N particles at one time, float64.

    Attributes:
        x: positions, Å, (N, 3).
        v: velocities in Å for each horizon, (N, 3): x + v is where they would be without forces.
        h: kind of particle, one column each, (N, F).
        target: positions to predict, (N, 3).
        box: lattice vectors as rows, (3, 3), or None for an open system.
        cutoff: distance up to which there are edges, Å.
    """

    x: Tensor
    v: Tensor
    h: Tensor
    target: Tensor
    box: Tensor | None
    cutoff: float

    def graph(self) -> Graph:
        """Edges between all pairs nearer than the cutoff, through the boundaries of the box."""
        return Graph.radius(self.x, self.cutoff, box=self.box)

    def moved(self, shift: Tensor) -> System:
        """x -> x + t, the same t for all, (3,), or one for each particle, (N, 3)."""
        return dataclasses.replace(self, x=self.x + shift, target=self.target + shift)

    def rotated(self, rotation: Tensor) -> System:
        """x -> R x, the box turned along; R orthogonal, (3, 3)."""
        turn = rotation.to(self.x).mT
        return dataclasses.replace(
            self,
            x=self.x @ turn,
            v=self.v @ turn,
            target=self.target @ turn,
            box=None if self.box is None else self.box @ turn,
        )

    def permuted(self, order: Tensor) -> System:
        """Particle k becomes the one that was order[k]."""
        x, v, h, target = (part[order] for part in (self.x, self.v, self.h, self.target))
        return dataclasses.replace(self, x=x, v=v, h=h, target=target)

    def opened(self) -> System:
        """The same particles without the boundaries: a free droplet with the box's faces."""
        return dataclasses.replace(self, box=None)
