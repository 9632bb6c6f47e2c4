"""Every registered norm, as built with its defaults and with each of its other choices.

Nothing here names a norm: what it serves and needs is read off its spec, its choices off the
annotations of its options.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Sequence
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, NormSpec
from eqnorm.types import parse_type

H_DIM = 4
SIZES = (3, 1, 5, 2)
# Tried in turn for norms on "irreps": some serve certain ones only.
MIXED = ("4x0e+3x1o+2x2e+2x0o", "4x0e+3x1o", "3x1o", "6x0e")
SCALARS = "6x0e"


@dataclasses.dataclass(frozen=True)
class NormCase:
    """A norm, the type it is asked for, and options other than its defaults."""

    name: str
    on: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return "-".join([self.name, self.on, *(f"{key}={value}" for key, value in self.options)])

    def build(self, randomised: bool = True, seed: int = 0) -> nn.Module:
        """The norm in float32, its parameters away from where they start."""
        torch.manual_seed(seed)
        norm = eqnorm.create_norm(self.name, on=self.on, **dict(self.options))
        if randomised:
            with torch.no_grad():
                for parameter in norm.parameters():
                    parameter.add_(0.2 + 0.5 * torch.rand_like(parameter))
        return norm

    @functools.cached_property
    def spec(self) -> NormSpec:
        """The contract as built."""
        spec = eqnorm.contract_of(self.build())
        assert isinstance(spec, NormSpec)
        return spec

    @property
    def takes(self) -> tuple[str, ...]:
        return (*self.spec.needs, *self.spec.optional)

    def inputs(
        self,
        rows: int,
        seed: int = 0,
        scale: float = 1.0,
        dtype: torch.dtype = torch.float64,
        without: Sequence[str] = (),
    ) -> dict[str, Tensor]:
        """x, and what else the norm uses, at random."""
        draw = torch.Generator().manual_seed(seed)
        widths = {"x": parse_type(self.on).dim, "x0": 3, "v": 3, "h": H_DIM}
        values = {
            name: torch.randn(rows, width, generator=draw, dtype=torch.float64).to(dtype)
            for name, width in widths.items()
        }
        return {
            name: value if name == "h" else scale * value
            for name, value in values.items()
            if name == "x" or (name in self.takes and name not in without)
        }


def call(norm: nn.Module, graph: Graph | Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
    """The norm on these inputs."""
    return norm(inputs["x"], graph, **{k: v for k, v in inputs.items() if k != "x"})


def ragged() -> Graph:
    """Graphs of SIZES nodes."""
    return Graph.complete(num_nodes=SIZES)


def default_cases() -> list[NormCase]:
    """One case a norm and type: its defaults."""
    return [case for spec in eqnorm.norm_specs() for case in _of(spec)]


def once_each() -> list[Any]:
    """The default cases, of which those for a further type of a norm are marked slow."""
    seen: set[tuple[str, str]] = set()
    cases = []
    for case in default_cases():
        key = (case.name, eqnorm.norm_spec(case.name, case.on).on)
        cases.append(pytest.param(case, marks=[pytest.mark.slow] if key in seen else []))
        seen.add(key)
    return cases


def all_cases() -> list[NormCase]:
    """The default cases, and one for each other choice of an option that lists its choices."""
    return [
        dataclasses.replace(case, options=(*case.options, *choice))
        for case in default_cases()
        for choice in [(), *_choices(eqnorm.norm_spec(case.name, case.on), case.options)]
    ]


def _of(spec: NormSpec) -> list[NormCase]:
    required = (("h_dim", H_DIM),) if "h_dim" in spec.options else ()
    if spec.on != "irreps":
        return [NormCase(spec.name, spec.on, required)]
    served = [kind for kind in MIXED if _accepts(spec.name, kind, dict(required))]
    assert served, f"{spec.name} accepts none of {MIXED}: add irreps that it serves"
    kinds = dict.fromkeys([served[0], *(kind for kind in served if kind == SCALARS)])
    return [NormCase(spec.name, kind, required) for kind in kinds]


def _accepts(name: str, kind: str, options: dict[str, Any]) -> bool:
    try:
        eqnorm.create_norm(name, on=kind, **options)
    except ValueError:
        return False
    return True


def _choices(
    spec: NormSpec, given: tuple[tuple[str, Any], ...]
) -> list[tuple[tuple[str, Any], ...]]:
    """Each other value of each option of type bool or Literal, alone."""
    hints = typing.get_type_hints(getattr(spec.factory, "__init__", spec.factory))
    found = []
    for name, parameter in inspect.signature(spec.factory).parameters.items():
        hint = hints.get(name)
        if hint is bool:
            values: tuple[Any, ...] = (True, False)
        elif typing.get_origin(hint) is Literal:
            values = typing.get_args(hint)
        else:
            continue
        found += [((name, v),) for v in values if v != parameter.default and v is not None]
    return [choice for choice in found if choice[0][0] not in dict(given)]
