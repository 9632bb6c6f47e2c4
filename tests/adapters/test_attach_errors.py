"""Errors say what there is to choose from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm_adapters import attach
from tests.adapters.standins import EGNN, Outer

GEO = {"at": "gcl_*", "output": 1, "points": "x", "batch": 5}
FORWARD = r"h, x, edges, edge_attr"


@pytest.mark.parametrize(
    ("norm", "change", "kind", "text"),
    [
        ("geonorm", {"at": "gcl*0*x"}, ValueError, r"at='gcl\*0\*x' matches no submodule; did you"),
        ("geonorm", {"at": "gc_0"}, ValueError, "did you mean 'gcl_0'.*'embedding_in'"),
        ("geonorm", {"at": "coord_mlp"}, ValueError, r"did you mean .*'gcl_0.coord_mlp'"),
        ("geonorm", {"at": ["gcl_0", "nix"]}, ValueError, "at='nix' matches no submodule"),
        ("geonorm", {"at": 3}, TypeError, "at must be a name, a pattern or a list.*3"),
        ("geonorm", {"at": "*.edge_mlp"}, ValueError, "is a Sequential.*'gcl_0.edge_mlp.1'"),
        ("geonorm", {"at": "*_in"}, ValueError, "matches 'embedding_in' only.*pass last=True"),
        ("geonorm", {"output": 1.5}, TypeError, "output must be a name, an index.*float"),
        ("geonorm", {"points": "pos"}, ValueError, f"points='pos': EGNN.forward.*{FORWARD}"),
        ("geonorm", {"points": "edge"}, ValueError, "did you mean 'edges'?"),
        ("geonorm", {"points": 7}, ValueError, f"points=7: forward has no such.*{FORWARD}"),
        ("geonorm", {"batch": "batch"}, ValueError, f"batch='batch': EGNN.forward.*{FORWARD}"),
        ("geonorm", {"batch": ...}, ValueError, f"batch must say which graph.*{FORWARD}"),
        ("geonorm", {"points": None}, ValueError, f"GeoNorm needs x0: say with points=.*{FORWARD}"),
        ("geonrom", {}, ValueError, "unknown norm 'geonrom'; did you mean 'geonorm'"),
        ("georms", {"on": "8x0e"}, ValueError, "serves 'points', not '8x0e'"),
        ("softcap", {}, ValueError, "serves '1o', not 'points'"),
        ("geonorm", {"on": "8x"}, ValueError, "on='8x' is neither 'points' nor irreps"),
        (("geonorm", {"epz": 1}), {}, TypeError, "norm 'geonorm' has no option 'epz'"),
        (("rms_film", {"h_dim": 8}), {"on": "1o"}, ValueError, "needs h: say with features="),
        (nn.LayerNorm(3), {}, TypeError, r"LayerNorm.forward\(input\) is not called like"),
        (nn.LayerNorm, {}, TypeError, "needs the option|is not called like"),
        (None, {}, TypeError, "norm must be a name"),
        ("geonorm", {"name": "edge_mlp"}, ValueError, "'gcl_0' has it"),
        ("geonorm", {"name": "a.b"}, ValueError, "must be an identifier"),
        ("geonorm", {"update_of": "x"}, ValueError, "update_of='x': Layer.forward.*h, edge_index"),
    ],
)
def test_when_attaching(norm, change, kind, text):
    model = EGNN()
    before = [str(model), [len(m._forward_hooks) for m in model.modules()]]
    with pytest.raises(kind, match=text):
        attach(model, norm, **{**GEO, **change})
    assert before == [str(model), [len(m._forward_hooks) for m in model.modules()]]


def test_an_instance_of_another_type():
    norm = eqnorm.create_norm("layernorm", on="8x0e")
    with pytest.raises(ValueError, match=r"was built for 8 columns \(8x0e\), but on='4x0e' has 4"):
        attach(EGNN(), norm, at="gcl_*", output=0, on="4x0e")
    with pytest.raises(ValueError, match="acts on 'points', not on '8x0e'"):
        attach(EGNN(), eqnorm.create_norm("geonorm", on="points"), **{**GEO, "on": "8x0e"})


def test_what_cannot_hold_a_norm():
    lists = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(3, 3)])})
    with pytest.raises(ValueError, match=r"is a ModuleList, which is never called.*'layers\.\*'"):
        attach(lists, "layernorm", at="layers", on="3x0e")
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        scripted = torch.jit.script(nn.Linear(3, 3))
    with pytest.raises(ValueError, match="is a ScriptModule"):
        attach(nn.ModuleDict({"a": scripted}), "layernorm", at="a", on="3x0e")


def test_wrapped_models():
    with pytest.raises(ValueError, match=r"DataParallel around a EGNN.*\(model.module\)"):
        attach(nn.DataParallel(EGNN()), "geonorm", **GEO)
    with pytest.raises(ValueError, match=r"OptimizedModule around a EGNN.*\(model._orig_mod\)"):
        attach(torch.compile(EGNN(), backend="eager"), "geonorm", **GEO)
    with pytest.raises(TypeError, match="model must be a torch.nn.Module, got function"):
        attach(lambda x: x, "geonorm", **GEO)


@pytest.mark.parametrize(
    ("kind", "output", "text"),
    [
        ("tuple", 2, r"the output of 'inner' has no part 2. it has 0: tensor \(5, 4\); 1: tensor"),
        ("dict", "X", r"has no part 'X'. it has 'h': tensor \(5, 4\); 'x': tensor \(5, 3\)"),
        ("named", "point", r"has no part 'point'; did you mean 'points'\?"),
        (
            "nested",
            "1.deap",
            r"did you mean 'deep'\? its part 1 has 'deep': list",
        ),
        ("tensor", 0, r"has no part 0. it has one tensor \(5, 3\)"),
        ("tuple", None, r"must be a tensor of shape \(N, D\).*the output has 0: tensor"),
        ("tuple", 0, r"x must have shape \(N, 3\) for GeoNorm, got \(5, 4\)"),
    ],
)
def test_when_the_output_has_no_such_part(kind, output, text):
    model = Outer(kind)
    attach(model, "geonorm", at="inner", output=output, points="x", batch=None)
    with pytest.raises(ValueError, match=text):
        model(torch.randn(5, 3), torch.randn(5, 4))


def call(points="x", batch="batch", x=None, given=None, **attached):
    model = Outer("tensor")
    attach(model, "geonorm", at="inner", points=points, batch=batch, **attached)
    return model(torch.randn(4, 3) if x is None else x, None, given)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"points": "h"}, ValueError, "points='h' must be a tensor.*NoneType; forward takes x, h"),
        ({"points": "pos"}, ValueError, "points='pos': the model was called without this argument"),
        ({"points": "x.y"}, ValueError, "points: argument 'x' has no part 'y'"),
        ({"given": torch.zeros(3).long()}, ValueError, "graph is over 3 nodes but the input has 4"),
        ({"given": "one"}, TypeError, "batch must be, or name, a batch vector.*got str"),
        ({"batch": 3}, ValueError, "batch=3 nodes per graph does not divide the 4 rows"),
        ({"given": torch.ones(4, 1).bool()}, ValueError, r"mask of shape \(4, 1\)"),
    ],
)
def test_when_the_arguments_do_not_fit(options, kind, text):
    with pytest.raises(kind, match=text):
        call(**options)
