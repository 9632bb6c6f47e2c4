"""The same numbers as e3nn and torch, run here, and as others, recorded (peers/README.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from e3nn.nn import BatchNorm
from torch import Tensor, nn

import eqnorm

PEERS: dict[str, Any] = json.loads((Path(__file__).parent / "peers" / "peers.json").read_text())
IRREPS = ["4x0e+3x1o+2x2e", "1o+4x0e+2x1o+0o", "5x0e", "2x1o+1x0o"]

pytestmark = pytest.mark.usefixtures("path")


def same(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-6 of the largest number: both sum in float32, in their own order."""
    scale = max(1.0, float(theirs.detach().abs().max()))
    torch.testing.assert_close(ours, theirs, atol=1e-6 * scale, rtol=0)


def randomised(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, 1.0, 0.3)
    return module


# --- e3nn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("irreps", IRREPS)
@pytest.mark.parametrize(
    "options",
    [{}, {"affine": False}, {"include_bias": False}, {"normalization": "norm"}, {"momentum": 0.7}],
)
def test_batchnorm_is_e3nn_in_training_and_evaluation(irreps: str, options: Any) -> None:
    theirs = randomised(BatchNorm(irreps, **options))
    own = {"bias" if k == "include_bias" else k: value for k, value in options.items()}
    ours = eqnorm.create_norm("batchnorm", on=irreps, **own)
    ours.load_state_dict(theirs.state_dict())
    dim = ours.dim
    for _ in range(3):
        x = torch.randn(20, dim, requires_grad=True)
        x = (2 * x + 0.5).detach().requires_grad_()
        g = torch.randn(20, dim)
        y, z = ours(x), theirs(x)
        same(y, z)
        same(*(torch.autograd.grad(out, x, g)[0] for out in (y, z)))
        if options.get("affine", True):
            same(
                *(torch.autograd.grad(m(x), m.weight, g)[0] / 20 for m in (ours, theirs)),
            )
    back = BatchNorm(irreps, **options)
    back.load_state_dict(ours.state_dict())
    x = torch.randn(7, dim)
    same(ours.eval()(x), theirs.eval()(x))
    same(ours(x), back.eval()(x))


@pytest.mark.parametrize("irreps", IRREPS)
def test_instancenorm_is_e3nn(irreps: str) -> None:
    theirs = randomised(BatchNorm(irreps, instance=True))
    ours = eqnorm.create_norm("instancenorm", on=irreps)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 8, ours.dim) * 2 + 0.5
    y = ours(x.flatten(0, 1), torch.arange(3).repeat_interleave(8))
    same(y, theirs(x).flatten(0, 1))


# --- torch, for scalars alone -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("layernorm", lambda: nn.LayerNorm(6)),
        ("separable_layernorm", lambda: nn.LayerNorm(6)),
        ("degree_balanced_rmsnorm", lambda: nn.LayerNorm(6)),
        ("gvp_layernorm", lambda: nn.LayerNorm(6)),
        ("norm_layernorm", lambda: nn.LayerNorm(6)),
        ("rmsnorm", lambda: nn.RMSNorm(6, eps=1e-5)),
        ("batchnorm", lambda: nn.BatchNorm1d(6)),
        ("vn_batchnorm", lambda: nn.BatchNorm1d(6)),
    ],
)
def test_scalars_alone_are_torchs(name: str, build: Callable[[], nn.Module]) -> None:
    unbiased = {"unbiased": True} if name == "batchnorm" else {}
    ours, theirs = eqnorm.create_norm(name, on="6x0e", **unbiased), build()
    theirs.load_state_dict(randomised(ours).state_dict(), strict=False)
    for _ in range(2):
        x = torch.randn(9, 6) * 3 + 1
        same(ours(x), theirs(x))
    same(ours.eval()(x), theirs.eval()(x))


# --- recorded -----------------------------------------------------------------------------------


def load(module: nn.Module, **values: Any) -> nn.Module:
    module.load_state_dict({name: torch.as_tensor(value) for name, value in values.items()})
    return module


@pytest.mark.parametrize(
    ("recorded", "name"),
    [
        ("layer", "layernorm"),
        ("layerSphericalHarmonics", "separable_layernorm"),
        ("rms", "rmsnorm"),
        ("rmsV2", "degree_balanced_rmsnorm"),
    ],
)
def test_equiformer_v2(recorded: str, name: str) -> None:
    peer = PEERS["equiformer_v2"][recorded]
    weight = torch.tensor(peer["affine_weight"]).flatten().tolist()
    values = {"weight": weight}
    if recorded == "layerSphericalHarmonics":
        values = {"weight": peer["norm_l0.weight"] + weight, "bias": peer["norm_l0.bias"]}
    elif "affine_bias" in peer:
        values["bias"] = peer["affine_bias"]
    norm = eqnorm.create_norm(name, on="4x0e+4x1e+4x2e", layout="ir_mul")
    load(norm, **values)
    x = torch.tensor(PEERS["equiformer_v2"]["x"])
    same(norm(x.flatten(1)).view_as(x), torch.tensor(peer["y"]))


