"""The tables of `eqnorm bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from eqnorm.bench import Ratio, Record, Settings
from eqnorm.cli.bench_run import Found
from eqnorm.cli.console import err, out, table

TITLES = {
    "norms": "Norms, forward and backward: times faster than",
    "models": "Backbones, a training step: times faster than",
    "simulator": "Simulator: times faster than",
    "roofline": "Roofline: what the machine can do, and the share that is reached",
}
COSTS = "Norms in a training step: what they add to it"
_SHARES = (
    "added to the step",
    "the norm alone",
    "of the GEMM peak",
    "of the copy peak",
)


def show(settings: Settings, found: Found) -> None:
    """Header, a table for each part, and what was left out."""
    console = out()
    console.print(header(found.machine, settings), soft_wrap=True)
    for title, rows in grouped(found.records).items():
        console.print(made(title, rows))
    for name, part in found.missing.items():
        console.print(f"left out: {name} is not installed ({part})", soft_wrap=True)
    for name, why in found.failed.items():
        err().print(f"[bold red]failed:[/] {escape(name)}: {escape(why)}", soft_wrap=True)


def header(machine: dict[str, Any], settings: Settings) -> str:
    """Where and how it was measured."""
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    where = machine.get("gpu") or f"{machine['device']} ({machine['instructions']})"
    alone = settings.device == "cpu" and settings.threads == 1
    clock = "processor time" if alone else "wall-clock time"
    load = "" if machine["load"] is None else f", load {machine['load']}"
    return (
        f"[bold]{escape(where)}[/], {machine['cores']} cores, torch on {settings.threads} "
        f"thread{'s' if settings.threads > 1 else ''}{load}; Python {machine['python']}, "
        f"{escape(versions)}\nmedians of {clock}, quartiles of the rounds in brackets"
    )


def grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each table, by its title."""
    found: dict[str, list[Record]] = {}
    for record in records:
        title = COSTS if "added to the step" in record.figures else TITLES[record.part]
        found.setdefault(title, []).append(record)
    return found


def made(title: str, records: Sequence[Record]) -> Table:
    """A table with a column for each figure that any of its lines has."""
    names = list(dict.fromkeys(name for record in records for name in record.figures))
    result = table("what", "path", "time", *names, "rounds", title=title)
    for record in records:
        figures = [
            written(record.figures[name], name) if name in record.figures else "-" for name in names
        ]
        time = "-" if record.seconds is None else _time(record.seconds)
        result.add_row(escape(record.what), escape(record.path), time, *figures, str(record.rounds))
    return result


def written(figure: Ratio, name: str = "") -> str:
    """A figure with its quartiles.

    Example:
        >>> written(Ratio(2.04, 1.96, 2.2))
        '2.04 (1.96-2.20)'
        >>> written(Ratio(0.021, 0.018, 0.03), "added to the step")
        '2.1 % (1.8 to 3.0)'
    """
    values = (figure.value, figure.low, figure.high)
    if name in _SHARES:
        middle, low, high = (f"{100 * value:.1f}" for value in values)
        return f"{middle} % ({low} to {high})"
    middle, low, high = (f"{value:.3g}" if value >= 10 else f"{value:.2f}" for value in values)
    return f"{middle} ({low}-{high})"


def _time(seconds: Ratio) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds.value >= size:
            return f"{seconds.value / size:.3g} {unit}"
    return f"{1e6 * seconds.value:.3g} µs"
