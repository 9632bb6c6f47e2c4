"""The coordinate norms of MiDi, SemlaFlow and GET: their own numbers, loops, and translations."""

import math

import pytest
import torch

import eqnorm
from eqnorm import Symmetry
from tests.norms import recorded
from tests.norms.by_hand import Batch, add, build, length, mean, square, sub, times


def with_gain(name, **options):
    norm = eqnorm.create_norm(name, on="points", **options)
    with torch.no_grad():
        norm.gain.fill_(recorded.GAIN)
    return norm


def difference(norm, expected):
    return (norm(recorded.POINTS) - expected).abs().max().item()


def test_midi_gives_the_numbers_of_its_source():
    assert difference(with_gain("midi", eps=1e-5), recorded.MIDI) < 1e-6


@pytest.mark.parametrize("kind", ["length", "gvp", "none"])
def test_semla_gives_the_numbers_of_its_source(kind):
    assert difference(with_gain("semla", norm=kind, eps=1e-6), recorded.SEMLA[kind]) < 1e-6


def test_get_gives_the_numbers_of_its_source():
    assert difference(with_gain("get", eps=1e-6), recorded.GET) < 1e-6


@pytest.mark.parametrize("keep_center", [False, True])
def test_midi_is_its_formula(keep_center):
    norm = build("midi", "points", keep_center=keep_center)

    def by_hand(system):
        center = system.center if keep_center else [0.0, 0.0, 0.0]
        relative = [sub(p, center) for p in system.x]
        size = sum(length(u) for u in relative) / len(relative) + norm.eps
        return [add(center, times(norm.gain.item() / size, u)) for u in relative]

    assert Batch().deviation(norm, by_hand) < 1e-13


@pytest.mark.parametrize("keep_center", [False, True])
@pytest.mark.parametrize("kind", ["length", "gvp", "none"])
def test_semla_is_its_formula(kind, keep_center):
    norm = build("semla", "points", norm=kind, keep_center=keep_center)

    def by_hand(system):
        relative = [sub(p, system.center) for p in system.x]
        average = sum(length(u) for u in relative) / len(relative)
        rows = []
        for u in relative:
            size = {
                "length": average + norm.eps,
                "gvp": math.sqrt(square(u) + norm.eps**2),
                "none": 1.0,
            }[kind]
            out = times(norm.gain.item() / size, u)
            rows.append(add(out, system.center) if keep_center else out)
        return rows

    assert Batch().deviation(norm, by_hand) < 1e-13


def test_get_is_its_formula():
    norm = build("get", "points")

    def by_hand(system):
        numbers = [c for p in system.x for c in sub(p, mean(system.x))]
        variance = sum(c * c for c in numbers) / max(1, len(numbers) - 1)
        factor = norm.gain.item() / math.sqrt(variance + norm.eps**2)
        return [add(system.center, times(factor, sub(p, system.center))) for p in system.x]

    assert Batch().deviation(norm, by_hand) < 1e-13


@pytest.mark.parametrize(
    ("name", "options", "translates"),
    [
        ("midi", {}, False),
        ("midi", {"keep_center": True}, True),
        ("semla", {}, False),
        ("semla", {"keep_center": True}, True),
        ("get", {}, True),
    ],
)
def test_what_is_said_of_translations_is_what_happens(name, options, translates):
    norm = build(name, "points", **options)
    x = Batch((6,)).x
    error = (norm(x + 10) - norm(x) - 10).abs().max()
    assert (error < 1e-12) == translates
    assert (Symmetry.TRANSLATION in eqnorm.contract_of(norm).equivariant_to) == translates


def test_aliases():
    names = {"se3norm": "midi", "CoordNorm": "semla", "equivariant layernorm": "get"}
    for alias, name in names.items():
        assert eqnorm.norm_spec(alias, on="points").name == name
