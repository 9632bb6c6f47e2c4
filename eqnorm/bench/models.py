"""Every registered backbone's training step, against the velocity-EGNN in torch, and peers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm.bench import paths, steps
from eqnorm.bench.peers import StackedEGNN, missing_peers, peer, schnet
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import Run, interleaved

REFERENCE = "egnn_vel"
HIDDEN, LAYERS = 64, 4
SIZES = ((50, 5), (50, 20), (10, 100))
QUICK = ((50, 5), (10, 20))


def model_cases(settings: Settings) -> Iterator[Case]:
    """One for each model and size, and one for each peer that is installed."""
    reference = REFERENCE if REFERENCE in eqnorm.list_models() else None
    for graphs, nodes in QUICK if settings.quick else SIZES:
        size = f"N={nodes}, B={graphs}"
        ours: dict[str, Build] = {
            name: functools.partial(_ours, name) for name in eqnorm.list_models()
        }
        for name, build in {**ours, **_peers()}.items():
            yield _case(f"{name}, {size}", build, graphs, nodes, reference, settings)


Build = Callable[[steps.Systems], dict[str, Run]]


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
    mine = list(runs)
    if reference is not None:
        runs["reference"] = _ours(reference, systems)["torch"]
    with paths.restored():
        times = interleaved(runs, settings.seconds, device=settings.device)
    return [
        Record(
            "models",
            name,
            path,
            Ratio.of(times[path]),
            {f"{reference} in torch": Ratio.between(times["reference"], times[path])}
            if "reference" in times
            else {},
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
    return runs


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
