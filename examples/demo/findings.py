"""What the paper says, and whether this run says so too: sentences made of measured numbers."""

from __future__ import annotations

from dataclasses import dataclass

from examples.demo.results import Baseline, Results, Run
from examples.demo.style import number


@dataclass(frozen=True)
class Finding:
    """One statement of the paper beside this run's measurement.

    Attributes:
        claim: what the paper says.
        source: where.
        measured: what this run found.
        agrees: whether they agree; None where the run has no answer.
    """

    claim: str
    source: str
    measured: str
    agrees: bool | None


def findings(results: Results) -> list[Finding]:
    """All statements that the report judges."""
    return [
        _symmetry(
            results, "layernorm", "LayerNorm keeps neither rotations nor translations", "Lemma 1"
        ),
        _symmetry(
            results, "scalenorm", "ScaleNorm keeps rotations but not translations", "Lemma 2"
        ),
        _symmetry(results, "geonorm", "GeoNorm keeps both", "Theorem 1"),
        _divergence(results),
        _stability(results),
        _ranking(results),
        _increment(results),
        _accuracy(results),
    ]


def trained(results: Results, choice: str, last: bool = False) -> Run | None:
    """The main velocity-EGNN run of a choice: of the middle size, where there are several."""
    for run in results.runs:
        ends = run.group.endswith("-last")
        if run.choice == choice and run.group.startswith("egnn_vel-n") and ends == last:
            return run
    return None


def baseline(results: Results, num_particles: int) -> Baseline | None:
    """The errors without a network for systems of this size."""
    return next((b for b in results.baselines if b.num_particles == num_particles), None)


def _symmetry(results: Results, choice: str, claim: str, source: str) -> Finding:
    expected = {"layernorm": (False, False), "scalenorm": (True, False), "geonorm": (True, True)}[
        choice
    ]
    checked = [p for p in results.pairs if p.choice == choice and p.symmetries]
    if not checked:
        return Finding(claim, source, "not measured", None)
    held = []
    for pair in checked:
        by_name = {s.name: s.holds for s in pair.symmetries}
        held.append((by_name.get("rotation"), by_name.get("translation")))
    text = f"the same in {held.count(expected)} of {len(held)} backbones"
    run = trained(results, choice)
    if run and run.rotated and run.translated:
        text += (
            f"; after training, the output is wrong by {number(run.rotated.defect)} when the "
            f"system is rotated and by {number(run.translated.defect)} when it is translated"
        )
    return Finding(claim, source, text, all(h == expected for h in held))


def _divergence(results: Results) -> Finding:
    claim, source = "EGNN with summed coordinates diverges in deep networks", "Figure 2, Eq. 2"
    run = _deep(results, "none", "sum")
    if run is None or run.status in ("skipped", "failed"):
        return Finding(claim, source, "not measured", None)
    place = f"{run.layers} layers, {run.num_particles} particles"
    if run.status != "diverged":
        return Finding(
            claim, source, f"{place}: it did not within {len(run.train_mse)} steps", False
        )
    first = number(run.train_mse[0]) if run.train_mse else "—"
    mean = _deep(results, "none", "mean")
    too = "; averaging them does not help here"
    also = too if mean is not None and mean.status == "diverged" else ""
    return Finding(
        claim,
        source,
        f"{place}: the error before training is {first}; not a number at step "
        f"{run.diverged_step}, first in the {run.diverged_where}{also}",
        True,
    )


def _stability(results: Results) -> Finding:
    claim, source = "GeoNorm makes the same training stable", "Section 5, Figure 5"
    run = _deep(results, "geonorm", "sum")
    base = baseline(results, run.num_particles) if run else None
    if run is None or base is None or run.status in ("skipped", "failed"):
        return Finding(claim, source, "not measured", None)
    if run.status == "diverged":
        return Finding(claim, source, f"not a number at step {run.diverged_step}", False)
    values = [y for y in run.train_mse if y is not None]
    ratio = max(values) / base.no_motion
    text = (
        f"it stays finite for {len(values)} steps; its error peaks at {number(max(values))}, "
        f"{number(ratio)} times that of predicting no motion, and ends at {number(values[-1])}"
    )
    return Finding(claim, source, text, True)


def _ranking(results: Results) -> Finding:
    claim, source = "In most cases GeoNorm reaches lower errors than ScaleNorm", "Section 5"
    pairs = []
    for run in results.runs:
        if run.choice == "geonorm" and run.final_mse is not None:
            for other in results.runs:
                same = other.group == run.group and other.choice == "scalenorm"
                if same and other.final_mse is not None:
                    pairs.append((run.final_mse, other.final_mse))
    if not pairs:
        return Finding(claim, source, "not measured", None)
    won = sum(ours < theirs for ours, theirs in pairs)
    shown = ", ".join(f"{number(a)} against {number(b)}" for a, b in pairs)
    text = f"in {won} of {len(pairs)} experiments ({shown})"
    return Finding(claim, source, text, 2 * won > len(pairs))


def _increment(results: Results) -> Finding:
    claim = "The rise of the MSE under rotation, ΔR, shows LayerNorm's defect (38 to 72)"
    run = trained(results, "layernorm", last=True) or trained(results, "layernorm")
    if run is None or run.rotated is None:
        return Finding(claim, "Table 1", "not measured", None)
    increment, defect = run.rotated.increment, run.rotated.defect
    text = (
        f"ΔR is {number(increment)} although the output is wrong by {number(defect)}: rotated "
        "systems are as likely as unrotated ones, so the error only changes if the network has "
        "learned a direction; the paper's magnitude does not reproduce"
    )
    return Finding(claim, "Table 1", text, increment > defect)


def _accuracy(results: Results) -> Finding:
    claim = "GeoNorm predicts positions: errors of 9.1 (N = 50) and 12.0 (N = 100)"
    last, inner = trained(results, "geonorm", last=True), trained(results, "geonorm")
    base = baseline(results, last.num_particles) if last else None
    if last is None or base is None or last.final_mse is None:
        return Finding(claim, "Table 1", "not measured", None)
    text = (
        f"applied after the last layer too, as there, GeoNorm's error is {number(last.final_mse)}: "
        f"{number(last.final_mse / base.no_motion)} times that of predicting no motion "
        f"({number(base.no_motion)}), since all particles end on a sphere"
    )
    if inner and inner.final_mse is not None:
        text += f"; without the last one it is {number(inner.final_mse)}"
    return Finding(claim, "Table 1", text, last.final_mse < base.no_motion)


def _deep(results: Results, choice: str, kind: str) -> Run | None:
    return next((r for r in results.runs if r.key == f"deep-{choice}-{kind}"), None)
