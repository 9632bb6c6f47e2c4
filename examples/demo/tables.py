"""The tables of the report, as HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from examples.demo.figures import main_groups
from examples.demo.findings import Finding, baseline
from examples.demo.plan import CHOICES
from examples.demo.prose import group_title, prose
from examples.demo.results import Moved, Pair, Results, Run, Symmetry
from examples.demo.style import model_name, number

VERDICTS = {True: ("yes", "as in the paper"), False: ("no", "not so"), None: ("open", "open")}


def findings_table(found: Sequence[Finding]) -> str:
    """What the paper says, what this run measured, and whether they agree."""
    rows = []
    for each in found:
        kind, word = VERDICTS[each.agrees]
        rows.append(
            f"<tr><td>{prose(each.claim)} <span class=src>{escape(each.source)}</span></td>"
            f"<td>{prose(each.measured)}</td><td class='verdict {kind}'>{word}</td></tr>"
        )
    return _table(["The paper", "This run", ""], rows, "findings")


def symmetry_table(pairs: Sequence[Pair]) -> str:
    """One row per backbone and choice, one column per symmetry."""
    names = list(dict.fromkeys(s.name for pair in pairs for s in pair.symmetries))
    rows = []
    for model in dict.fromkeys(pair.model for pair in pairs):
        rows.append(
            f"<tr class=group><th colspan={len(names) + 1}>{escape(model_name(model))}</th></tr>"
        )
        for pair in (p for p in pairs if p.model == model):
            by_name = {s.name: s for s in pair.symmetries}
            if not by_name:
                cells = f"<td colspan={len(names)} class=missing>{escape(_why(pair))}</td>"
            else:
                cells = "".join(_symmetry_cell(by_name.get(name)) for name in names)
            rows.append(f"<tr><th>{chip(pair.choice)}</th>{cells}</tr>")
    return _table(["", *names], rows, "matrix")


def table_one(runs: Sequence[Run]) -> str:
    """The columns of the paper's Table 1, with the defects beside them."""
    head = (
        "<tr><th rowspan=2></th><th rowspan=2 class=n>MSE</th>"
        "<th colspan=5 class=span>after a random rotation</th>"
        "<th colspan=5 class=span>after a random translation</th></tr><tr>"
        + 2
        * "<th class='n first'>mean</th><th class=n>median</th><th class=n>max</th>"
        "<th class=n>Δ</th><th class='n key'>defect</th>" + "</tr>"
    )
    rows = []
    for group in dict.fromkeys(run.group for run in runs):
        chosen = [run for run in runs if run.group == group]
        rows.append(f"<tr class=group><th colspan=12>{escape(group_title(chosen[0]))}</th></tr>")
        for run in chosen:
            cells = f"<td class=n>{number(run.final_mse)}</td>"
            if run.rotated is None and run.translated is None:
                cells += f"<td colspan=10 class=missing>{escape(_why(run))}</td>"
            else:
                cells += _moved_cells(run.rotated) + _moved_cells(run.translated)
            rows.append(f"<tr><th>{chip(run.choice)}</th>{cells}</tr>")
    return (
        f"<div class=wide><table class=numbers><thead>{head}</thead>{''.join(rows)}</table></div>"
    )


def error_table(results: Results) -> str:
    """Final test errors beside those of predictions without a network."""
    rows = []
    groups = [g for main in main_groups(results) for g in (main, f"{main}-last")]
    for group in groups:
        chosen = [run for run in results.runs if run.group == group]
        if not chosen:
            continue
        base = baseline(results, chosen[0].num_particles)
        rows.append(f"<tr class=group><th colspan=5>{escape(group_title(chosen[0]))}</th></tr>")
        for run in chosen:
            ratio = run.final_mse / base.no_motion if base and run.final_mse is not None else None
            rows.append(
                f"<tr><th>{chip(run.choice)}</th><td class=n>{number(run.final_mse)}</td>"
                f"<td>{_bar(ratio, run.choice)}</td><td class=n>{run.parameters or '—'}</td>"
                f"<td class=src>{escape(_status(run))}</td></tr>"
            )
        if base and not group.endswith("-last"):
            fitted = f"x + {base.linear_coefficient:.2f}·v, fitted"
            for label, error in (("no motion", base.no_motion), (fitted, base.linear)):
                bar = _bar(error / base.no_motion, "none")
                rows.append(
                    f"<tr class=base><th>{label}</th><td class=n>{number(error)}</td>"
                    f"<td>{bar}</td><td class=n>0</td><td></td></tr>"
                )
    head = ["", "n:test MSE", "times no motion (log scale)", "n:parameters", "training"]
    return _table(head, rows, "numbers")


