"""Figures and statements, from the CSV files alone."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from examples.nbody.reproduce import (
    draw_grid,
    draw_long,
    draw_paths,
    draw_table1,
    draw_training,
    drawing,
    statements,
    statements_beyond,
    statements_table,
)
from examples.nbody.reproduce.choices import CHOICES
from examples.nbody.reproduce.compute import read
from examples.nbody.reproduce.statements import Statement


def figures(experiment: str, folder: Path) -> dict[str, Figure]:
    """The figures of an experiment by name; those without rows are left out."""
    base = read("baselines", folder)
    made: dict[str, Figure] = {}
    if experiment == "fig2" and (points := read("fig2_curves", folder)):
        made["fig2"] = draw_training.figure_2(points, base)
    if experiment == "fig5" and (points := read("fig5_curves", folder)):
        made["fig5"] = draw_training.figure_5(points, base)
    if experiment == "table1" and (moved := read("table1", folder)):
        made["table1"] = draw_table1.figure(moved, base)
    if experiment == "beyond":
        made |= _beyond(folder)
    return made


def _beyond(folder: Path) -> dict[str, Figure]:
    base, made = read("baselines", folder), {}
    grid, runs = read("beyond_grid", folder), read("beyond_runs", folder)
    if grid:
        made["beyond_grid"] = draw_grid.figure(grid, base)
    if runs:
        made["beyond_errors"] = draw_long.errors(
            runs,
            statements_beyond.vanilla_best(grid + runs),
            read("beyond_transfer", folder),
            read("beyond_permutations", folder),
            base,
        )
    if steps := read("beyond_rollouts", folder):
        made["beyond_rollouts"] = draw_long.rollouts(steps)
    if paths := read("beyond_paths", folder):
        names = [
            n for n in ("softcap", "mean", "geonorm_inner") if any(p.choice == n for p in paths)
        ]
        titles = {name: CHOICES[name].label.replace(" (", "\n(") for name in names}
        made["beyond_paths"] = draw_paths.figure(paths, titles)
    return made


def said(experiment: str, folder: Path) -> list[Statement]:
    """The statements of an experiment; none without its files."""
    base = read("baselines", folder)
    if experiment == "fig2":
        runs = read("fig2", folder)
        return statements.figure_2(runs) if runs else []
    if experiment == "fig5":
        runs = read("fig5", folder)
        return statements.figure_5(runs, base) if runs else []
    if experiment == "table1":
        moved = read("table1", folder)
        return statements_table.table_1(moved, base) if moved else []
    runs = read("beyond_runs", folder)
    if not runs:
        return []
    names = ("beyond_rollouts", "beyond_transfer", "beyond_permutations")
    return statements_beyond.beyond(
        read("beyond_grid", folder), runs, *(read(n, folder) for n in names), base
    )


def write(experiment: str, folder: Path) -> list[Path]:
    """Draw the figures and write the statements; returns the files."""
    from examples.demo.results import write_atomically

    written = []
    for name, figure in figures(experiment, folder).items():
        written += drawing.save(figure, folder, name)
    page = folder / f"{experiment}.md"
    write_atomically(page, statements.markdown(said(experiment, folder)))
    return [*written, page]
