"""The report: one HTML file that needs no other, made from the results alone."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from examples.demo import figures, tables
from examples.demo.evaluate import SHIFT
from examples.demo.findings import findings
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
        f"where they are 1000 steps later ({_words(sizes)} particles). They differ only in how "
        "they normalise. Every number on this page was measured by the run that wrote it.</p>"
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
        f"<p>{_sum_up(agree)} The number is the largest error found, relative to the size of the "
        "output: a searcher draws systems, weights and motions and drives the error up.</p>"
        + tables.symmetry_table(results.pairs)
        + "<p class=note>✓ the error is what rounding explains at that input; ✗ it is not. The "
        "allowance follows from the precision (float32), the network’s condition number and the "
        "distance from the origin, so that no fixed tolerance is involved. LayerNorm acts on the "
        "three numbers of a position; ScaleNorm divides it by its distance from the origin; "
        "GeoNorm measures it from the centre of the system.</p>"
    )


def _curves(results: Results) -> str:
    return _figure(
        "Training",
        figures.curves(results),
        "<b>Test error while training.</b> Bold: test systems; faint: the training batches. "
        "Dotted: predictions without a network. Lines that end in ✕ became NaN. A norm that "
        "breaks a symmetry or pins the particles to a sphere costs accuracy; look for which "
        "lines pass below the dotted ones.",
    )


def _deep(results: Results) -> str:
    runs = [run for run in results.runs if run.group == "deep"]
    if not runs and not results.growth:
        return ""
    return _figure(
        "Where networks blow up",
        figures.deep(results),
        "<b>Depth.</b> Left: training error of deep networks whose layers sum the coordinate "
        "updates (solid) or average them (dashed). Right: the largest number each layer puts out "
        "before any training. The numbers explode in the invariant features already, layer by "
        "layer: normalising positions between layers does not reach them.",
    ) + tables.deep_table(runs)


def _table_one(results: Results) -> str:
    runs = [r for r in results.runs if r.model == "egnn_vel" and r.group != "deep"]
    middle = next((r.num_particles for r in runs), None)
    runs = [r for r in runs if r.num_particles == middle]
    runs.sort(key=lambda run: run.group.endswith("-last"))
    return (
        "<h2>Errors under rotation and translation</h2>"
        "<p>The columns of the paper’s Table 1, and beside them what they are meant to show: the "
        "<b>defect</b>, the mean length of <code>f(Rx + t) − (R f(x) + t)</code>. Δ is the rise of "
        "the mean squared error. A network that ignores half of what it is told has a large defect "
        "and a Δ of nearly zero, since rotated systems are as common as unrotated ones: Δ cannot "
        "clear a network, the defect can.</p>"
        + tables.table_one(runs)
        + f"<p class=note>In float64, after training in float32; {_count(results)} test systems, "
        f"each with a motion of its own; translations normal with standard deviation {SHIFT:g} per "
        "component (the paper does not state its own). The paper normalises after the last layer "
        "too, which is the second block.</p>"
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
    _method,
)


def _figure(title: str, figure: Figure | None, caption: str) -> str:
    if figure is None:
        return ""
    return (
        f"<h2>{title}</h2><figure>{figures.svg(figure)}<figcaption>{caption}</figcaption></figure>"
    )


def _sum_up(agree: list[bool]) -> str:
    if all(agree):
        return f"Declared and measured agree in all {len(agree)} cases, in both directions."
    return f"Declared and measured agree in {sum(agree)} of {len(agree)} cases."


def _count(results: Results) -> str:
    return str(results.baselines[0].test_systems) if results.baselines else "no"


def _words(sizes: list[int]) -> str:
    words = [str(size) for size in sizes]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
