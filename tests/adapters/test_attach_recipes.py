"""The recipes for EGNN, on stand-ins and, where they are installed, on the packages themselves."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from eqnorm.testing import assert_equivariant
from eqnorm_adapters import attach, recipes
from tests.adapters.recipes_case import R, importorskip, stirred
from tests.adapters.standins import EGNN, EGNNVel, system


def test_names():
    with pytest.raises(ValueError, match="unknown recipe 'egnn'; did you mean 'egnn-"):
        recipes.recipe("egnn")
    with pytest.raises(ValueError, match="needs batch=: nodes per graph"):
        recipes.recipe("egnn-official")
    assert recipes.recipe("mace", last=True)["last"] is True
    assert all(r.model and r.package and r.notes for r in recipes.RECIPES.values())


def official(name):
    """The stand-ins; or the official code, where EQNORM_OFFICIAL_EGNN says where it lies."""
    path = os.environ.get("EQNORM_OFFICIAL_EGNN")
    torch.manual_seed(0)
    if path is None:
        return EGNN(edges=2) if name == "EGNN" else EGNNVel(edges=2)
    sys.path.insert(0, path)
    try:
        if name == "EGNN":
            from models.egnn_clean import egnn_clean

            return egnn_clean.EGNN(1, 8, 1, in_edge_nf=2)
        from n_body_system.model import EGNN_vel

        return EGNN_vel(1, 2, 8)
    finally:
        sys.path.remove(path)


@pytest.mark.parametrize(
    ("name", "model", "norm"),
    [
        ("egnn-official", "EGNN", "geonorm"),
        ("egnn-official", "EGNN", ("geofilm", {"h_dim": 8})),
        ("egnn-official-vel", "EGNN_vel", "geonorm"),
        ("egnn-official-vel", "EGNN_vel", ("system", {"h_dim": 8})),
        ("egnn-official-vel-update", "EGNN_vel", "softcap"),
    ],
)
def test_official_egnn(name, model, norm):
    net = official(model)
    handle = stirred(attach(net, norm, **recipes.recipe(name, batch=5)))
    assert len(handle.norms) == len([n for n in net._modules if n.startswith("gcl")]) - (
        "update" not in name
    )
    h, x, edges, _ = system()
    given = {"h": h, "x": x, "edges": edges, "edge_attr": torch.randn(edges.shape[1], 2)}
    types = {"h": "1x0e", "x": "points", "edges": "edge_index", "edge_attr": "edge:2x0e"}
    output = ("1x0e", "points")
    if model == "EGNN_vel":
        given["vel"], types["vel"], output = torch.randn_like(x), "1o", "points"
    assert_equivariant(
        net,
        inputs=types,
        output=output,
        sample=given,
        quick=True,
        independence=False,
        skip=("mutation",) if "vel" in given else (),
        permutation=False,
    )

    # The graphs of a batch do not see one another.
    def call(x):
        x = x.clone()
        return net(**{**given, "x": x})

    out, alone = call(x), call(torch.cat([x[:5], 3 * x[5:]]))
    out, alone = (o if isinstance(o, torch.Tensor) else o[1] for o in (out, alone))
    torch.testing.assert_close(out[:5], alone[:5])


def test_egnn_pytorch_dense():
    package = importorskip("egnn_pytorch", "egnn-pytorch is in the extra interop")
    torch.manual_seed(0)
    net = package.EGNN_Network(depth=3, dim=8, m_dim=8, num_tokens=4)
    handle = stirred(attach(net, "geonorm", **recipes.recipe("egnn-pytorch")))
    assert list(handle.norms) == ["layers.0.1", "layers.1.1"]
    tokens, x = torch.randint(4, (2, 6)), torch.randn(2, 6, 3)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    with torch.no_grad():
        _, out = net(tokens, x)
        _, turned = net(tokens, x @ R.T + 2)
        torch.testing.assert_close(turned, out @ R.T + 2, atol=1e-4, rtol=1e-4)
        _, padded = net(tokens, x, mask=mask)
        _, single = net(tokens[1:, :4], x[1:, :4])
    torch.testing.assert_close(padded[1, :4], single[0], atol=1e-4, rtol=1e-4)


def test_egnn_pytorch_sparse():
    importorskip("torch_geometric", "torch-geometric is in the extra interop")
    package = importorskip("egnn_pytorch", "egnn-pytorch is in the extra interop")
    if not hasattr(package, "EGNN_Sparse_Network"):
        pytest.skip("this egnn-pytorch offers no sparse network")
    torch.manual_seed(0)
    net = package.EGNN_Sparse_Network(n_layers=3, feats_dim=4, m_dim=8, edge_attr_dim=1)
    handle = stirred(attach(net, "geonorm", **recipes.recipe("egnn-pytorch-sparse")))
    assert list(handle.norms) == ["mpnn_layers.0", "mpnn_layers.1"]
    _, x, edges, batch = system()
    h, e = torch.randn(10, 4), torch.randn(edges.shape[1], 1)
    with torch.no_grad():
        out = net(torch.cat([x, h], 1), edges, batch, e)
        turned = net(torch.cat([x @ R.T + 2, h], 1), edges, batch, e)
    torch.testing.assert_close(turned[:, :3], out[:, :3] @ R.T + 2, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turned[:, 3:], out[:, 3:], atol=1e-4, rtol=1e-4)
