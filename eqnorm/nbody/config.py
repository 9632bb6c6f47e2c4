"""Everything that determines a simulation, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import checks

MODES = ("exact", "fast")


@dataclass(frozen=True)
class Config:
    """Parameters of the charged N-body simulation; the defaults are the reference generator's.

    N charges of +-1 with unit mass attract and repel by Coulomb's law in free space,
    `F_i = interaction * sum_j q_i q_j (x_i - x_j) / |x_i - x_j|^3`, each component of F_i clamped
    to [-max_force, max_force], integrated by the symplectic Euler scheme `v += dt F; x += dt v`.
    Units are the reference's dimensionless ones.

    Source: Kipf et al. 2018 (arXiv:1802.04687, NRI), extended to 3D by Fuchs et al. 2020
    (arXiv:2006.10503), as used by Satorras et al. 2021 (arXiv:2102.09844, EGNN).

    Attributes:
        num_particles: N.
        steps: Length of a trajectory, a multiple of `sample_every`.
        sample_every: Steps between frames: frame k is step (k + 1) * sample_every, so there are
            steps / sample_every - 1 frames, and the initial state is not among them.
        seed: Seed of the generator (MT19937), 0 to 2**32 - 1.
        mode: "fast" (compiled) or "exact" (the reference's order of operations, bit for bit).
        frames: Frames to keep, or None for all. The random numbers do not depend on it.
        loc_std: Standard deviation of initial positions at N = 5; times (N/5)^(1/3) for others.
        speed: Length of every initial velocity.
        box_size: Initial positions are reflected into [-box_size, box_size]; there are no walls
            afterwards, as in the reference.
        interaction: Strength of the interaction.
        noise: Factor on the Gaussian noise added to the recorded frames.
        time_step: dt.
        max_force: Clamp of each force component; None means 0.1 / time_step.
    """

    num_particles: int
    steps: int = 5000
    sample_every: int = 100
    seed: int = 43
    mode: str = "fast"
    frames: tuple[int, ...] | None = None
    loc_std: float = 1.0
    speed: float = 0.5
    box_size: float = 5.0
    interaction: float = 1.0
    noise: float = 0.0
    time_step: float = 0.001
    max_force: float | None = None

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("num_particles", checks.integer("num_particles", self.num_particles, minimum=1))
        put("sample_every", checks.integer("sample_every", self.sample_every, minimum=1))
        put("steps", checks.integer("steps", self.steps, minimum=2))
        if self.steps % self.sample_every or self.steps < 2 * self.sample_every:
            raise ValueError(
                f"steps must be a multiple of sample_every={self.sample_every}, and at least "
                f"twice it, got {self.steps}; for example steps={self._nearest_steps()}"
            )
        put("seed", checks.integer("seed", self.seed, minimum=0, maximum=2**32 - 1))
        put("mode", checks.choice("mode", self.mode, MODES))
        put("frames", check_frames(self.frames, self.num_frames))
        for name in ("loc_std", "box_size", "time_step"):
            put(name, checks.real(name, getattr(self, name), minimum=0.0, strict=True))
        for name in ("speed", "interaction", "noise"):
            put(name, checks.real(name, getattr(self, name), minimum=0.0))
        if self.max_force is not None:
            put("max_force", checks.real("max_force", self.max_force, minimum=0.0, strict=True))

    def _nearest_steps(self) -> int:
        return max(2, round(self.steps / self.sample_every)) * self.sample_every

    @property
    def num_frames(self) -> int:
        """Frames of a whole trajectory, kept or not."""
        return self.steps // self.sample_every - 1

    @property
    def kept(self) -> NDArray[np.int64]:
        """The frames kept, ascending, shape (T,)."""
        return np.asarray(
            range(self.num_frames) if self.frames is None else self.frames, dtype=np.int64
        )

    @property
    def clamp(self) -> float:
        """The clamp in force."""
        return 0.1 / self.time_step if self.max_force is None else self.max_force

    @property
    def scale(self) -> float:
        """Standard deviation of the initial positions of this many particles."""
        return float(self.loc_std * (self.num_particles / 5.0) ** (1 / 3))

    def as_dict(self) -> dict[str, Any]:
        """The parameters as JSON-compatible values."""
        values = asdict(self)
        values["frames"] = None if self.frames is None else list(self.frames)
        return values


def check_frames(frames: Sequence[int] | None, available: int) -> tuple[int, ...] | None:
    """Returns ascending, distinct frames within range(available), or raises."""
    if frames is None:
        return None
    if isinstance(frames, str) or not hasattr(frames, "__iter__"):
        raise TypeError(
            f"frames must be a sequence of integers or None, got {frames!r}; for example (30, 40)"
        )
    chosen = tuple(checks.integer("frames", frame, minimum=0) for frame in frames)
    if not chosen or list(chosen) != sorted(set(chosen)):
        raise ValueError(
            f"frames must be distinct and ascending, and not empty, got {chosen}; "
            "for example (30, 40)"
        )
    if chosen[-1] >= available:
        raise ValueError(
            f"frames must be less than {available}, the number of frames of a trajectory "
            f"(steps / sample_every - 1), got {chosen[-1]}; raise steps or lower sample_every"
        )
    return chosen


def make_config(num_particles: int, parameters: dict[str, Any]) -> Config:
    """Builds a Config, with an error for unknown parameters that lists the known ones."""
    known = [name for name in Config.__dataclass_fields__ if name != "num_particles"]
    for name in parameters:
        if name not in known:
            checks.choice("parameter", name, known)
    return Config(num_particles, **parameters)
