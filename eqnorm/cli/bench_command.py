"""`eqnorm bench`: options read, cases run one by one, tables shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from eqnorm.cli.console import err, out, print_json

SECONDS, QUICK_SECONDS = 2.0, 0.3


def bench(
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            "-s",
            help="norms, models, simulator or roofline; more than once for several. Default: all.",
        ),
    ] = None,
    pattern: Annotated[
        str, typer.Option("--pattern", "-k", help="Only cases with this text in their name.")
    ] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Of torch, on the CPU.")] = 1,
    seconds: Annotated[
        float | None,
        typer.Option(help=f"For each case; default {SECONDS}, {QUICK_SECONDS} with --quick."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and smaller sizes.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of parameters and inputs.")] = 0,
    list_only: Annotated[bool, typer.Option("--list", help="Name the cases and run none.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time norms, backbones and the simulator on this machine, against peers in the same run.

    Contestants take turns; figures are medians of the ratios of each round, with quartiles. On one
    thread of the CPU they are of processor time. Peers that are not installed are left out and
    named.
    """
    from eqnorm import bench as benchmarks
    from eqnorm.cli import bench_tables

    if seconds is None:
        seconds = QUICK_SECONDS if quick else SECONDS
    settings = benchmarks.Settings(device, threads, seconds, quick, seed)
    chosen = benchmarks.cases(settings, select or benchmarks.PARTS, pattern)
    if list_only:
        names = [{"part": case.part, "name": case.name} for case in chosen]
        if json:
            print_json(names)
        else:
            out().print("\n".join(f"{case['part']}: {case['name']}" for case in names))
        return
    machine = benchmarks.machine(settings)
    missing = benchmarks.missing_peers()
    records, failed = _run(chosen)
    if json:
        print_json(
            {
                "machine": machine,
                "missing": missing,
                "failed": failed,
                "records": [record.as_json() for record in records],
            }
        )
    else:
        bench_tables.show(machine, settings, missing, records, failed)
    if failed:
        raise typer.Exit(1)


def _run(chosen: list[Any]) -> tuple[list[Any], dict[str, str]]:
    """All records, and what went wrong: one case that fails does not take the others with it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), Remaining())
    records, failed = [], {}
    with Progress(*columns, console=err(), transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for case in chosen:
            progress.update(task, description=case.name)
            try:
                records += case.run()
            except Exception as error:
                failed[case.name] = f"{type(error).__name__}: {error}"
            progress.advance(task)
    return records, failed
