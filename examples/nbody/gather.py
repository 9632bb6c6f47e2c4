"""One table of all runs below a folder.

python -m examples.nbody.gather runs/nbody
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from examples.demo.results import write_atomically
from examples.nbody import records

MEASURED = (
    "state",
    "test_mse",
    "last_test_mse",
    "val_mse",
    "no_motion",
    "linear",
    "diverged_step",
    "diverged_where",
    "steps",
    "seconds",
    "parameters",
    "folder",
)
# Shown in any case, first, and in this order.
ALWAYS = ("model.name", "model.norm", "data.n", "model.layers", "lr", "seed")
# A copy of another option.
COPIES = ("norm", "data.seed", "data._target_")


def gather(folder: Path) -> list[dict[str, Any]]:
    """All runs below a folder: their options by dotted name, and what was measured.

    "state" is "finished", "diverged" or "unfinished"; what is not known is None.

    Args:
        folder: searched with all that is below it.
    """
    return [
        _row(path.parent, folder)
        for path in sorted(folder.rglob(records.CONFIG))
        if (path.parent / "csv").exists() or (path.parent / records.RESULTS).exists()
    ]


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """The options that tell the runs apart, after those of :data:`ALWAYS`; what was measured."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    varied = [
        name
        for name in names
        if name not in (*ALWAYS, *MEASURED, *COPIES)
        and len({str(row.get(name)) for row in rows}) > 1
    ]
    return [*(name for name in ALWAYS if name in names), *varied, *MEASURED]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.nbody.gather", description=__doc__)
    parser.add_argument("folder", type=Path, help="searched with all that is below it")
    parser.add_argument("--csv", type=Path, help="the table; default: FOLDER/table.csv")
    options = parser.parse_args(arguments)
    rows = gather(options.folder)
    if not rows:
        print(f"error: no runs below {options.folder}", file=sys.stderr)
        return 1
    names = columns(rows)
    path = options.csv or options.folder / "table.csv"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row.get(name)) for name in names} for row in rows)
    write_atomically(path, text.getvalue())
    show(rows, names)
    print(f"{len(rows)} runs, all columns in {path}")
    return 0


def show(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Print the main columns; the rest is in the CSV."""
    from rich.console import Console
    from rich.table import Table

    left_out = ("last_test_mse", "val_mse", "steps", "seconds", "parameters", "folder")
    shown = [name for name in names if name not in left_out]
    table = Table()
    for name in shown:
        number = any(isinstance(row.get(name), (int, float)) for row in rows)
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=name in ("state", "test_mse"),
        )
    for row in rows:
        style = {"diverged": "red", "unfinished": "yellow"}.get(row["state"])
        table.add_row(*(_short(row.get(name)) for name in shown), style=style)
    Console(width=None if sys.stdout.isatty() else 240).print(table)


def _row(run: Path, top: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf

    options: Any = OmegaConf.to_container(OmegaConf.load(run / records.CONFIG))
    row = dict(_leaves(options))
    row["folder"] = str(run.relative_to(top))
    try:
        results = json.loads((run / records.RESULTS).read_text())
    except OSError:
        logged = records.history(run)["train_mse"]
        return {**row, "state": "unfinished", "steps": logged[-1][0] if logged else 0}
    row.update({name: results[name] for name in MEASURED if name in results})
    row.update({name: results["baselines"].get(name) for name in ("no_motion", "linear")})
    return {**row, "state": "diverged" if results["diverged"] else "finished"}


def _leaves(options: Mapping[Any, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """Options under their dotted names; a norm with its options is one."""
    for key, value in options.items():
        full = f"{name}.{key}" if name else str(key)
        if isinstance(value, dict) and full in ("model", "data"):
            yield from _leaves(value, full)
        else:
            yield full, value


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _short(value: Any) -> str:
    if isinstance(value, dict):
        options = [f"{k}={v}" for k, v in value.items() if k != "name"]
        return " ".join([str(value.get("name")), *options])
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
