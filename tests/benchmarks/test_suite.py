"""The suite of `make bench`: everything registered, timed by pytest-benchmark.

Absolute times, to compare runs of one machine (`--benchmark-save`, `--benchmark-compare`); figures
against peers are those of `eqnorm bench`. In the default run every case runs once, untimed.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import eqnorm
from eqnorm.bench import norms, paths, steps
from eqnorm.functional.irreps import compiled_available
from eqnorm.types import parse_type

ROWS, NODES = 1000, 20
SPECS = [spec for spec in eqnorm.norm_specs() if spec.name != "identity"]
PATHS = ("torch", "default")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.name}-{spec.on}")
def test_norm(benchmark: Any, spec: eqnorm.NormSpec, path: str) -> None:
    if path == "default" and not compiled_available():
        pytest.skip("one path only")
    kind = norms.served(spec)
    norm = eqnorm.create_norm(spec.name, on=kind, **norms.options(spec))
    graph = eqnorm.Graph.complete(ROWS // NODES, NODES)
    widths = {"x0": 3, "v": 3, "h": norms.H_DIM}
    given = {name: torch.randn(ROWS, widths[name]) for name in (*spec.needs, *spec.optional)}
    run = steps.passes(
        lambda x: norm(x, graph, **given), (ROWS, parse_type(kind).dim), device="cpu"
    )
    benchmark.group = f"{spec.name} on {kind}, {ROWS} rows, forward and backward"
    benchmark(paths.on_path(run, path == "default"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", eqnorm.list_models())
def test_model(benchmark: Any, name: str, path: str) -> None:
    graphs, nodes = 10, 5
    spec = eqnorm.model_spec(name)
    systems = steps.Systems.draw(graphs, nodes, "cpu")
    model = eqnorm.create_model(name, **steps.parameters_in_use(spec.options, edge_dim=2))
    benchmark.group = f"{name}, N={nodes}, B={graphs}, a training step"
    benchmark(paths.on_path(steps.training_step(model, systems), path == "default"))


@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("nodes", [5, 20])
def test_simulator(benchmark: Any, nodes: int, mode: str) -> None:
    pytest.importorskip("numba")
    from eqnorm.bench import simulator

    benchmark.group = f"simulator, N={nodes}, 8 trajectories of {simulator.STEPS} steps"
    benchmark(simulator.run, nodes, 8, mode=mode, threads=1)
