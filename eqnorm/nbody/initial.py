"""Initial conditions, drawn in the reference generator's order.

Per trajectory: N uniform numbers for the charges, 3N normal ones for the positions, 3N for the
velocities, then, after the simulation, two noise arrays of (frames, 3, N), drawn even at zero
noise. One seed makes the training, then the validation, then the test set.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import mersenne
from .config import Config

Array = NDArray[np.float64]


class Initial(NamedTuple):
    """Initial states of M trajectories: charges (M, N), loc and vel (M, N, 3); noise or None.

    `noise` is (2, M, F, 3, N): standard normal numbers for positions and velocities of all F
    frames.
    """

    charges: Array
    loc: Array
    vel: Array
    noise: Array | None


class Sampler:
    """Draws the initial states of consecutive trajectories of one seed.

    Args:
        config: The simulation.
        compiled: Whether to draw with compiled code. Default: in fast mode without noise, if it
            gives numpy's numbers on this machine.
    """

    def __init__(self, config: Config, *, compiled: bool | None = None) -> None:
        self.config = config
        self._random = np.random.RandomState(config.seed)
        state: Any = self._random.get_state()
        self._key = np.array(state[1], dtype=np.uint32)
        self._buffer = np.empty(mersenne.UNIFORMS)
        self._position = np.array([mersenne.UNIFORMS], dtype=np.int64)
        if compiled is None:
            compiled = config.mode == "fast" and config.noise == 0.0 and _compiled_is_numpys()
        self._compiled = compiled

    def next(self, count: int) -> Initial:
        """The initial states of the next `count` trajectories."""
        config, n = self.config, self.config.num_particles
        charges = np.empty((count, n))
        loc, vel = np.empty((count, 3, n)), np.empty((count, 3, n))
        noise = None
        if self._compiled:
            skipped = 2 * config.num_frames * 3 * n
            mersenne.draw(self._key, self._buffer, self._position, skipped, charges, loc, vel)
        else:
            noise = self._draw(charges, loc, vel)
        loc *= config.scale
        length = np.sqrt((vel**2).sum(axis=1, keepdims=True))
        vel *= config.speed
        vel /= length
        reflect(loc, vel, config.box_size)
        swap = (0, 2, 1)
        return Initial(
            charges,
            np.ascontiguousarray(loc.transpose(swap)),
            np.ascontiguousarray(vel.transpose(swap)),
            noise,
        )

    def _draw(self, charges: Array, loc: Array, vel: Array) -> Array | None:
        """Fills the arrays with numpy's own generator; returns the noise where there is any."""
        random, config, n = self._random, self.config, self.config.num_particles
        shape = (config.num_frames, 3, n)
        noise = np.empty((2, len(charges), *shape)) if config.noise else None
        for m in range(len(charges)):
            # what RandomState.choice([-1, 0, 1], p=[1/2, 0, 1/2]) does with its uniform numbers
            charges[m] = np.where(random.random_sample(n) < 0.5, -1.0, 1.0)
            loc[m] = random.standard_normal((3, n))
            vel[m] = random.standard_normal((3, n))
            for kind in range(2):
                drawn = random.standard_normal(shape)
                if noise is not None:
                    noise[kind, m] = drawn
        return noise


def reflect(loc: Array, vel: Array, box_size: float) -> None:
    """Reflects positions at the walls into [-box_size, box_size], in place, with the velocities.

    The reference refuses positions beyond three boxes, which many particles (N above 200) reach;
    here they are reflected again until they are inside. Within three boxes the result is the same.
    """
    while True:
        over = loc > box_size
        loc[over] = 2 * box_size - loc[over]
        vel[over] = -np.abs(vel[over])
        under = loc < -box_size
        loc[under] = -2 * box_size - loc[under]
        vel[under] = np.abs(vel[under])
        if not over.any() and not under.any():
            return


@cache
def _compiled_is_numpys() -> bool:
    """Whether the compiled generator gives numpy's bits here: the logarithm may differ."""
    config = Config(num_particles=4, steps=40, sample_every=10)
    one, other = (Sampler(config, compiled=flag).next(40) for flag in (True, False))
    return all(np.array_equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))
