"""The symmetries of the backbones with every choice of norms: declared, judged and measured."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import GroupElement, Symmetry
from eqnorm.testing import equivariance_report, find_violation, randomize_parameters
from eqnorm.testing.registered import input_types
from examples.demo import results
from examples.demo.evaluate import random_rotations
from examples.demo.plan import CHOICES, MODELS, Scale
from examples.demo.results import Pair

NAMES = {
    "rotation": Symmetry.ROTATION,
    "reflection": Symmetry.REFLECTION,
    "translation": Symmetry.TRANSLATION,
    "permutation": Symmetry.NONE,
}
GRAPHS, NODES = 8, 6  # systems on which errors are measured
NODE_DIM, EDGE_DIM = 1, 2


def pairs() -> list[Pair]:
    """The demo's backbones with every choice of norms."""
    return [Pair(model, choice) for model in MODELS for choice in CHOICES]


def check(pair: Pair, scale: Scale, seed: int) -> Pair:
    """Judge a pair with eqnorm.testing, and measure its errors on systems of ordinary size.

    Args:
        pair: what to check; filled in and returned.
        scale: how many inputs the checker draws.
        seed: of parameters, systems and motions.
    """
    begin = time.process_time()
    torch.manual_seed(seed)
    model = eqnorm.create_model(
        pair.model,
        node_dim=NODE_DIM,
        edge_dim=EDGE_DIM,
        hidden=8,
        layers=2,
        **CHOICES[pair.choice].options,
    )
    randomize_parameters(model, seed=seed)  # what starts from zero must hide nothing
    contract = eqnorm.contract_of(model)
    assert contract is not None
    declared = {name: flag in contract.equivariant_to for name, flag in NAMES.items()}
    declared["permutation"] = contract.permutation
    holds = _judge(model, contract, declared, scale, seed)
    errors = _measure(model, seed)
    pair.symmetries = [
        results.Symmetry(name, declared[name], holds[name], errors[name]) for name in NAMES
    ]
    pair.status, pair.seconds = "finished", time.process_time() - begin
    return pair


def _judge(
    model: nn.Module, contract: Any, declared: dict[str, bool], scale: Scale, seed: int
) -> dict[str, bool]:
    """Confirm what is declared in one search, then search for each violation that is declared."""
    common: dict[str, Any] = {
        "inputs": input_types(contract, NODE_DIM, EDGE_DIM),
        "output": {"x": "points", "h": None, "v": None},
        "gradients": False,
        "seed": seed,
        "quick": scale.examples is None,
    }
    if scale.examples is not None:
        common["max_examples"] = scale.examples
    report = equivariance_report(
        model,
        group=contract.equivariant_to,
        permutation=contract.permutation,
        skip=("non-finite", "vacuous"),
        **common,
    )
    holds = {name: name not in report.names for name in NAMES}
    for name in (name for name in NAMES if not declared[name]):
        found = find_violation(
            model,
            names=name,
            group=NAMES[name],
            permutation=name == "permutation",
            independence=False,
            **common,
        )
        holds[name] = found is None
    return holds


def _measure(model: nn.Module, seed: int) -> dict[str, float]:
    """Largest |f(g x) - g f(x)| over the systems' root mean square radius, in float32."""
    dice = torch.Generator().manual_seed(seed)
    graph = eqnorm.Graph.complete(GRAPHS, NODES)
    count = graph.num_nodes
    x, v = (torch.randn(count, 3, generator=dice) for _ in range(2))
    h = torch.randn(count, NODE_DIM, generator=dice)
    pairwise = torch.randn(GRAPHS, NODES, NODES, EDGE_DIM, generator=dice)
    radius = graph.rms(x - graph.spread(graph.mean(x))).mean()
    eye = torch.eye(3, dtype=torch.float64).expand(GRAPHS, 3, 3)
    still = torch.zeros(GRAPHS, 3, dtype=torch.float64)
    motions = {
        "rotation": GroupElement(random_rotations(GRAPHS, dice), still),
        "reflection": GroupElement(-random_rotations(GRAPHS, dice), still),
        "translation": GroupElement(eye, 10 * torch.randn(GRAPHS, 3, generator=dice).double()),
    }

    def run(x: Tensor, v: Tensor, h: Tensor, pairwise: Tensor) -> Tensor:
        out: Tensor = model(x, graph, h=h, v=v, edge_attr=_edges(pairwise)).x
        return out

    with torch.no_grad():
        plain = run(x, v, h, pairwise)
        errors = {}
        for name, motion in motions.items():
            element = motion.select(graph.batch)
            moved = run(element.act(x, "points"), element.act(v, "1o"), h, pairwise)
            errors[name] = moved - element.act(plain, "points")
        order = torch.randperm(NODES, generator=dice)
        nodes = (torch.arange(GRAPHS)[:, None] * NODES + order).flatten()
        mixed = run(x[nodes], v[nodes], h[nodes], pairwise[:, order][:, :, order])
        errors["permutation"] = mixed - plain[nodes]
    return {name: float(gap.norm(dim=-1).max() / radius) for name, gap in errors.items()}


def _edges(pairwise: Tensor) -> Tensor:
    """Features of pairs (B, n, n, C) as those of edges, in the order of Graph.complete."""
    off_diagonal = ~torch.eye(pairwise.shape[1], dtype=torch.bool)
    return pairwise[:, off_diagonal].flatten(0, 1)
