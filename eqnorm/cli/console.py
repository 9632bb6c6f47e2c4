"""What the commands print on, and how they fail."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

VIOLATION = 1
USAGE = 2

P = ParamSpec("P")


def out() -> Console:
    """The console for results. Piped output is not cut to a terminal's 80 columns."""
    piped = not sys.stdout.isatty()
    return Console(width=140 if piped else None, soft_wrap=False, highlight=False)


def err() -> Console:
    """The console for errors, warnings and progress."""
    return Console(stderr=True, highlight=False)


def table(*columns: str, title: str | None = None) -> Table:
    """A table in the house style: rules between header and rows only."""
    made = Table(title=title, title_justify="left", title_style="bold", box=_box(), pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def _box() -> Any:
    from rich import box

    return box.SIMPLE_HEAD


def print_json(value: Any) -> None:
    """Print one JSON document, and nothing else, on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def fail(message: str) -> typer.Exit:
    """Print ``error: message`` on stderr; raise what it returns."""
    err().print(f"[bold red]error:[/] {_escaped(message)}", soft_wrap=True)
    return typer.Exit(USAGE)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a user can get wrong into one line and exit status 2."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ValueError, TypeError, ImportError) as error:
            raise fail(str(error)) from error

    return run
