"""`python -m examples.demo`: simulate, train, check the symmetries, write one HTML report."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from datetime import datetime
from pathlib import Path

from rich.console import Console

console = Console(highlight=False)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    made.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of the report")
    made.add_argument("--seed", type=int, default=0, help="of the systems, networks and motions")
    made.add_argument(
        "--minutes",
        type=float,
        default=5.0,
        help="time after which nothing new starts; the report says what fell out",
    )
    made.add_argument(
        "--workers",
        type=int,
        default=min(2, os.cpu_count() or 1),
        help="processes, one thread each; the numbers do not depend on it",
    )
    made.add_argument("--images", type=Path, help="save the README's pictures in this folder too")
    made.add_argument("--cache", type=Path, help="folder of simulated systems; default: OUT/data")
    made.add_argument("--miniature", action="store_true", help="seconds, to see that it runs")
    made.add_argument("--render", action="store_true", help="only draw OUT/results.json again")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options = parser().parse_args(arguments)
    if options.minutes <= 0 or options.workers < 0 or not 0 <= options.seed < 2**31:
        parser().error("--minutes must be positive, --workers and --seed at least 0")
    from examples.demo import experiment, report
    from examples.demo.results import Results, write_atomically

    out = options.out.resolve()
    if options.render:
        try:
            results = Results.load(out / "results.json")
        except (OSError, ValueError) as error:
            parser().error(f"--render needs the results of a run: {error}")
    else:
        begin = time.time()
        given = sys.argv[1:] if arguments is None else arguments
        results = experiment.blank(
            options,
            f"python -m examples.demo {shlex.join(given)}".strip(),
            datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z"),
        )
        try:
            experiment.run(results, options, out, console)
        except KeyboardInterrupt:
            results.problems.append("Interrupted by the user.")
            results.failed = True
        results.seconds = round(time.time() - begin, 1)
        results.save(out / "results.json")
    page = out / "report.html"
    write_atomically(page, report.render(results))
    if options.images:
        from examples.demo import pictures

        pictures.save(results, options.images)
    for problem in results.problems:
        console.print(f"[yellow]![/] {problem}")
    console.print(f"\n[bold]Report:[/] {page.as_uri()}", soft_wrap=True)
    console.print(f"        {page}  ({results.seconds:.0f} s)", soft_wrap=True)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
