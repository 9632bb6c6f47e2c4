"""The peers are the layers of `tfn` and `nequip`, as far as it can be seen from outside."""

from __future__ import annotations

import pytest
import torch
from e3nn import o3

import eqnorm
from eqnorm.bench.e3nn_peers import WIDTHS, Peer


@pytest.mark.parametrize("name", WIDTHS)
def test_as_many_parameters_as_ours_has(name: str) -> None:
    ours = eqnorm.create_model(name, layers=2, edge_dim=2)
    # Biases of its radial network, which e3nn's has not.
    biases = 2 * 16 if name == "tfn" else 0
    counts = [sum(p.numel() for p in m.parameters()) for m in (ours, Peer(name, 16, 2, edge_dim=2))]
    assert counts[0] - biases == counts[1]


@pytest.mark.parametrize("cutoff", [None, 1.5])
@pytest.mark.parametrize("name", WIDTHS)
def test_positions_turn_with_the_system_and_use_all_inputs(name: str, cutoff: float | None) -> None:
    model = Peer(name, channels=4, layers=2, edge_dim=1, cutoff=cutoff)
    graph = eqnorm.Graph.complete(2, 4)
    x, v, h, e = (torch.randn(n, k) for n, k in ((8, 3), (8, 3), (8, 1), (24, 1)))
    turn = o3.rand_matrix()
    out = model(x, graph, h, v, e)
    turned = model(x @ turn.T, graph, h, v @ turn.T, e)
    assert (turned - out @ turn.T).abs().max() < 1e-4 * (1 + out.abs().max())
    assert not torch.equal(model(x, graph, h, v, 2 * e), out)
    assert not torch.equal(model(x, graph, 2 * h, v, e), out)
