"""Small backbones with parameters of order one, inputs, recorded numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import eqnorm
from eqnorm import Graph, GroupElement
from eqnorm.testing import randomize_parameters

DATA = Path(__file__).parent / "data"
IRREPS = {
    "radial_field": "6x0e",
    "clofnet": "6x0e",
    "gvp": "6x0e+3x1o",
    "painn": "6x0e+3x1o",
    "nequip": "6x0e+3x1o+2x2e",
    "segnn": "6x0e+3x1o+2x2e",
}
every = pytest.mark.parametrize("name", IRREPS)
# A norm for each slot that uses h, x0 or v where the slot offers them.
NAMED = {
    "norm": "system",
    "update_norm": "rms_film",
    "edge_norm": "enf",
    "feature_norm": "layernorm",
    "message_norm": "rmsnorm",
}


def build(name: str, dtype: torch.dtype = torch.float64, **options: object) -> nn.Module:
    """A model with parameters of order one, so that no small start hides an error."""
    irreps = IRREPS[name]
    hidden = irreps if "1o" in irreps else 6
    common = {"hidden": hidden, "layers": 2, "node_dim": 2, "edge_dim": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = eqnorm.create_model(name, **{**common, **options})
    return randomize_parameters(model.to(dtype))


def inputs(graph: Graph, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    n = graph.num_nodes
    return {
        "x": torch.randn(n, 3, dtype=dtype) + 3,
        "h": torch.randn(n, 2, dtype=dtype),
        "v": torch.randn(n, 3, dtype=dtype),
        "edge_attr": torch.randn(graph.num_edges, 2, dtype=dtype),
    }


def motion(reflect: bool) -> GroupElement:
    matrix = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    if (torch.linalg.det(matrix) < 0) != reflect:
        matrix = -matrix
    return GroupElement(matrix, torch.randn(3, dtype=torch.float64))


def moved(given: dict[str, Tensor], element: GroupElement) -> dict[str, Tensor]:
    return {**given, "x": element.act(given["x"], "points"), "v": element.act(given["v"], "1o")}


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    error = (found.detach().double() - expected.detach().double()).abs().max()
    assert error <= tolerance * (1 + expected.abs().max())


def recorded(file: str, case: str) -> dict[str, dict[str, Tensor]]:
    """Numbers of one case by folder and name, in float64; see data/official_scalarised.md."""
    with np.load(DATA / f"official_{file}.npz") as archive:
        values, index = torch.from_numpy(archive["values"]), json.loads(str(archive["index"]))
    folders: dict[str, dict[str, Tensor]] = {}
    start = 0
    for name, shape in index.items():
        size = int(np.prod(shape))
        of, folder, key = name.split("/")
        if of == case:
            folders.setdefault(folder, {})[key] = values[start : start + size].view(shape)
        start += size
    return folders


def against(folders: dict[str, dict[str, Tensor]], out: dict[str, Tensor], rtol: float) -> None:
    """Outputs, and the gradients of the recorded loss, against the recorded ones.

    The inputs are the leaves in ``folders["in"]``.
    """
    for name, value in out.items():
        official = folders["out"][name]
        assert (value.detach().double() - official).norm() <= rtol * official.norm()
    loss = sum((value * folders["weight"][name].to(value)).sum() for name, value in out.items())
    names = list(folders["grad_in"])
    found = torch.autograd.grad(loss, [folders["in"][name] for name in names])
    for name, value in zip(names, found, strict=True):
        official = folders["grad_in"][name]
        assert (value.double() - official).norm() <= rtol * official.norm(), name


def assert_finite(model, graph, given):
    leaves = {key: value.requires_grad_() for key, value in given.items()}
    out = model(graph=graph, **leaves)
    inner = out.x.square().sum() + out.h.square().sum()
    inner.backward()
    # A norm of scalars and vectors has empty parameters where there are vectors only.
    for tensor in (out.x, out.h, *(p.grad for p in model.parameters() if p.numel())):
        assert tensor is not None
        assert tensor.isfinite().all()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves.values())
    return out
