"""Norms on displacements against plain loops, and what they are for."""

import math

import pytest
import torch

import eqnorm
from eqnorm import GroupElement
from tests.norms.by_hand import Batch, build, coefficients, length, mean_square, times

VELOCITIES = pytest.mark.parametrize("velocities", [True, False])


def batch_of(velocities: bool) -> Batch:
    # Without velocities a lone node has S = 0, which the oracles divide by.
    return Batch((3, 1, 5, 2) if velocities else (3, 5, 2), velocities=velocities)


@VELOCITIES
def test_softcap_is_its_formula(velocities):
    norm = build("softcap", "1o")

    def by_hand(system):
        cap = norm.cap.item() * system.travel
        factor = (1 + mean_square(system.x) / cap**2) ** -0.5
        return [times(factor, dx) for dx in system.x]

    assert batch_of(velocities).deviation(norm, by_hand) < 1e-13


@VELOCITIES
def test_rms_film_is_its_formula(velocities):
    norm = build("rms_film", "1o", h_dim=4)

    def by_hand(system):
        s = system.travel
        rms = math.sqrt(mean_square(system.x) + (norm.eps * s) ** 2)
        films = [1 + coefficients(norm, h)[0] for h in system.h]
        return [
            times(norm.gain.item() * s / rms * film, dx)
            for film, dx in zip(films, system.x, strict=True)
        ]

    assert batch_of(velocities).deviation(norm, by_hand) < 1e-13


@VELOCITIES
def test_graph_rmsnorm_is_its_formula(velocities):
    norm = build("graph_rmsnorm", "1o")

    def by_hand(system):
        s = system.travel
        rms = math.sqrt(mean_square(system.x) + (norm.eps * s) ** 2)
        return [times(norm.gain.item() * s / rms, dx) for dx in system.x]

    assert batch_of(velocities).deviation(norm, by_hand) < 1e-13


@VELOCITIES
@pytest.mark.parametrize("hard", [True, False])
def test_clipnorm_is_its_formula(hard, velocities):
    norm = build("clipnorm", "1o", hard=hard, limit=2.5)

    def by_hand(system):
        limit = 2.5 * system.travel
        rows = []
        for dx in system.x:
            ratio = length(dx) / limit
            rows.append(times(min(1, 1 / ratio) if hard else (1 + ratio**2) ** -0.5, dx))
        return rows

    assert batch_of(velocities).deviation(norm, by_hand) < 1e-13


@pytest.mark.parametrize("name", ["softcap", "clipnorm"])
def test_small_displacements_pass_and_large_ones_are_bounded(name):
    batch = Batch((20,))
    norm, s = eqnorm.create_norm(name, on="1o"), batch.systems()[0].travel
    small = 1e-4 * batch.x
    assert torch.allclose(norm(small, **batch.inputs()), small, rtol=1e-6)
    for power in (2, 8, 16, 150):
        out = norm(10.0**power * batch.x, **batch.inputs())
        assert out.square().sum(1).mean().sqrt() <= s * (1 + 1e-6)


def test_hard_clipping_leaves_shorter_vectors_bit_for_bit():
    batch = Batch((20,))
    norm, s = eqnorm.create_norm("clipnorm", on="1o", hard=True), batch.systems()[0].travel
    out = norm(batch.x, **batch.inputs())
    shorter = batch.x.norm(dim=1) < s
    assert 0 < shorter.sum() < 20
    assert torch.equal(out[shorter], batch.x[shorter])
    assert torch.allclose(out[~shorter].norm(dim=1), torch.tensor(s).double())


def test_clipnorm_turns_with_the_system_where_a_clamp_of_components_does_not():
    """The official EGNN clamps components: exact at small coordinates, wrong at large ones."""
    batch = Batch((20,))
    norm = eqnorm.create_norm("clipnorm", on="1o", hard=True)
    turn = GroupElement(
        torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0],
        torch.zeros(3, dtype=torch.float64),
    )

    def error(f, dx):
        return (f(turn.act(dx, "1o")) - turn.act(f(dx), "1o")).abs().max().item()

    long = 100 * batch.x
    assert error(lambda dx: norm(dx, **batch.inputs()), long) < 1e-12
    assert error(lambda dx: dx.clamp(-100, 100), long) > 1


@pytest.mark.parametrize("name", ["softcap", "rms_film", "graph_rmsnorm", "clipnorm"])
@VELOCITIES
def test_units_of_length_do_not_matter(name, velocities):
    batch = Batch((4, 6), velocities=velocities)
    options = {"h_dim": 4} if name == "rms_film" else {}
    norm = build(name, "1o", **options)
    out = norm(batch.x, batch.graph, **batch.inputs())
    scaled = {k: t if t is None or k == "h" else 1e-3 * t for k, t in batch.inputs().items()}
    assert torch.allclose(norm(1e-3 * batch.x, batch.graph, **scaled), 1e-3 * out, rtol=1e-12)


def test_a_system_that_is_no_larger_than_rounding_has_no_extent():
    """Else coincident points would count as one size at the origin and as another far from it."""
    norm = eqnorm.create_norm("softcap", on="1o")
    dx = torch.randn(7, 3)
    for place in (0.0, 0.1, 1e3):
        assert torch.equal(norm(dx, x0=torch.full((7, 3), place)), torch.zeros(7, 3))


def test_graph_rmsnorm_keeps_relative_lengths_where_rmsnorm_of_node_scope_does_not():
    batch = Batch((6,))
    out = eqnorm.create_norm("graph_rmsnorm", on="1o")(batch.x, **batch.inputs())
    ratio = out.norm(dim=1) / batch.x.norm(dim=1)
    assert torch.allclose(ratio, ratio[:1].expand(6))
    assert eqnorm.norm_spec("graph_rmsnorm", on="1o").scope == "graph"
