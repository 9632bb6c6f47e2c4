"""What every registered norm adds to a step, forward and backward, of the velocity-EGNN.

Measured twice: against the model without norms, and as the norm alone times its calls.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from torch import nn

import eqnorm
from eqnorm.bench import paths, steps
from eqnorm.bench.norms import norm_pass, on_edges
from eqnorm.bench.records import Case, Ratio, Record, Settings
from eqnorm.bench.timing import Run, interleaved
from eqnorm.specs import NormSpec

MODEL = "egnn_vel"
HIDDEN, LAYERS = 64, 4
NODES = 20
PATHS = ("torch", "default")


def slot_of(spec: NormSpec) -> str:
    """Where it stands in a network."""
    if spec.on == "points":
        return "norm"
    if spec.on == "irreps":
        return "feature_norm"
    return "edge_norm" if on_edges(spec) else "update_norm"


def cost_cases(settings: Settings) -> Iterator[Case]:
    """One for each norm that the model's slots take."""
    if MODEL not in eqnorm.list_models():
        return
    for spec in eqnorm.norm_specs():
        if spec.name == "identity":
            continue
        slot = slot_of(spec)
        name = f"{MODEL}, {slot}={spec.name}, N={NODES}, B={_graphs(settings)}"
        yield Case("norms", name, functools.partial(_measure, spec, slot, name, settings))


def _graphs(settings: Settings) -> int:
    return 10 if settings.quick else 50


def _measure(spec: NormSpec, slot: str, name: str, settings: Settings) -> list[Record]:
    torch.manual_seed(settings.seed)
    systems = steps.Systems.draw(_graphs(settings), NODES, settings.device)
    size = {"hidden": HIDDEN, "layers": LAYERS, "edge_dim": systems.e.shape[1]}
    try:
        normed = eqnorm.create_model(MODEL, **size, **{slot: spec.name}).to(settings.device)
    except ValueError:  # serves no scalars, or needs what the slot does not have
        return []
    models = {
        "without": eqnorm.create_model(MODEL, **size).to(settings.device),
        "with": normed,
    }
    passes = {who: _pass(model, systems) for who, model in models.items()}
    there = PATHS if settings.device == "cpu" else PATHS[:1]
    # Those that are compared stand side by side: a difference of a few per cent is looked for.
    runs: dict[str, Run] = {
        f"{who}, {path}": paths.on_path(run, path == "default")
        for path in there
        for who, run in passes.items()
    }
    graph = systems.graph
    if slot == "edge_norm":  # a row for each edge, none of which sees another
        graph = eqnorm.Graph.from_batch(torch.zeros_like(graph.receivers))
    kind = f"{HIDDEN}x0e" if slot == "feature_norm" else spec.on
    own = norm_pass(spec, kind, graph, graph.num_nodes)
    calls = LAYERS - 1 if slot == "norm" else LAYERS
    runs |= {f"norm, {path}": paths.on_path(own, path == "default") for path in there}
    fewest = 5 if settings.quick else 9
    with paths.restored():
        times = interleaved(
            runs, settings.seconds, device=settings.device, fewest=fewest, alone=True
        )
    records = []
    for path in there:
        plain_times, normed_times = times[f"without, {path}"], times[f"with, {path}"]
        pairs = zip(normed_times, plain_times, strict=True)
        alone = zip(times[f"norm, {path}"], plain_times, strict=True)
        figures = {
            "added to the step": Ratio.of([a / b - 1 for a, b in pairs]),
            "the norm alone": Ratio.of([calls * a / b for a, b in alone]),
        }
        records.append(
            Record("norms", name, path, Ratio.of(normed_times), figures, len(normed_times))
        )
    return records


def _pass(model: nn.Module, systems: steps.Systems) -> Run:
    """Forward, mean squared error of the positions, backward; no optimiser."""
    parameters = list(model.parameters())

    def run() -> None:
        for parameter in parameters:
            parameter.grad = None
        out = model(systems.x, systems.graph, v=systems.v, edge_attr=systems.e).x
        nn.functional.mse_loss(out, systems.target).backward()  # type: ignore[no-untyped-call]

    return run
