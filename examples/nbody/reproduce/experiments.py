"""From trained networks to the CSV files of each experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from eqnorm import nbody
from examples.demo import evaluate
from examples.nbody.reproduce import grids, measures, outcome, rollout, rows, training
from examples.nbody.reproduce.choices import CHOICES
from examples.nbody.reproduce.grids import Job
from examples.nbody.reproduce.scales import Scale


@dataclass
class Trained:
    """The trained networks of a scale.

    Attributes:
        scale: of everything.
        folder: of runs and simulations.
        histories: of the networks that are trained.
    """

    scale: Scale
    folder: Path
    histories: dict[Job, outcome.History]

    @classmethod
    def find(cls, scale: Scale, folder: Path, wanted: list[Job]) -> Trained:
        """Those of ``wanted`` that are finished."""
        found = {job: training.history(job, folder) for job in wanted}
        return cls(scale, folder, {job: each for job, each in found.items() if each is not None})

    def jobs(self, wanted: list[Job]) -> list[Job]:
        """Those of ``wanted`` that are trained."""
        return [job for job in wanted if job in self.histories]

    def healthy(self, wanted: list[Job]) -> list[Job]:
        """Those of ``wanted`` that are trained and did not diverge."""
        return [j for j in self.jobs(wanted) if not outcome.diverged(self.histories[j])]

    def model(self, job: Job) -> nn.Module:
        """The trained network: the best weights by validation."""
        return training.model(job, self.folder)

    def data(self, size: int) -> nbody.Splits:
        """The systems of a size."""
        scale = self.scale
        return training.data(size, scale.train[size], scale.val, scale.test, self.folder)


def baselines(trained: Trained) -> list[rows.Baseline]:
    """Errors without a network at every size of the scale."""
    found = []
    for size in trained.scale.sizes:
        data = trained.data(size)
        fit = nbody.linear(data.train, data.test)
        found.append(
            rows.Baseline(
                size=size,
                test_systems=len(data.test),
                no_motion=nbody.no_motion(data.test),
                linear=fit.mse,
                coefficient=fit.coefficient,
                centre=nbody.centre(data.test),
            )
        )
    return found


def runs(trained: Trained, wanted: list[Job]) -> list[rows.Run]:
    """The row of every network."""
    still = {size: nbody.no_motion(trained.data(size).test) for size in trained.scale.sizes}
    return [
        outcome.run(job, trained.histories[job], still[job.size]) for job in trained.jobs(wanted)
    ]


def curves(trained: Trained, wanted: list[Job]) -> list[rows.Point]:
    """The curves of all networks."""
    return [p for job in trained.jobs(wanted) for p in outcome.curve(job, trained.histories[job])]


def moved(trained: Trained, wanted: list[Job]) -> list[rows.Moved]:
    """Table 1: every network on rotated and translated test systems; also those that broke."""
    found = []
    names = ("mean", "median", "max", "increment", "defect")
    for job in trained.jobs(wanted):
        values: dict[str, float | None] = dict.fromkeys(
            ["unmoved", *(f"{kind}_{name}" for kind in "rt" for name in names)]
        )
        if job in trained.healthy([job]):
            test = measures.first(trained.data(job.size).test, trained.scale.moved)
            result = evaluate.evaluate(trained.model(job), test, seed=0)
            for kind, part in (("r", result.rotated), ("t", result.translated)):
                for name in names:
                    values[f"{kind}_{name}"] = None if part is None else getattr(part, name)
            if result.rotated is not None:
                values["unmoved"] = result.rotated.mean - result.rotated.increment
        found.append(rows.Moved(job.choice, job.size, job.layers, job.seed, **values))  # type: ignore[arg-type]
    return found


def rollouts(
    trained: Trained, base: list[rows.Baseline]
) -> tuple[list[rows.Step], list[rows.Path3]]:
    """The longer runs' networks rolled out; and the paths of the first system of the first seed."""
    steps: list[rows.Step] = []
    paths: list[rows.Path3] = []
    scale = trained.scale
    for job in trained.healthy(grids.long(scale)):
        truth = rollout.simulate(
            scale.rolled,
            job.size,
            training.TASK,
            scale.rollout,
            seed=1043,  # not that of training and test systems
            cache=trained.folder / "data",
        )
        fit = next(b.coefficient for b in base if b.size == job.size)
        result = rollout.roll(trained.model(job), truth, fit)
        for k in range(scale.rollout + 1):
            values = {
                name: float(getattr(result, name)[k])
                for name in ("error", "no_motion", "ballistic", "energy", "true_energy", "centre")
            }
            steps.append(rows.Step(job.choice, job.size, job.seed, k, **values))
        if job.seed == scale.long_seeds[0] and job.size == scale.sizes[0]:
            if not any(p.choice == "true" for p in paths):
                paths += path("true", job.size, truth.charges[0], result.true[:, 0])
            paths += path(job.choice, job.size, truth.charges[0], result.x[:, 0])
    return steps, paths


def path(choice: str, size: int, charges: rollout.Array, x: rollout.Array) -> list[rows.Path3]:
    """Rows of the places (K + 1, N, 3) of one system."""
    return [
        rows.Path3(choice, size, i, float(charges[i]), k, *(float(value) for value in x[k, i]))
        for i in range(size)
        for k in range(len(x))
    ]


def transfers(trained: Trained) -> list[rows.Transfer]:
    """Networks of the smallest size on the test systems of all sizes."""
    found = []
    smallest = trained.scale.sizes[0]
    for job in trained.healthy([j for j in grids.long(trained.scale) if j.size == smallest]):
        for size in trained.scale.sizes:
            mse, note = None, ""
            try:
                mse = measures.mean_error(trained.model(job), trained.data(size).test)
            except ValueError as error:  # parameters for each particle
                if not CHOICES[job.choice].per_particle:
                    raise
                note = str(error)
            found.append(rows.Transfer(job.choice, job.seed, smallest, size, mse, note))
    return found


def permuted(trained: Trained) -> list[rows.Permuted]:
    """The longer runs' networks of the smallest size under permutations."""
    smallest = trained.scale.sizes[0]
    wanted = [j for j in grids.long(trained.scale) if j.size == smallest]
    test = measures.first(trained.data(smallest).test, trained.scale.moved)
    return [
        rows.Permuted(
            j.choice, j.size, j.seed, measures.permutation_defect(trained.model(j), test, seed=0)
        )
        for j in trained.healthy(wanted)
    ]
