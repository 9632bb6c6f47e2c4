"""Every registered backbone's training step, against the velocity-EGNN in torch, and peers.

`tfn` and `nequip` have the same layers written with e3nn's modules beside them, in the same rounds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.bench import e3nn_peers, paths, steps
from eqnorm.bench.peers import StackedEGNN, missing_peers, peer, schnet
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import Run, interleaved

REFERENCE = "egnn_vel"
HIDDEN, LAYERS = 64, 4
SIZES = ((50, 5), (50, 20), (10, 100))
"""Graphs, and nodes of each."""
IRREPS_SIZES = ((50, 5), (50, 20), (4, 100))
"""Of backbones on irreps, whose edges take a hundred times the memory."""
QUICK = ((50, 5), (10, 20))


Build = Callable[[steps.Systems], dict[str, Run]]


def model_cases(settings: Settings) -> Iterator[Case]:
    """One for each model and size, and one for each peer that is installed."""
    reference = REFERENCE if REFERENCE in eqnorm.list_models() else None
    ours: dict[str, Build] = {name: functools.partial(_ours, name) for name in eqnorm.list_models()}
    for place in range(len(QUICK if settings.quick else SIZES)):
        for name, build in {**ours, **_peers()}.items():
            wide = name in ours and eqnorm.model_spec(name).features == "irreps"
            sizes = QUICK if settings.quick else IRREPS_SIZES if wide else SIZES
            graphs, nodes = sizes[place]
            yield _case(f"{name}, N={nodes}, B={graphs}", build, graphs, nodes, reference, settings)


def _case(
    name: str, build: Build, graphs: int, nodes: int, reference: str | None, settings: Settings
) -> Case:
    run = functools.partial(_measure, name, build, graphs, nodes, reference, settings)
    return Case("models", name, run)


def _measure(
    name: str,
    build: Build,
    graphs: int,
    nodes: int,
    reference: str | None,
    settings: Settings,
) -> list[Record]:
    torch.manual_seed(settings.seed)
    systems = steps.Systems.draw(graphs, nodes, settings.device)
    runs = build(systems)
    # A peer of this backbone alone is a contestant and no line of its own.
    mine = [path for path in runs if path not in PLAIN]
    others = {path: path for path in runs if path in PLAIN}
    if reference is not None:
        runs["reference"] = _ours(reference, systems)["torch"]
        others[f"{reference} in torch"] = "reference"
    with paths.restored():
        times = interleaved(runs, settings.seconds, device=settings.device)
    return [
        Record(
            "models",
            name,
            path,
            Ratio.of(times[path]),
            {who: Ratio.between(times[run], times[path]) for who, run in others.items()},
            len(times[path]),
        )
        for path in mine
    ]


def _ours(name: str, systems: steps.Systems) -> dict[str, Run]:
    spec = eqnorm.model_spec(name)
    wanted: dict[str, Any] = {"layers": LAYERS, "edge_dim": systems.e.shape[1]}
    if spec.features == "scalars":
        wanted["hidden"] = HIDDEN
    model = eqnorm.create_model(name, **steps.parameters_in_use(spec.options, **wanted))
    step = steps.training_step(model.to(systems.x.device), systems)
    runs = {"torch": paths.on_path(step, False)}
    if systems.x.device.type == "cpu":
        runs["default"] = paths.on_path(step, True)
    if name in e3nn_peers.WIDTHS:
        runs |= {who: make(name, systems) for who, make in PLAIN.items()}
    return runs


def _e3nn(name: str, systems: steps.Systems) -> Run:
    device = systems.x.device
    model = e3nn_peers.Peer(name, layers=LAYERS, edge_dim=systems.e.shape[1]).to(device)
    h = torch.ones(systems.x.shape[0], 1, device=device)
    given = (systems.x, systems.graph, h, systems.v, systems.e)
    return steps.step_of(model, lambda: model(*given), systems.target)


PLAIN: dict[str, Callable[[str, steps.Systems], Run]] = {"e3nn's modules": _e3nn}
"""Other ways to write one of our backbones, by what they are called."""


def _peers() -> dict[str, Build]:
    known: dict[str, tuple[str, Build]] = {
        "egnn-pytorch EGNN": ("egnn-pytorch", _stacked),
        "PyG SchNet (invariant)": ("torch-geometric", _schnet),
    }
    missing = missing_peers()
    return {
        name: build for name, (distribution, build) in known.items() if distribution not in missing
    }


def _stacked(systems: steps.Systems) -> dict[str, Run]:
    graphs = systems.graph.num_graphs
    nodes = systems.x.shape[0] // graphs
    device = systems.x.device
    model = StackedEGNN(peer("egnn-pytorch"), HIDDEN, LAYERS, systems.e.shape[1]).to(device)
    edges = torch.randn(graphs, nodes, nodes, systems.e.shape[1], device=device)
    h = torch.ones(graphs, nodes, 1, device=device)
    x = systems.x.view(graphs, nodes, 3)
    return _step(model, lambda: model(x, h, edges), systems.target.view_as(x))


def _schnet(systems: steps.Systems) -> dict[str, Run]:
    model = schnet(peer("torch-geometric"), HIDDEN, LAYERS, systems.graph).to(systems.x.device)
    kinds = torch.ones(systems.x.shape[0], dtype=torch.int64, device=systems.x.device)
    return _step(model, lambda: model(kinds, systems.x, systems.graph.batch), systems.target)


def _step(model: nn.Module, predict: Callable[[], Tensor], target: Tensor) -> dict[str, Run]:
    return {"theirs": steps.step_of(model, predict, target)}
