"""The report: one HTML file that needs no other, made from the results alone."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from examples.demo import figures, tables
from examples.demo.evaluate import SHIFT
from examples.demo.findings import findings
from examples.demo.gallery import gallery, trajectories
from examples.demo.prose import count_tests, highest, listed, sum_up
from examples.demo.results import Results
from examples.demo.style import css_variables

STYLE = (Path(__file__).parent / "page.css").read_text()


def render(results: Results) -> str:
    """The whole page. A section that cannot be drawn says so, and the others stand."""
    sections = [_safely(section, results) for section in SECTIONS]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<title>eqnorm: norms for SE(3)-equivariant networks, measured</title>"
        f"<style>{css_variables()}{STYLE}</style></head><body><main>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _safely(section: Callable[[Results], str], results: Results) -> str:
    try:
        return section(results)
    except Exception as error:  # a half-empty run must not cost the rest of the report
        name = section.__name__.strip("_")
        return (
            f"<p class=problems>The section “{name}” could not be made: {escape(repr(error))}</p>"
        )


def _header(results: Results) -> str:
    sizes = sorted({run.num_particles for run in results.runs})
    return (
        "<header><h1>Which normalisation keeps an equivariant network equivariant, "
        "stable and accurate?</h1>"
        "<p class=lede>Charged particles attract and repel one another; networks are to predict "
        f"where they are 1000 steps later ({listed(sizes)} particles). They differ only in how "
        "they normalise. Every number on this page, but for the gallery, was measured by the run "
        "that wrote it.</p>"
        f"<p class=meta>eqnorm {escape(results.environment.get('eqnorm', ''))} · "
        f"seed {results.seed} · {escape(results.started)} · {results.seconds:.0f} s on "
        f"{escape(results.environment.get('workers', '?'))} processes</p></header>"
    )


def _problems(results: Results) -> str:
    if not results.problems:
        return ""
    items = "".join(f"<li>{escape(each)}</li>" for each in results.problems)
    return f"<div class=problems><b>Not everything ran.</b><ul>{items}</ul></div>"


def _findings(results: Results) -> str:
    return (
        "<h2>The paper’s claims, one by one</h2>"
        "<p>Claims of Meng et al. (GeoNorm, 2024), what this run measured, and whether they agree."
        "</p>" + tables.findings_table(findings(results))
    )


def _symmetries(results: Results) -> str:
    if not results.pairs:
        return ""
    agree = [s.agrees for pair in results.pairs for s in pair.symmetries]
    return (
        "<h2>Which symmetries hold</h2>"
        f"<p>{sum_up(agree)} The verdict is that of a search with <code>eqnorm.testing</code> "
        "over systems, scales, offsets and motions. The number is the largest "
        "<code>|f(gx) − g f(x)|</code> in float32 on eight ordinary systems, in units of their "
        "radius, for networks with random weights.</p>"
        + tables.symmetry_table(results.pairs)
        + "<p class=note>✓ rounding explains every deviation that the search found; ✗ it does "
        "not. What rounding explains follows from the precision, the network’s condition number "
        "and the distance from the origin: there is no fixed tolerance. LayerNorm acts on the "
        "three numbers of a position; ScaleNorm divides it by its distance from the origin; "
        "GeoNorm measures it from the centre of the system.</p>"
    )


def _curves(results: Results) -> str:
    return figures.section(
        "Training",
        figures.curves(results),
        "<b>Test error while training.</b> Bold: test systems; faint: the training batches. "
        "Dotted: predictions without a network. Lines that end in ✕ became NaN. Look for the "
        "lines that pass below the dotted ones, and for faint spikes: batches on which a network "
        "without a bound explodes for a step (the highest, outside the frame: "
        f"{highest(results)}).",
    )


def _deep(results: Results) -> str:
    runs = [run for run in results.runs if run.group == "deep"]
    if not runs and not results.growth:
        return ""
    return figures.section(
        "Where networks blow up",
        figures.deep(results),
        "<b>Depth.</b> Left: training error of deep networks whose layers sum the coordinate "
        "updates (solid) or average them (dashed); a cross at the first step is a network that "
        "was NaN at the second. Right: the largest number that each layer puts out before any "
        "training. With summed messages it grows from layer to layer whatever is done to "
        "positions; bounded updates, normalised features and averaged messages keep it level.",
    ) + tables.deep_table(runs)


def _table_one(results: Results) -> str:
    runs = [r for r in results.runs if r.model == "egnn_vel" and r.group != "deep"]
    middle = next((r.num_particles for r in runs), None)
    runs = [r for r in runs if r.num_particles == middle]
    runs.sort(key=lambda run: run.group.endswith("-last"))
    tests = count_tests(results, middle)
    return (
        "<h2>Errors under rotation and translation</h2>"
        "<p>The columns of the paper’s Table 1, and beside them what they are meant to show: the "
        "<b>defect</b>, the mean length of <code>f(Rx + t) − (R f(x) + t)</code>. Δ is the rise of "
        "the mean squared error. A network that ignores half of what it is told has a large defect "
        "and a Δ of nearly zero, since rotated systems are as common as unrotated ones: Δ cannot "
        "clear a network, the defect can.</p>"
        + tables.table_one(runs)
        + f"<p class=note>In float64, after training in float32; {tests} test systems, each "
        f"with a motion of its own; translations normal with standard deviation {SHIFT:g} "
        "per component (the paper does not state its own). The paper normalises after the last "
        "layer too, which is the second block.</p>"
    )


def _errors(results: Results) -> str:
    return (
        "<h2>Errors beside what needs no network</h2>"
        "<p>Bars start at the error of predicting that nothing moves: to the left is better. "
        "Rankings, not converged values: the trainings are short and of one seed.</p>"
        + tables.error_table(results)
    )


def _method(results: Results) -> str:
    values = {
        "command": results.command,
        "seed": str(results.seed),
        **results.environment,
        **{name: str(value) for name, value in results.settings.items()},
    }
    return (
        "<h2>How this was made</h2>"
        "<p>The simulator is that of the EGNN experiments: charges ±1, Coulomb forces, frames 30 → "
        "40. “No norm” has the official defaults: messages summed, coordinate updates averaged. "
        "“Recommended” caps the coordinate updates (<code>softcap</code>), puts LayerNorm on the "
        "invariant features and averages messages. The same seed starts every choice from the "
        "same weights and data. The raw results lie beside this file in "
        "<code>results.json</code>.</p>" + tables.settings_table(values)
    )


SECTIONS = (
    _header,
    _problems,
    _findings,
    _symmetries,
    _curves,
    _deep,
    _table_one,
    _errors,
    trajectories,
    gallery,
    _method,
)
