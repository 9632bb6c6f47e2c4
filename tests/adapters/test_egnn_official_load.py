"""State dicts and modules of the official EGNN code taken over; errors of those that do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from eqnorm import Graph
from eqnorm_adapters import from_official, load_official_state_dict
from tests.adapters.official_case import build, part, recorded


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
