"""The collection: how a specimen is described and found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

POINTS_AND_BATCH: Mapping[str, Any] = {"pos": "points", "batch": "batch"}


@dataclass(frozen=True)
class Specimen:
    """A small model that is wrong in a known way, or right but hard to judge.

    Attributes:
        name: readable.
        make: builds the model; wrong or right by construction, whatever the seed.
        breaks: names of violations, any of which is the right reason; empty for sound models.
        inputs: as for :func:`eqnorm.testing.assert_equivariant`.
        output: likewise.
        group: that the model claims.
        dtype: to check in.
        summary: what is wrong, or what is hard.
    """

    name: str
    make: Callable[[], Callable[..., Any]]
    breaks: tuple[str, ...]
    inputs: Mapping[str, Any]
    output: Any
    group: str
    dtype: torch.dtype = torch.float32
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether it must not be condemned."""
        return not self.breaks

    def declaration(self) -> dict[str, Any]:
        """Keyword arguments for :func:`eqnorm.testing.assert_equivariant`."""
        return {
            "inputs": self.inputs,
            "output": self.output,
            "group": self.group,
            "dtype": self.dtype,
            **self.options,
        }


COLLECTION: dict[str, Specimen] = {}

Maker = type[nn.Module] | Callable[..., Any]


def specimen(
    *breaks: str,
    inputs: Mapping[str, Any] = POINTS_AND_BATCH,
    output: Any = "points",
    group: str = "SE3",
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> Callable[[Maker], Maker]:
    """Add a module class (built when needed, in eval mode) or a function to the collection.

    Args:
        *breaks: names of violations; none for a sound model.
        inputs: the declaration.
        output: the declaration.
        group: the declaration.
        dtype: the declaration.
        **options: more of it.
    """

    def add(maker: Maker) -> Maker:
        def make() -> Callable[..., Any]:
            if not (isinstance(maker, type) and issubclass(maker, nn.Module)):
                return maker
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return maker().eval()

        name = maker.__name__
        if name in COLLECTION:
            raise ValueError(f"there is a specimen {name!r} already; choose another name")
        summary = (maker.__doc__ or "").strip().splitlines()[0]
        COLLECTION[name] = Specimen(
            name, make, breaks, inputs, output, group, dtype, summary, options
        )
        return maker

    return add


def wrong() -> list[Specimen]:
    """The deliberately wrong models."""
    return [one for one in COLLECTION.values() if not one.sound]


def sound() -> list[Specimen]:
    """The right but hard models."""
    return [one for one in COLLECTION.values() if one.sound]
