"""From a training's history to its row and its curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

from examples.nbody.reproduce import rows
from examples.nbody.reproduce.grids import Job

UNSTABLE = 10.0  # times the error of no motion, as on the leaderboard
POINTS = 50  # of a curve that is kept


@dataclass
class History:
    """What the training application noted.

    Attributes:
        losses: training loss of each step, from 1; NaN or infinite where it broke.
        validations: (step, validation error).
        last_mse: test error of the last weights.
        test_mse: test error of the best weights by validation, None if there are none.
        diverged_step, where: None and "" unless it diverged.
        parameters: how many.
        seconds: of training and tests.
    """

    losses: list[float]
    validations: list[tuple[int, float]]
    last_mse: float
    test_mse: float | None
    diverged_step: int | None = None
    where: str = ""
    parameters: int = 0
    seconds: float = 0.0


def run(job: Job, history: History, no_motion: float) -> rows.Run:
    """The row of a training."""
    broke = diverged(history)
    later = history.losses[max(1, job.steps // 10) :]
    worst = math.inf if broke else max(later, default=math.inf) / no_motion
    last = math.inf if broke else history.last_mse
    return rows.Run(
        choice=job.choice,
        size=job.size,
        layers=job.layers,
        hidden=job.hidden,
        seed=job.seed,
        rate=job.rate,
        steps=job.steps,
        batch=job.batch,
        status="diverged" if broke else "finished",
        diverged_step=history.diverged_step,
        where=history.where,
        worst=worst,
        stable=worst <= UNSTABLE,
        learnt=last < no_motion,
        last_mse=last,
        test_mse=history.test_mse,
        parameters=history.parameters,
        seconds=round(history.seconds, 1),
    )


def diverged(history: History) -> bool:
    """Whether a number ceased to be finite, in a training loss or in the last test error."""
    whole = all(math.isfinite(loss) for loss in [*history.losses, history.last_mse])
    return history.diverged_step is not None or not whole


def curve(job: Job, history: History) -> list[rows.Point]:
    """The curve, thinned: each point holds the largest loss since the one before."""
    width = max(1, math.ceil(job.steps / POINTS))
    validations = dict(history.validations)
    points = []
    for begin in range(0, len(history.losses), width):
        part = history.losses[begin : begin + width]
        step = begin + len(part)
        seen = [validations[s] for s in range(begin + 1, step + 1) if s in validations]
        broken = not all(math.isfinite(loss) for loss in part)
        points.append(
            rows.Point(
                choice=job.choice,
                size=job.size,
                layers=job.layers,
                seed=job.seed,
                rate=job.rate,
                steps=job.steps,
                step=step,
                train=None if broken else max(part),
                val=seen[-1] if seen and math.isfinite(seen[-1]) else None,
            )
        )
    last = job.steps > len(history.losses) and history.diverged_step is not None
    if last and points and points[-1].train is not None:  # the loss was finite, a gradient was not
        points[-1].train = None
    return points
