"""A row norm that is applied later, elsewhere than between operations of torch."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from eqnorm.functional import _compiled
from eqnorm.functional._irreps.rows import RowCall, Rows, plain

Parameters = Sequence[Tensor | None]
_COUNT = 9  # as many as norms on points may have, of which these have two


class RowsBetween(NamedTuple):
    """As :class:`eqnorm.functional.between.Between`.

    Attributes:
        rows: groups of columns, and eps.
        x0: not read, like the next ones.
        v: see there.
        h: see there.
    """

    rows: Rows
    x0: bool = False
    v: bool = False
    h: bool = False

    def plain(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> Tensor:
        """See there, like the next ones."""
        weight, bias = _both(parameters)
        return plain(x, weight, bias, self.rows)

    def forward(
        self, x: Tensor, x0: Tensor, v: Tensor | None, h: Tensor, parameters: Parameters
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See there."""
        y, *kept = _module("launch").row_forward(x.contiguous(), *_both(parameters), self.rows)
        return y, tuple(kept)

    def backward(
        self,
        g: Tensor,
        x: Tensor,
        x0: Tensor,
        v: Tensor | None,
        h: Tensor,
        parameters: Parameters,
        kept: Sequence[Tensor],
        wants: tuple[bool, bool],
    ) -> tuple[Tensor | None, ...]:
        """See there."""
        weight = _both(parameters)[0]
        found = _module("launch").row_backward(g, x.contiguous(), weight, *kept, self.rows)
        return (found[0], None, None, None, *found[1:], *(None,) * (_COUNT - 2))

    def kept(self, nodes: int, parameters: Parameters) -> int:
        """See there."""
        return -(-nodes * (self.rows.num_groups + 1) // 2)

    def record(
        self,
        x0: Tensor,
        v: Tensor | None,
        parameters: Parameters,
        kept: int,
        gradients: Parameters = (),
        wants: tuple[bool, bool] = (False, False),
    ) -> tuple[Any, object]:
        """See there."""
        given = (x0.shape[0], *_both(parameters), self.rows, kept, gradients[:2])
        made: tuple[Any, object] = _module("record").record(*given)
        return made


def written(call: RowCall, x: Tensor) -> tuple[RowsBetween, tuple[Tensor | None, ...]] | None:
    """What was written down, and its parameters; None where loops by address cannot serve it."""
    tensors = call[:3]
    if call.x is not x or not all(_compiled.serves(t) and t.dtype == x.dtype for t in tensors):
        return None
    return RowsBetween(call.how), (call.weight, call.bias, *(None,) * (_COUNT - 2))


def _both(parameters: Parameters) -> tuple[Tensor, Tensor]:
    weight, bias = parameters[:2]
    assert weight is not None
    assert bias is not None
    return weight, bias


@functools.cache
def _module(name: str) -> Any:
    # numba takes half a second to import: not before the first norm that it serves.
    return importlib.import_module(f"eqnorm.functional._irreps.{name}")
