"""Pairs of our own paths, the second of which is there to be the faster one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from e3nn import o3

import eqnorm
from eqnorm.bench import paths, steps
from eqnorm.bench.timing import Run
from eqnorm.functional.irreps import compiled_available


@dataclasses.dataclass(frozen=True)
class Guard:
    """A ratio that must not fall.

    Attributes:
        make: the path that is beaten, and the one that beats it.
        enough: times as fast, well below what was measured.
        measured: times as fast, on a machine with nothing else to do or not quite.
    """

    make: Callable[[], tuple[Run, Run]]
    enough: float
    measured: str


def egnn(systems: steps.Systems, **options: str) -> Run:
    """A training step of the velocity-EGNN."""
    model = eqnorm.create_model("egnn_vel", hidden=64, layers=4, edge_dim=2, **options)
    return steps.training_step(model, systems)


def listed(dense: steps.Systems) -> steps.Systems:
    """The same systems with their edges as a list."""
    graph = dense.graph
    other = eqnorm.Graph.from_edges(graph.edge_index, graph.batch, graph.num_graphs)
    return dataclasses.replace(dense, graph=other)


def both(step: Run) -> tuple[Run, Run]:
    """In torch, and with compiled kernels."""
    return paths.on_path(step, False), paths.on_path(step, True)


def need_kernels(name: str) -> None:
    """Skip the test where there is no compiler."""
    native = pytest.importorskip("eqnorm_adapters.native")
    if not native.native_available(name):
        pytest.skip("no C compiler here, or turned off")


def dense_edges() -> tuple[Run, Run]:
    """Complete graphs as a list of edges, and laid out densely."""
    systems = steps.Systems.draw(10, 20, "cpu")
    slow, fast = (paths.on_path(egnn(s), False) for s in (listed(systems), systems))
    return slow, fast


def compiled_edges() -> tuple[Run, Run]:
    """EGNN in torch, and with its kernel."""
    need_kernels("egnn")
    return both(egnn(steps.Systems.draw(20, 20, "cpu")))


def compiled_norm(name: str) -> tuple[Run, Run]:
    """A norm on irreps in torch, and with its kernel."""
    if not compiled_available():
        pytest.skip("numba is not installed or turned off")
    graph, norm = eqnorm.Graph.complete(50, 20), eqnorm.create_norm(name, on="64x0e+32x1o+16x2e")
    return both(steps.passes(lambda x: norm(x, graph), (1000, 240), "cpu"))


def simulator(nodes: int) -> tuple[Run, Run]:
    """As many trajectories in the exact mode, and in the fast one eight times as many."""
    pytest.importorskip("numba")
    from eqnorm.bench import simulator

    return (
        lambda: simulator.run(nodes, 16, threads=1, mode="exact"),
        lambda: simulator.run(nodes, 8 * 16, threads=1),
    )


def norms_in_a_step() -> tuple[Run, Run]:
    """Without GeoNorm and softcap, and with them: they may cost little."""
    systems = steps.Systems.draw(20, 20, "cpu")
    plain, normed = egnn(systems), egnn(systems, norm="geonorm", update_norm="softcap")
    return paths.on_path(plain, False), paths.on_path(normed, False)


def factored_sums() -> tuple[Run, Run]:
    """A convolution on large complete graphs: message by message, and summed before coupling."""
    return _convolution("16x0e+16x1o", 8, eqnorm.Graph.complete(2, 60), as_list=True)


def pieces() -> tuple[Run, Run]:
    """A convolution with all messages at a time, and piece by piece."""
    ends = torch.randint(400, (2, 8_000))
    return _convolution("16x0e+16x1o+16x2e", 64, eqnorm.Graph.from_edges(ends, num_nodes=400))


def _convolution(
    on: str, hidden: int, graph: eqnorm.Graph, as_list: bool = False
) -> tuple[Run, Run]:
    pytest.importorskip("eqnorm_adapters")
    from eqnorm_adapters._again import gradients_of_gradients
    from eqnorm_adapters._conv.convolution import Convolution

    irreps = o3.Irreps(on)
    layer = Convolution(irreps, irreps.lmax, irreps, hidden)
    h = torch.randn(graph.num_nodes, irreps.dim, requires_grad=True)
    u, phi = (torch.randn(graph.num_edges, n, requires_grad=True) for n in (3, hidden))
    other = eqnorm.Graph.from_edges(graph.edge_index, graph.batch, graph.num_graphs)

    def slow() -> None:
        with gradients_of_gradients():  # the plain way, which can be differentiated again
            layer(h, u, phi, other if as_list else graph).sum().backward()

    def fast() -> None:
        layer(h, u, phi, graph).sum().backward()

    return paths.on_path(slow, False), paths.on_path(fast, False)


def compiled_convolution(name: str) -> tuple[Run, Run]:
    """Two layers in torch, and with their kernel."""
    need_kernels("conv")
    systems = steps.Systems.draw(2, 40, "cpu")
    return both(steps.training_step(eqnorm.create_model(name, layers=2), systems))


def once_a_pair() -> tuple[Run, Run]:
    """The kernel edge by edge, and with half the work done once for both edges of a pair."""
    need_kernels("conv")
    model, systems = eqnorm.create_model("nequip", layers=2), steps.Systems.draw(2, 40, "cpu")
    slow, fast = (steps.training_step(model, s) for s in (listed(systems), systems))
    return paths.on_path(slow, True), paths.on_path(fast, True)


GUARDS = {
    "dense edges": Guard(dense_edges, 0.85, "1.0 to 1.1"),
    "compiled edges": Guard(compiled_edges, 1.1, "1.3 to 1.8"),
    "compiled layernorm": Guard(lambda: compiled_norm("layernorm"), 1.3, "2.2"),
    "compiled batchnorm": Guard(lambda: compiled_norm("batchnorm"), 1.2, "1.5"),
    "compiled instancenorm": Guard(lambda: compiled_norm("instancenorm"), 1.6, "3.8"),
    "simulator, N=5": Guard(lambda: simulator(5), 5.0, "11 to 20"),
    "simulator, N=20": Guard(lambda: simulator(20), 1.9, "4.4 to 5.4"),
    "norms in a step": Guard(norms_in_a_step, 0.85, "0.91 to 0.98"),
    "factored sums": Guard(factored_sums, 1.3, "2 and more"),
    "convolution in pieces": Guard(pieces, 1.08, "1.2 to 1.6"),
    "compiled convolution, tfn": Guard(lambda: compiled_convolution("tfn"), 1.8, "3.3 to 4.2"),
    "compiled convolution, nequip": Guard(
        lambda: compiled_convolution("nequip"), 1.4, "2.4 to 3.2"
    ),
    "once a pair": Guard(once_a_pair, 1.08, "1.26"),
}