def test_gvp() -> None:
    peer = {name: torch.tensor(value) for name, value in PEERS["gvp"].items()}
    norm = eqnorm.create_norm("gvp_layernorm", on="4x0e+2x1o")
    load(norm, weight=peer["scalar_norm.weight"], bias=peer["scalar_norm.bias"])
    y = norm(torch.cat([peer["s"], peer["v"].flatten(1)], 1))
    same(y, torch.cat([peer["ys"], peer["yv"].flatten(1)], 1))


def test_se3_transformer() -> None:
    peer = {name: torch.tensor(value) for name, value in PEERS["se3_transformer"].items()}
    norm = eqnorm.create_norm("norm_layernorm", on="4x1o+4x2e", activation="relu")
    load(norm, weight=peer["group_norm.weight"], bias=peer["group_norm.bias"])
    assert (peer["y"] == 0).any()
    same(norm(peer["x"]), peer["y"])


def test_vector_neurons() -> None:
    peer = {name: torch.tensor(value) for name, value in PEERS["vnn"].items()}
    norm = eqnorm.create_norm("vn_batchnorm", on="3x1o", activation="identity")
    norm.weight.data, norm.bias.data = peer["bn.weight"], peer["bn.bias"]
    same(norm(peer["x"].flatten(1)), peer["y"].flatten(1))
    same(norm.running_mean, peer["bn.running_mean"])
    same(norm.running_var, peer["bn.running_var"])
    same(norm.eval()(peer["x"].flatten(1)), peer["y_eval"].flatten(1))


def test_vector_neurons_turn_short_vectors_round() -> None:
    x = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    assert eqnorm.create_norm("vn_batchnorm", on="1o")(x)[0, 0] < 0
    assert eqnorm.create_norm("vn_batchnorm", on="1o", activation="softplus")(x)[0, 0] > 0


def test_segnn_instancenorm() -> None:
    peer = PEERS["segnn"]
    norm = eqnorm.create_norm("instancenorm", on=peer["irreps"])
    load(norm, weight=peer["weight"], bias=peer["bias"])
    same(norm(torch.tensor(peer["x"]), torch.tensor(peer["batch"])), torch.tensor(peer["y"]))


def test_segnn_gives_odd_scalars_a_bias_which_breaks_reflections() -> None:
    peer = PEERS["segnn_odd"]
    x, batch = torch.tensor(peer["x"]), torch.tensor(peer["batch"])
    theirs, reflected = torch.tensor(peer["y"]), torch.tensor(peer["y_minus"])
    assert (theirs + reflected)[:, :2].abs().min() > 0.5  # not -y: twice the bias
    norm = eqnorm.create_norm("instancenorm", on=peer["irreps"])
    norm.weight.data = torch.tensor(peer["weight"])
    same(norm(-x, batch), -norm(x, batch))
    same(norm(x, batch)[:, 2:], theirs[:, 2:])


@pytest.mark.parametrize("name", ["GraphNorm", "InstanceNorm"])
def test_pytorch_geometric(name: str) -> None:
    peer = dict(PEERS[name])
    x, batch, y = (torch.tensor(peer.pop(key)) for key in ("x", "batch", "y"))
    norm = load(eqnorm.create_norm(name.lower(), on="4x0e"), **peer)
    same(norm(x, batch), y)


def test_a_single_copy_survives_norm_layernorm_but_not_with_the_sources_relu() -> None:
    x = torch.randn(5, 3)
    assert eqnorm.create_norm("norm_layernorm", on="1o", activation="relu")(x).abs().max() == 0
    assert (eqnorm.create_norm("norm_layernorm", on="1o")(x).norm(dim=1) - 1).abs().max() < 1e-4


def test_half_precision_overflows_to_zero_in_e3nn_and_not_here() -> None:
    x = torch.full((4, 3), 300.0, dtype=torch.float16)  # 300^2 > 65504
    theirs = BatchNorm("1o").half()(x)
    assert theirs.abs().max() == 0
    ours = eqnorm.create_norm("batchnorm", on="1o")(x)
    assert ours.dtype == torch.float16
    same(ours, torch.ones_like(x))
