"""`eqnorm bench`: options read, cases run one by one, tables shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eqnorm.cli.console import err, out, print_json

SECONDS, QUICK_SECONDS = 2.0, 0.3
INTERRUPTED = 130


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
        typer.Option(
            help="For each case; slow ones take longer, until three turns are over. Default "
            f"{SECONDS}, {QUICK_SECONDS} with --quick."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and smaller sizes.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of parameters and inputs.")] = 0,
    list_only: Annotated[bool, typer.Option("--list", help="Name the cases and run none.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write JSON to this file too, after every case."),
    ] = None,
) -> None:
    """Time norms, backbones and the simulator on this machine, against peers in the same run.

    Contestants take turns; figures are medians of the ratios of each round, with quartiles. On one
    thread of the CPU they are of processor time. Peers that are not installed are left out and
    named. Ctrl-C ends the run, and what was measured until then is shown.
    """
    from eqnorm import bench as benchmarks
    from eqnorm.cli import bench_run, bench_tables

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
    if output is not None and not output.resolve().parent.is_dir():
        raise ValueError(f"--output: no directory {str(output.parent)!r}; make it first")
    if output is not None and output.is_dir():
        raise ValueError(f"--output: {str(output)!r} is a directory; name a file in it")
    found = bench_run.Found(benchmarks.machine(settings), benchmarks.missing_peers())
    bench_run.run(chosen, found, err(), output)
    if json:
        print_json(found.as_json())
    else:
        bench_tables.show(settings, found)
    if found.left:
        err().print(f"interrupted: {len(found.left)} of {len(chosen)} cases were not run")
        raise typer.Exit(INTERRUPTED)
    if found.failed:
        raise typer.Exit(1)
