"""What `eqnorm check` says of bad usage, and how it reads types and options."""

from __future__ import annotations

import pytest
import torch

from eqnorm.cli import subjects
from eqnorm.cli.app import app
from tests.cli.check_case import runner


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "name what to check"),
        (["no_such"], "unknown model 'no_such'; choose from"),
        (["egn"], "did you mean 'egnn'"),
        (["geonorm"], "'geonorm' is a norm: add --on points"),
        (["egnn", "--norm", "geonrom"], "did you mean 'geonorm'"),
        (["egnn", "--edge-norm", "softcap"], "edge_norm='softcap' needs x0"),
        (["egnn", "-o", "hiden=8"], "has no option 'hiden'; it takes"),
        (["egnn", "-o", "hidden"], "cannot read the option 'hidden'; write name=value"),
        (["egnn", "--dtype", "int8"], "--dtype must be one of float32, float64, bfloat16"),
        (["egnn", "--device", "tpu"], "--device must be cpu or cuda"),
        (["egnn", "--group", "SE4"], "unknown symmetry 'SE4'"),
        (["egnn", "--inputs", "x=points"], "--inputs and --output are for your own module"),
        (["egnn", "--all"], "--all checks every pair"),
        (["layernorm", "--on", "points", "--norm", "geonorm"], "only a registered backbone has"),
        (["math:sin"], "needs --inputs and --output"),
        (["no_such_module:f", "--inputs", "x=points", "--output", "points"], "cannot import"),
        (["math:sin", "--inputs", "x", "--output", "points"], "write name=type pairs"),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    done = runner.invoke(app, ["check", *arguments])
    assert done.exit_code == 2, done.output
    assert text in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none() -> None:
    done = runner.invoke(app, ["check", "egnn", "--device", "cuda"])
    assert done.exit_code == 2
    assert "no CUDA device here; use --device cpu" in done.stderr


def test_types_are_read() -> None:
    types = subjects.parse_types("pos=points, e=edge:2x0e,mask=none")
    assert types == {"pos": "points", "e": "edge:2x0e", "mask": None}
    assert subjects.parse_output("points") == "points"
    assert subjects.parse_output("points, none") == ("points", None)
    assert subjects.parse_output("x=points,h=4x0e") == {"x": "points", "h": "4x0e"}


def test_options_are_read() -> None:
    pairs = ["layers=2", "eps=1e-3", "coord_aggregation=sum", "center=true", "cutoff=None"]
    assert subjects.parse_options(pairs) == {
        "layers": 2,
        "eps": 1e-3,
        "coord_aggregation": "sum",
        "center": True,
        "cutoff": None,
    }