def deep_table(runs: Sequence[Run]) -> str:
    """What became of the deep networks."""
    rows = []
    for run in runs:
        values = [y for y in run.train_mse if y is not None]
        kind = "summed" if run.key.endswith("sum") else "averaged"
        fate = (
            f"<td class='verdict no'>not a number at step {run.diverged_step}, "
            f"{escape(run.diverged_where)}</td>"
            if run.status == "diverged"
            else f"<td>{escape(_status(run))}</td>"
        )
        first, peak, last = (values[0], max(values), values[-1]) if values else (None, None, None)
        rows.append(
            f"<tr><th>{chip(run.choice)}</th><td>{kind}</td><td class=n>{number(first)}</td>"
            f"<td class=n>{number(peak)}</td><td class=n>{number(last)}</td>{fate}</tr>"
        )
    return _table(
        ["", "coordinates", "n:first step", "n:peak", "n:last finite step", "fate"], rows, "numbers"
    )


def settings_table(values: dict[str, str]) -> str:
    """Names and values, as they are."""
    rows = [f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in values.items()]
    return _table([], rows, "settings")


def chip(choice: str) -> str:
    """The name of a choice with its colour."""
    return f"<span class=chip style='--c:var(--{choice})'>{escape(CHOICES[choice].label)}</span>"


def _symmetry_cell(found: Symmetry | None) -> str:
    if found is None:
        return "<td class=missing>—</td>"
    kind, mark = ("yes", "✓") if found.holds else ("no", "✗")
    declared = "declared" if found.declared else "declared broken"
    warn = "" if found.agrees else f" <b>({declared})</b>"
    title = f"{declared}; error {number(found.error)}"
    shown = f"{mark} <span>{number(found.error)}</span>{warn}"
    return f"<td class='cell {kind}' title='{title}'>{shown}</td>"


def _moved_cells(moved: Moved | None) -> str:
    if moved is None:
        return "<td colspan=5 class=missing>not finite</td>"
    broken = moved.defect > 1e-6
    cells = [number(v) for v in (moved.mean, moved.median, moved.max, _clean(moved.increment))]
    return (
        f"<td class='n first'>{cells[0]}</td>"
        + "".join(f"<td class=n>{cell}</td>" for cell in cells[1:])
        + f"<td class='n key {'no' if broken else 'yes'}'>{number(moved.defect)}</td>"
    )


def _clean(value: float) -> float:
    return 0.0 if abs(value) < 5e-7 else value


def _bar(ratio: float | None, choice: str) -> str:
    """A bar on a log scale from 0.01 to 100 times no motion, growing from 1 either way."""
    if ratio is None or not math.isfinite(ratio) or ratio <= 0:
        return ""
    end = min(max((math.log10(ratio) + 2) / 4, 0.0), 1.0) * 100
    left, width = min(end, 50.0), max(abs(end - 50.0), 0.6)
    return (
        f"<div class=bar><i style='left:{left:.1f}%;width:{width:.1f}%;background:var(--{choice})'>"
        f"</i></div><span class=times>{number(ratio, 2)}×</span>"
    )


def _status(run: Run) -> str:
    if run.status == "diverged":
        return f"not a number at step {run.diverged_step} ({run.diverged_where})"
    if run.status == "finished":
        return f"{len(run.train_mse)} steps of {run.batch_size} systems, {run.seconds:.0f} s"
    return _why(run)


def _why(record: Run | Pair) -> str:
    return f"{record.status}: {record.reason}" if record.reason else record.status


def _table(head: Sequence[str], rows: Sequence[str], kind: str) -> str:
    cells = "".join(
        f"<th class=n>{name[2:]}</th>" if name.startswith("n:") else f"<th>{name}</th>"
        for name in head
    )
    top = f"<thead><tr>{cells}</tr></thead>" if head else ""
    return f"<div class=wide><table class={kind}>{top}<tbody>{''.join(rows)}</tbody></table></div>"
