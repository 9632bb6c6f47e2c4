"""Every registered norm in a periodic box: refused, or with a meaning there.

Nothing here names a norm.
"""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm import Graph
from tests.contract.norm_cases import NormCase, all_cases, call
from tests.contract.periodic_case import CELL, NODES, graph_of, jumps, points, replicated, supercell

pytest.importorskip("vesin")

WITH_MEANING = [c for c in all_cases() if c.spec.periodic]
WITHOUT = [c for c in all_cases() if not c.spec.periodic]


def test_there_are_norms_of_both_kinds() -> None:
    assert WITHOUT
    assert any(case.on == "1o" and "x0" in case.takes for case in WITH_MEANING)


@pytest.mark.parametrize("case", WITHOUT, ids=str)
def test_norms_without_a_meaning_refuse(case: NormCase) -> None:
    inputs = case.inputs(NODES)
    norm = case.build().double()
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is looked at below
        call(norm, graph_of(points()), inputs)
    text = str(error.value)
    assert f"norm {case.name!r} on {case.on} has no meaning in a periodic box: a centre" in text
    offered = text.rsplit(": ", 1)[1].split(", ")
    assert len(offered) > 1
    assert all(eqnorm.norm_spec(name, on="1o").periodic for name in offered)
    call(norm, Graph.from_batch(torch.zeros(NODES, dtype=torch.int64)), inputs)  # open: none


@pytest.mark.parametrize("case", WITH_MEANING, ids=str)
def test_norms_with_a_meaning_see_neither_copies_nor_the_size_of_the_box(case: NormCase) -> None:
    norm = case.build().double()
    inputs = case.inputs(NODES)
    if "x0" in inputs:
        inputs["x0"] = points()
    out = call(norm, graph_of(points()), inputs)
    assert torch.isfinite(out).all()
    if "x0" in inputs:
        moved = {**inputs, "x0": points() + jumps()}
        assert torch.equal(call(norm, graph_of(points()), moved), out)
    many = {name: replicated(value) for name, value in inputs.items()}
    if "x0" in inputs:
        many["x0"] = supercell(points())
    large = call(norm, graph_of(supercell(points()), 2 * CELL), many)
    torch.testing.assert_close(large, replicated(out), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", WITHOUT[:1] + WITH_MEANING[:1], ids=str)
def test_compiled_norms_refuse_too(case: NormCase) -> None:
    torch._dynamo.reset()
    norm = torch.compile(case.build().double(), backend="eager", fullgraph=True)
    inputs, graph = case.inputs(NODES), graph_of(points())
    if case.spec.periodic:
        assert torch.isfinite(call(norm, graph, inputs)).all()
        return
    with pytest.raises(Exception, match="has no meaning in a periodic box"):
        call(norm, graph, inputs)
