"""Runs cases one after the other, and keeps what they gave, whatever happens to the next."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from eqnorm.bench import Case, Record


@dataclasses.dataclass
class Found:
    """What a run gave so far.

    Attributes:
        machine: where and how it was measured.
        missing: peers that are not installed, and the part that lacks them.
        records: of all cases that ended well.
        failed: by case, what went wrong.
        left: names of the cases that were not run.
    """

    machine: dict[str, Any]
    missing: dict[str, str]
    records: list[Record] = dataclasses.field(default_factory=list)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    left: list[str] = dataclasses.field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**vars(self), "records": [record.as_json() for record in self.records]}

    def write(self, path: Path) -> None:
        """Write JSON; the file is whole at any time."""
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        beside = path.with_name(f"{path.name}.part")
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, path)


def run(chosen: Sequence[Case], found: Found, console: Console, output: Path | None) -> None:
    """Run the cases; one that fails does not take the others with it.

    Ctrl-C ends the run, and the cases that are left are named in ``found``. ``output`` is written
    after every case.
    """
    found.left = [case.name for case in chosen]
    with _progress(console, len(chosen)) as report:
        for case in chosen:
            start = time.monotonic()
            report(case.name, None)
            try:
                found.records += case.run()
            except KeyboardInterrupt:
                break
            except Exception as error:
                found.failed[case.name] = f"{type(error).__name__}: {error}"
            found.left.remove(case.name)
            if output is not None:
                found.write(output)
            report(case.name, time.monotonic() - start)


@contextlib.contextmanager
def _progress(console: Console, total: int) -> Iterator[Any]:
    """What to call with the name of a case before it, and with its seconds after it.

    A bar on a terminal; a line for each case elsewhere, such as in the log of a machine.
    """
    if not console.is_terminal:
        done = 0

        def line(name: str, seconds: float | None) -> None:
            nonlocal done
            if seconds is not None:
                done += 1
                console.print(f"{done}/{total} {escape(name)}: {seconds:.1f} s", soft_wrap=True)

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def move(name: str, seconds: float | None) -> None:
            progress.update(task, description=escape(name), advance=seconds is not None)

        yield move
