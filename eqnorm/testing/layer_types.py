"""How a hidden tensor of unknown type transforms: the type that fits best, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from eqnorm.testing.transforms import Move
from eqnorm.types import POINTS, GeometricType, parse_type

# Relative error below which a type is taken to be the right one.
_FITS = 1e-5
_IRREPS = ("0e", "0o", "1o", "1e", "2e", "2o", "3o", "3e", "4e", "4o")


@dataclass(frozen=True)
class LayerError:
    """Type of best fit, and the relative error under it."""

    kind: str
    error: float


def layer_error(value: Tensor, moved: Tensor, move: Move, stated: Any, size: float) -> LayerError:
    """Compare a layer's output before and after a move.

    Args:
        value: output at x, shape (rows, ...).
        moved: output at g x.
        move: g.
        stated: the type, if it is known.
        size: s of the system, for points.
    """
    levels = [
        level
        for level in ("node", "edge", "graph")
        if value.dim() and move.structure.rows(level) == value.shape[0]
    ]
    if not levels:
        return LayerError("?", 0.0)
    flat, other = value.reshape(value.shape[0], -1), moved.reshape(moved.shape[0], -1)
    best = LayerError("?", float("inf"))
    for level in levels:
        for kind in _candidates(flat.shape[1], stated):
            if kind.is_points and level != "node":
                continue
            want = move.tensor(flat.double(), kind, level)
            if kind.is_points:
                center = want.mean(0)
                scale = max(float((want - center).norm(dim=-1).max()), size)
            else:
                scale = float(want.abs().max())
            gap = float((other.double() - want).abs().max())
            error = gap / scale if scale else (0.0 if gap == 0 else float("inf"))
            if error < best.error:
                best = LayerError(_name(kind), error)
        known = stated is not None and parse_type(str(stated)).dim == flat.shape[1]
        if not known and not best.error < _FITS:
            for before, after in _layouts(value, moved):
                read = _read_off(before.double(), after.double(), move, level)
                best = read if read is not None and read.error < best.error else best
    return best


def _candidates(width: int, stated: Any) -> list[GeometricType]:
    if stated is not None:
        kind = parse_type(str(stated))
        if kind.dim == width:
            return [kind]
    kinds = [parse_type(f"{width}x0e")] if width else []
    if width == 3:
        kinds.append(POINTS)
    if width and width % 3 == 0:
        kinds += [parse_type(f"{width // 3}x1o"), parse_type(f"{width // 3}x1e")]
    return kinds


def _layouts(value: Tensor, moved: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Rows with channels before components (e3nn's order), and the other way round."""
    pairs = [(value, moved)]
    if value.dim() == 3:
        pairs.append((value.transpose(1, 2), moved.transpose(1, 2)))
    return [(a.reshape(a.shape[0], -1), b.reshape(b.shape[0], -1)) for a, b in pairs]


def _read_off(value: Tensor, moved: Tensor, move: Move, level: str) -> LayerError | None:
    """Read the irreps off, from left to right: at each column the first that fits."""
    scale = float(value.abs().max())
    found: list[str] = []
    worst, column = 0.0, 0
    while column < value.shape[1]:
        for irrep in _IRREPS:
            kind = parse_type(f"1x{irrep}")
            piece = slice(column, column + kind.dim)
            if piece.stop > value.shape[1]:
                continue
            want = move.tensor(value[:, piece], kind, level)
            error = float((moved[:, piece] - want).abs().max()) / scale if scale else 0.0
            if error < _FITS:
                found.append(irrep)
                worst, column = max(worst, error), piece.stop
                break
        else:
            return None
    return LayerError(_name(parse_type("+".join(f"1x{irrep}" for irrep in found))), worst)


def _name(kind: GeometricType) -> str:
    if kind.irreps is not None:
        kind = parse_type(kind.irreps.simplify())
    return kind.name if len(kind.name) <= 12 else kind.name[:9] + "..."
