"""Whether the recommended configuration does what we say of it."""

from __future__ import annotations

import math

from examples.demo.style import number
from examples.nbody.reproduce import rows
from examples.nbody.reproduce.choices import CHOICES
from examples.nbody.reproduce.statements import Statement, median, spread

OURS = ("softcap", "system")
MUCH = 0.9  # "well below": under nine tenths of the other error


def beyond(
    grid: list[rows.Run],
    runs: list[rows.Run],
    steps: list[rows.Step],
    transfers: list[rows.Transfer],
    permuted: list[rows.Permuted],
    base: list[rows.Baseline],
) -> list[Statement]:
    """All statements of `beyond`."""
    return [
        *[_stable(grid, name) for name in ("softcap", "mean", "sum")],
        *[
            _error(grid + runs, runs, name, b)
            for name in OURS
            for b in base
            if _of(runs, name, b.size)
        ],
        *[_rollout(steps, size) for size in sorted({s.size for s in steps})],
        *_transfer(transfers, runs, base),
        *_permutations(permuted),
    ]


def vanilla_best(runs: list[rows.Run]) -> dict[int, float]:
    """The lowest test error of any network without a norm, chosen by validation, by size."""
    found: dict[int, float] = {}
    for run in runs:
        if run.choice in ("sum", "mean") and run.test_mse is not None:
            found[run.size] = min(found.get(run.size, math.inf), run.test_mse)
    return found


def _of(runs: list[rows.Run], name: str, size: int) -> list[rows.Run]:
    return [r for r in runs if (r.choice, r.size) == (name, size)]


def _stable(grid: list[rows.Run], name: str) -> Statement:
    mine = [r for r in grid if r.choice == name]
    stable, learnt = sum(r.stable for r in mine), sum(r.learnt for r in mine)
    ours = name in OURS
    agrees = None
    if mine:
        agrees = stable == learnt == len(mine) if ours else stable < len(mine)
    return Statement(
        f"{CHOICES[name].label}: {'stable everywhere' if ours else 'not stable everywhere'}",
        "grid of N, depth, rate",
        f"stable in {stable} of {len(mine)}, below no motion in {learnt}, NaN in "
        f"{sum(r.status == 'diverged' for r in mine)}; largest training error after a tenth of the "
        f"steps {_worst(mine)} times no motion",
        agrees,
    )


def _worst(runs: list[rows.Run]) -> str:
    worst = max((r.worst for r in runs), default=math.inf)
    return number(worst) if math.isfinite(worst) else "∞"


def _error(
    every: list[rows.Run], runs: list[rows.Run], name: str, base: rows.Baseline
) -> Statement:
    mine = [r.test_mse for r in _of(runs, name, base.size)]
    longer = ", ".join(
        f"depth {r.layers} at {r.rate:g}: {spread([r.last_mse])}"
        for r in _of(runs, "mean", base.size)
    )
    other = vanilla_best(every).get(base.size, math.inf)
    middle = median(mine)
    shown = number(other) if math.isfinite(other) else "none finished"
    return Statement(
        f"{CHOICES[name].label}, N = {base.size}: under 0.9 of the best without a norm",
        "longer runs",
        f"test error {spread(mine)}; best of all runs without a norm {shown} (as long as ours: "
        f"{longer}); no motion "
        f"{number(base.no_motion)}, x + a·v {number(base.linear)}",
        middle < MUCH * other if mine else None,
    )


def _rollout(steps: list[rows.Step], size: int) -> Statement:
    final = max(s.step for s in steps)
    here = [s for s in steps if s.size == size and s.step == final]
    mine = [s for s in here if s.choice == "softcap"]
    parts = [
        f"{name} {spread(s.error for s in here if s.choice == name)} "
        f"(energy {spread(s.energy for s in here if s.choice == name)}, "
        f"centre {spread(s.centre for s in here if s.choice == name)})"
        for name in CHOICES
        if any(s.choice == name for s in here)
    ]
    first = here[0]
    agrees = None
    if mine:
        agrees = median(s.error for s in mine) < min(first.no_motion, first.ballistic)
    return Statement(
        f"N = {size}: after {final} predictions in a row still better than x + a·v",
        "rollouts",
        f"error {'; '.join(parts)}; no motion {number(first.no_motion)}, x + a·v "
        f"{number(first.ballistic)}; energy drift of the simulator {number(first.true_energy)}",
        agrees,
    )


def _transfer(
    transfers: list[rows.Transfer], runs: list[rows.Run], base: list[rows.Baseline]
) -> list[Statement]:
    found = []
    for tested in sorted({t.tested for t in transfers if t.tested != t.trained}):
        here = next(b for b in base if b.size == tested)
        mine = [t.mse for t in transfers if (t.choice, t.tested) == ("softcap", tested)]
        native = median(r.test_mse for r in runs if (r.choice, r.size) == ("softcap", tested))
        others = [
            f"{name} {spread(t.mse for t in transfers if (t.choice, t.tested) == (name, tested))}"
            for name in CHOICES
            if name != "softcap"
            and any((t.choice, t.tested) == (name, tested) and not t.note for t in transfers)
        ]
        found.append(
            Statement(
                f"Trained on N = {transfers[0].trained}, tested on N = {tested}: below no motion",
                "transfer",
                f"softcap {spread(mine)} (trained there: {number(native)}), "
                f"{', '.join(others)}; no motion {number(here.no_motion)}, x + a·v "
                f"{number(here.linear)}",
                median(mine) < here.no_motion if mine else None,
            )
        )
    refused = [t for t in transfers if t.note]
    found.append(
        Statement(
            "Parameters for each particle cannot be used at another size",
            "transfer",
            f"refused {len(refused)} of "
            f"{sum(CHOICES[t.choice].per_particle and t.trained != t.tested for t in transfers)}"
            + (f": “{refused[0].note}”" if refused else ""),
            bool(refused) if transfers else None,
        )
    )
    return found


def _permutations(permuted: list[rows.Permuted]) -> list[Statement]:
    found = []
    for name in CHOICES:
        mine = [p.defect for p in permuted if p.choice == name]
        if mine:
            breaks = CHOICES[name].per_particle
            found.append(
                Statement(
                    f"{CHOICES[name].label}: permutation equivariance "
                    f"{'broken' if breaks else 'kept'}",
                    "section 6 of the paper" if breaks else "contract",
                    f"defect {spread(mine)}",
                    (min(mine) > 1e-6) if breaks else (max(mine) < 1e-9),
                )
            )
    return found
