"""Numbers recorded from the official EGNN code, and models to hold to them; see data/README.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

import eqnorm

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
