"""`egnn` and `egnn_vel` against numbers recorded from the official code."""

from __future__ import annotations

import pytest
import torch

from eqnorm import Graph
from eqnorm_adapters import load_official_state_dict
from eqnorm_adapters.native import _library, native_available
from tests.adapters.official_case import OPTIONS, assert_close, build, part, recorded

LAYOUTS = [(case, "edge list") for case in OPTIONS]
LAYOUTS += [(case, "dense") for case in OPTIONS if "irregular" not in case]


@pytest.mark.parametrize(
    ("dtype", "rtol", "compiled"),
    [(torch.float64, 1e-12, False), (torch.float32, 1e-6, False), (torch.float32, 1e-6, True)],
    ids=["float64", "float32", "float32 compiled"],
)
@pytest.mark.parametrize(("case", "layout"), LAYOUTS)
def test_outputs_and_gradients_are_the_official_ones(
    case, layout, dtype, rtol, compiled, monkeypatch
):
    monkeypatch.setattr(_library, "_wanted", compiled)
    if compiled and not native_available():
        pytest.skip("no C compiler on this machine")
    arrays = recorded(case)
    model = build(case, dtype)
    load_official_state_dict(model, part(arrays, "state"))
    if layout == "edge list":
        batch = torch.arange(2).repeat_interleave(4)
        edges = arrays["edges"].long()
        graph = Graph.from_edges(edges, batch, 2, flow="target_to_source")
    else:
        graph = Graph.complete(2, 4)
        assert torch.equal(graph.edge_index.flip(0), arrays["edges"].long())
    given = {name: value.to(dtype).requires_grad_() for name, value in part(arrays, "in").items()}
    out = model(given["x"], graph, given["h"], given.get("v"), given["edge_attr"])
    loss = 0.0
    for name, weight in part(arrays, "weight").items():
        result = getattr(out, name)
        assert_close(result, arrays[f"out/{name}"], rtol)
        loss = loss + (result * weight.to(dtype)).sum()
    loss.backward()
    for name, value in given.items():
        assert_close(value.grad, arrays[f"grad_in/{name}"], rtol)
    ours = dict(model.named_parameters())
    official = part(arrays, "grad")
    mine = {
        name: ours[name.replace("gcl_", "layers.").replace("embedding_in", "embedding")].grad
        for name in official
    }
    # As one vector: of single parameters the official code's own float32 errs by 2e-6.
    assert_close(flat(mine), flat(official), rtol)
    if dtype == torch.float64:
        for name, gradient in official.items():
            assert_close(mine[name], gradient, rtol)


def flat(values: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([value.flatten() for value in values.values()])


def test_the_comparison_sees_a_wrong_option():
    arrays = recorded("vel")
    model = build("vel", residual=False)
    load_official_state_dict(model, part(arrays, "state"))
    given = part(arrays, "in")
    out = model(given["x"], Graph.complete(2, 4), given["h"], given["v"], given["edge_attr"])
    with pytest.raises(AssertionError):
        assert_close(out.x, arrays["out/x"], 1e-6)
