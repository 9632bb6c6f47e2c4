"""Which cases there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import torch

from eqnorm.bench.models import model_cases
from eqnorm.bench.norm_cost import cost_cases
from eqnorm.bench.norms import norm_cases
from eqnorm.bench.records import Case, Settings
from eqnorm.bench.roofline import roofline_cases
from eqnorm.bench.simulator import simulator_cases

_CASES: dict[str, tuple[Callable[[Settings], Iterator[Case]], ...]] = {
    "norms": (norm_cases, cost_cases),
    "models": (model_cases,),
    "simulator": (simulator_cases,),
    "roofline": (roofline_cases,),
}
PARTS = tuple(_CASES)


def cases(settings: Settings, parts: Sequence[str] = PARTS, pattern: str = "") -> list[Case]:
    """What to run, in order.

    Args:
        settings: how to measure; ``settings.threads`` becomes torch's number of threads.
        parts: some of `PARTS`.
        pattern: only cases with this text in their name.

    Raises:
        ValueError: a part that there is not, or no case left.

    Example:
        >>> [case.name for case in cases(Settings(), ["norms"], "softcap on 1o, 1,000")]
        ['softcap on 1o, 1,000 nodes']
    """
    unknown = [part for part in parts if part not in _CASES]
    if unknown:
        raise ValueError(f"parts must be among {', '.join(PARTS)}, got {', '.join(unknown)}")
    torch.set_num_threads(settings.threads)
    found = [
        case
        for part in dict.fromkeys(parts)
        for case in chain.from_iterable(make(settings) for make in _CASES[part])
        if pattern in case.name
    ]
    if not found:
        raise ValueError(f"no case of {', '.join(parts)} has {pattern!r} in its name")
    return found
