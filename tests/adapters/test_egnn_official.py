"""`egnn` and `egnn_vel` against numbers recorded from the official code; see data/README.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import eqnorm
from eqnorm import Graph
from eqnorm_adapters import from_official, load_official_state_dict
from eqnorm_adapters.native import _library, native_available

DATA = Path(__file__).parent / "data" / "official_egnn.npz"
OPTIONS = {
    "vel": ("egnn_vel", {"residual": True}),
    "vel_not_recurrent_irregular": ("egnn_vel", {}),
    "vel_norm_diff_tanh": ("egnn_vel", {"residual": True, "edge_norm": "enf", "tanh": True}),
    "nbody": ("egnn", {"activation": "leaky_relu", "coords_weight": 0.7}),
    "clean": ("egnn", {"out_dim": 3}),
    "clean_attention_tanh_irregular": (
        "egnn",
        {"out_dim": 3, "residual": False, "attention": True, "tanh": True},
    ),
}


def recorded(case: str) -> dict[str, torch.Tensor]:
    """The arrays of one case, in float64."""
    with np.load(DATA) as file:
        values, index = torch.from_numpy(file["values"]), json.loads(str(file["index"]))
    arrays, start = {}, 0
    for name, shape in index.items():
        size = int(np.prod(shape))
        if name.startswith(f"{case}/"):
            arrays[name.removeprefix(f"{case}/")] = values[start : start + size].view(shape)
        start += size
    return arrays


def part(arrays: dict[str, torch.Tensor], folder: str) -> dict[str, torch.Tensor]:
    prefix = f"{folder}/"
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }


def build(case: str, dtype: torch.dtype = torch.float64, **options) -> nn.Module:
    name, own = OPTIONS[case]
    sizes = {"hidden": 5, "layers": 2, "node_dim": 2, "edge_dim": 2}
    return eqnorm.create_model(name, **{**sizes, **own, **options}).to(dtype)


def assert_close(ours: torch.Tensor, official: torch.Tensor, rtol: float) -> None:
    error = (ours.detach().double() - official).norm() / official.norm()
    assert float(error) <= rtol


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


def test_dataparallel_prefix_and_norms_in_slots():
    state = part(recorded("vel"), "state")
    model = build("vel", norm="geonorm", feature_norm="identity")
    load_official_state_dict(model, {f"module.{name}": value for name, value in state.items()})
    assert torch.equal(
        model.layers[1].edge_mlp[0].weight.detach(), state["gcl_1.edge_mlp.0.weight"]
    )
    assert float(model.layers[0].norm.gain.detach()) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 3}, "it has layers=2, the model layers=3: use create_model(..., layers=2)"),
        ({"hidden": 6}, "it has hidden=5, the model hidden=6: use create_model(..., hidden=5)"),
        ({"edge_dim": 0}, "it has edge_dim=2, the model edge_dim=0"),
        ({"node_dim": 1}, "it has node_dim=2, the model node_dim=1"),
        ({"attention": True}, "it has attention=False, the model attention=True"),
    ],
)
def test_errors_name_the_option_and_leave_the_model_alone(options, message):
    model = build("vel", **options)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        load_official_state_dict(model, part(recorded("vel"), "state"))
    assert message in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_errors_of_other_models_and_state_dicts():
    state = part(recorded("vel"), "state")
    with pytest.raises(ValueError, match="it has velocity networks .* create_model\\('egnn_vel'"):
        load_official_state_dict(build("nbody"), state)
    with pytest.raises(ValueError, match="no velocity networks .* create_model\\('egnn'"):
        load_official_state_dict(build("vel"), part(recorded("nbody"), "state"))
    with pytest.raises(ValueError, match="it has out_dim=3, the model out_dim=None"):
        load_official_state_dict(build("nbody"), part(recorded("clean"), "state"))
    with pytest.raises(ValueError, match="lacks gcl_0.edge_mlp.0.weight"):
        load_official_state_dict(build("vel"), {"weight": torch.zeros(2)})
    with pytest.raises(TypeError, match="use module.state_dict()"):
        load_official_state_dict(build("vel"), nn.Linear(1, 1))
    with pytest.raises(TypeError, match="must be an 'egnn' or 'egnn_vel'"):
        load_official_state_dict(nn.Linear(1, 1), state)
    with pytest.raises(ValueError, match="it has node_dec.0.weight, which the model lacks"):
        load_official_state_dict(build("vel"), {**state, "node_dec.0.weight": torch.zeros(1)})
    lacking = {name: value for name, value in state.items() if name != "gcl_1.node_mlp.2.bias"}
    with pytest.raises(ValueError, match="it lacks layers.1.node_mlp.2.bias"):
        load_official_state_dict(build("vel"), lacking)
    wrong = {**state, "gcl_1.node_mlp.2.bias": torch.zeros(7)}
    with pytest.raises(ValueError, match=r"node_mlp.2.bias has shape \(7,\), the model's \(5,\)"):
        load_official_state_dict(build("vel"), wrong)


class Lookalike(nn.Module):
    """Has the names and attributes of an official module, and nothing of its code."""

    def __init__(self, case: str, **attributes) -> None:
        super().__init__()
        for name, value in part(recorded(case), "state").items():
            *path, leaf = name.split(".")
            place = self
            for step in path:
                if not hasattr(place, step):
                    place.add_module(step, nn.Module())
                place = getattr(place, step)
            place.register_parameter(leaf, nn.Parameter(value))
        for name, value in attributes.items():
            setattr(self.gcl_0, name, value)


def test_from_official_reads_options_from_the_module():
    official = Lookalike("vel", recurrent=True, norm_diff=True, tanh=True, coords_weight=0.5)
    official.gcl_0.edge_mlp.add_module("1", nn.LeakyReLU(0.2))
    model = from_official(official, norm="geonorm")
    arrays = recorded("vel_norm_diff_tanh")
    same = build("vel_norm_diff_tanh", activation="leaky_relu", coords_weight=0.5, norm="geonorm")
    load_official_state_dict(same, official.state_dict())
    given, graph = part(arrays, "in"), Graph.complete(2, 4)
    out = [m(given["x"], graph, given["h"], given["v"], given["edge_attr"]) for m in (model, same)]
    assert torch.equal(out[0].x, out[1].x)


def test_from_official_says_what_has_no_counterpart():
    official = Lookalike("clean", residual=True, normalize=True)
    with pytest.raises(ValueError, match="normalize=True .* no counterpart"):
        from_official(official)
    official.gcl_0.normalize = False
    official.gcl_0.edge_mlp.add_module("1", nn.Hardswish())
    with pytest.raises(ValueError, match="activation Hardswish.* no counterpart"):
        from_official(official)
    with pytest.raises(TypeError, match="must be an EGNN or EGNN_vel module"):
        from_official(nn.Linear(1, 1))
