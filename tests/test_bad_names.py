"""Wrong names, types and options of norms and models: the error says what is wrong and to do."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from tests.bad_input_case import Case, check

CASES: dict[str, Case] = {
    "unknown norm": (
        lambda: eqnorm.create_norm("geonrm", on="points"),
        ValueError,
        "unknown norm 'geonrm'; did you mean 'geonorm'",
    ),
    "unknown norm lists the choices": (
        lambda: eqnorm.create_norm("zzz", on="points"),
        ValueError,
        "unknown norm 'zzz'; choose from",
    ),
    "unknown model": (
        lambda: eqnorm.create_model("egn"),
        ValueError,
        "unknown model 'egn'; did you mean 'egnn'",
    ),
    "unknown option of a norm": (
        lambda: eqnorm.create_norm("geonorm", on="points", gian=2.0),
        TypeError,
        "norm 'geonorm' has no option 'gian'; it takes eps, faithful, per_particle",
    ),
    "unknown option of a model": (
        lambda: eqnorm.create_model("egnn", depth=3),
        TypeError,
        "model 'egnn' has no option 'depth'; it takes",
    ),
    "unknown option in a slot": (
        lambda: eqnorm.create_model("egnn", norm=("geonorm", {"gian": 2.0})),
        TypeError,
        "norm 'geonorm' has no option 'gian'",
    ),
    "norm for another type": (
        lambda: eqnorm.create_norm("geofilm", on="8x0e"),
        ValueError,
        "norm 'geofilm' serves 'points', not '8x0e'; norms for '8x0e': batchnorm",
    ),
    "norm in a slot it does not serve": (
        lambda: eqnorm.create_model("egnn", feature_norm="geofilm"),
        ValueError,
        "feature_norm: norm 'geofilm' serves 'points', not '64x0e'",
    ),
    "norm in a slot without what it needs": (
        lambda: eqnorm.create_model("egnn", edge_norm="softcap"),
        ValueError,
        "edge_norm='softcap' needs x0, which this slot does not have",
    ),
    "type that is none": (
        lambda: eqnorm.create_norm("geonorm", on="vectors"),
        ValueError,
        "on='vectors' is neither 'points' nor irreps",
    ),
    "norm of another kind": (
        lambda: eqnorm.create_norm(3, on="points"),
        TypeError,
        "a norm must be a name, a (name, options) pair, a mapping with 'name', a class",
    ),
    "mapping without a name": (
        lambda: eqnorm.create_norm({"eps": 1}, on="points"),
        TypeError,
        "a norm given as a mapping needs the key 'name'",
    ),
    "options beside an instance": (
        lambda: eqnorm.create_norm(torch.nn.Identity(), on="points", eps=1.0),
        TypeError,
        "options eps were given with a ready-made norm",
    ),
    "scope that is none": (
        lambda: eqnorm.register_norm("n", on="points", equivariant_to="E3", scope="edge"),
        ValueError,
        "scope must be 'node', 'graph' or 'batch', got 'edge'",
    ),
    "need that is none": (
        lambda: eqnorm.register_norm("n", on="points", equivariant_to="E3", needs=("mass",)),
        ValueError,
        "needs and optional take x0, v, h; got 'mass'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_error_says_what_is_wrong_and_how_to_put_it_right(case):
    check(CASES[case])
