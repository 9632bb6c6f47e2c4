"""Every registered norm, forward and backward, against LayerNorm and packages that are there."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
from e3nn import o3
from e3nn.nn import BatchNorm
from torch import Tensor, nn

import eqnorm
from eqnorm.bench import paths, steps
from eqnorm.bench.peers import peer
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import Run, interleaved
from eqnorm.functional.irreps import compiled_available
from eqnorm.specs import NormSpec
from eqnorm.types import parse_type

IRREPS = ("64x0e+32x1o+16x2e", "64x0e", "32x1o")
"""Tried in turn: some norms serve certain irreps only."""
SCALARS = "160x0e"
NODES = 20
H_DIM = 64
# Norms of scalars in PyTorch Geometric that ours of these names equal.
_GEOMETRIC = {"instancenorm": "InstanceNorm", "graphnorm": "GraphNorm"}


def norm_cases(settings: Settings) -> Iterator[Case]:
    """One for each norm, type and number of nodes."""
    for spec in eqnorm.norm_specs():
        if spec.name == "identity":
            continue
        for rows in (1000,) if settings.quick else (1000, 10000):
            kinds = [served(spec)]
            if spec.name in _GEOMETRIC and spec.on == "irreps":
                kinds.append(SCALARS)
            for kind in kinds:
                name = f"{spec.name} on {kind}, {rows:,} {'edges' if on_edges(spec) else 'nodes'}"
                yield Case(
                    "norms", name, functools.partial(_measure, spec, kind, rows, name, settings)
                )


def served(spec: NormSpec) -> str:
    """A type that the norm serves, as large as networks have it."""
    if spec.on != "irreps":
        return spec.on
    for kind in IRREPS:
        try:
            eqnorm.create_norm(spec.name, on=kind, **options(spec))
        except ValueError:
            continue
        return kind
    raise ValueError(f"norm {spec.name!r} accepts none of {', '.join(IRREPS)}: add what it serves")


def options(spec: NormSpec) -> dict[str, Any]:
    """What it must be told to be built."""
    return steps.parameters_in_use(spec.options, h_dim=H_DIM)


def on_edges(spec: NormSpec) -> bool:
    """Whether it normalises each vector by itself, as a norm of relative vectors does."""
    return spec.on == "1o" and spec.scope == "node" and not spec.needs


def norm_pass(spec: NormSpec, kind: str, graph: eqnorm.Graph, rows: int) -> Run:
    """Forward and backward of a norm with its defaults, given whatever it can use."""
    device = str(graph.device)
    norm = eqnorm.create_norm(spec.name, on=kind, **options(spec)).to(device)
    widths = {"x0": 3, "v": 3, "h": H_DIM}
    given = {
        what: torch.randn(rows, widths[what], device=device)
        for what in (*spec.needs, *spec.optional)
    }
    shape = (rows, parse_type(kind).dim)
    return steps.passes(lambda x: norm(x, graph, **given), shape, device)


def _measure(spec: NormSpec, kind: str, rows: int, name: str, settings: Settings) -> list[Record]:
    torch.manual_seed(settings.seed)
    device, dim = settings.device, parse_type(kind).dim
    graph = eqnorm.Graph.complete(rows // NODES, NODES, device=device)
    ours = norm_pass(spec, kind, graph, rows)
    runs: dict[str, Run] = {"torch": paths.on_path(ours, False)}
    if device == "cpu" and compiled_available():
        runs["compiled"] = paths.on_path(ours, True)
    theirs = _peers(spec, kind, graph, device)
    runs |= {who: steps.passes(call, (rows, dim), device) for who, call in theirs.items()}
    with paths.restored():
        times = interleaved(runs, settings.seconds, device=device)
    return [
        Record(
            "norms",
            name,
            path,
            Ratio.of(times[path]),
            {who: Ratio.between(times[who], times[path]) for who in theirs},
            len(times[path]),
        )
        for path in ("torch", "compiled")
        if path in times
    ]


def _peers(spec: NormSpec, kind: str, graph: eqnorm.Graph, device: str) -> dict[str, Any]:
    """Others that do as much or about as much, by name."""
    dim = parse_type(kind).dim
    made: dict[str, Any] = {"nn.LayerNorm": nn.LayerNorm(dim).to(device)}
    if spec.on == "irreps":
        made["e3nn BatchNorm"] = BatchNorm(o3.Irreps(kind)).to(device)
    geometric = peer("torch-geometric") if kind == SCALARS else None
    if geometric is not None:
        theirs: nn.Module = getattr(geometric.nn, _GEOMETRIC[spec.name])(dim).to(device)

        def call(x: Tensor) -> Tensor:
            out: Tensor = theirs(x, graph.batch)
            return out

        made["PyG"] = call
    return made
