"""CSV files of rows: written whole or not at all, read back with their types."""

from __future__ import annotations

import csv
import io
import types
import typing
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from examples.demo.results import write_atomically

Record = TypeVar("Record")


def text(rows: list[Any], kind: type[Any]) -> str:
    """Rows of one dataclass as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [item.name for item in fields(kind)]
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)
    return buffer.getvalue()


def write(path: Path, rows: list[Any], kind: type[Any]) -> None:
    """Write CSV, whole or not at all."""
    write_atomically(path, text(rows, kind))


def read(path: Path, kind: type[Record]) -> list[Record]:
    """What :func:`write` wrote; a file that is not there holds no rows.

    Raises:
        ValueError: the columns are not those of ``kind``.
    """
    if not path.exists():
        return []
    hints = typing.get_type_hints(kind)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(hints):
            raise ValueError(
                f"{path} must have the columns {', '.join(hints)}, has {reader.fieldnames}; "
                "run the experiment again"
            )
        return [kind(**{k: _value(v, hints[k]) for k, v in row.items()}) for row in reader]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(cell: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        if cell == "":
            return None
        hint = typing.get_args(hint)[0]
    return cell == "True" if hint is bool else hint(cell)
