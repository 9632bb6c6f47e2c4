"""The recipes, on stand-ins and, where they are installed, on the packages themselves."""

from __future__ import annotations

import os
import sys
import warnings

import e3nn
import pytest
import torch

from eqnorm.testing import assert_equivariant
from eqnorm_adapters import attach, recipes
from tests.adapters.standins import EGNN, EGNNVel, system

R = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
R = R * torch.linalg.det(R)


@pytest.fixture(autouse=True)
def _default_dtype():
    """NequIP sets it to float64, and e3nn's choices, for the whole process."""
    before, choices = torch.get_default_dtype(), e3nn.get_optimization_defaults()
    yield
    torch.set_default_dtype(before)
    e3nn.set_optimization_defaults(**choices)


def stirred(handle):
    """Norms away from their initial values, in which a bias would be hidden."""
    assert handle.norms
    with torch.no_grad():
        for parameter in handle.parameters():
            parameter.add_(0.3)
    return handle


def importorskip(name, reason):
    """Import a package whose own warnings are not our concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=reason, exc_type=ImportError)


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


def complete_graph(pos, batch):
    row, col = torch.nonzero((batch[:, None] == batch) & ~torch.eye(len(pos)).bool()).T
    return torch.stack([row, col]), (pos[row] - pos[col]).norm(dim=-1)


@pytest.mark.parametrize("norm", ["layernorm", "graphnorm"])
def test_pyg_schnet(norm):
    package = importorskip("torch_geometric.nn", "torch-geometric is in the extra interop")
    torch.manual_seed(0)
    net = package.SchNet(8, 8, 3, 10, interaction_graph=complete_graph)
    handle = stirred(attach(net, norm, **recipes.recipe("pyg-schnet")))
    assert list(handle.norms) == [f"interactions.{i}" for i in range(3)]
    _, x, _, batch = system()
    z = torch.randint(1, 5, (10,))
    with torch.no_grad():
        out, turned, first = net(z, x, batch), net(z, x @ R.T + 2, batch), net(z[:5], x[:5])
    torch.testing.assert_close(turned, out, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first, out[:1], atol=1e-5, rtol=1e-4)


def test_pyg_visnet():
    package = importorskip("torch_geometric.nn.models", "torch-geometric is in the extra interop")
    torch.manual_seed(0)
    net = package.ViSNet(hidden_channels=8, num_layers=2, num_heads=2, num_rbf=4, cutoff=9.0)

    def distance(pos, batch):
        index = torch.nonzero(batch[:, None] == batch).T
        vectors = pos[index[0]] - pos[index[1]]
        return index, vectors.norm(dim=-1), vectors

    net.representation_model.distance.forward = distance  # the package's needs a compiled one
    handle = stirred(attach(net, "layernorm", **recipes.recipe("pyg-visnet")))
    assert len(handle.norms) == 2
    _, x, _, batch = system()
    z = torch.randint(1, 5, (10,))
    with torch.no_grad():
        out, turned = net(z, x, batch)[0], net(z, x @ R.T + 2, batch)[0]
    torch.testing.assert_close(turned, out, atol=1e-5, rtol=1e-4)


def test_e3nn():
    from e3nn import o3
    from e3nn.nn.models.v2106.gate_points_networks import SimpleNetwork

    torch.manual_seed(0)
    net = SimpleNetwork(
        "2x0e+1o",
        "2x0e+1o",
        max_radius=3.0,
        num_neighbors=4.0,
        num_nodes=5.0,
        mul=2,
        layers=2,
        lmax=1,
        pool_nodes=False,
    )
    handle = stirred(attach(net, "rmsnorm", **recipes.recipe("e3nn-v2106")))
    assert [norm.irreps for norm in handle.norms.values()] == [
        str(o3.Irreps(each)) for each in net.mp.irreps_node_sequence[1:3]
    ]
    _, x, _, batch = system()
    given, kind = torch.randn(10, 5), o3.Irreps("2x0e+1o")
    D = kind.D_from_matrix(R)
    with torch.no_grad():
        out = net({"pos": x, "x": given, "batch": batch})
        turned = net({"pos": x @ R.T + 2, "x": given @ D.T, "batch": batch})
    torch.testing.assert_close(turned, out @ D.T, atol=1e-5, rtol=1e-4)


def test_nequip():
    importorskip("nequip", "nequip is in the extra interop")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nequip.model import NequIPGNNModel
        from nequip.utils.global_state import set_global_state

        set_global_state()
        net = NequIPGNNModel(
            seed=0,
            model_dtype="float32",
            r_max=4.0,
            type_names=["H", "C"],
            num_layers=3,
            l_max=1,
            num_features=4,
            radial_mlp_width=8,
            avg_num_neighbors=4.0,
        )
    handle = stirred(attach(net, "rmsnorm", **recipes.recipe("nequip")))
    assert [name.split(".")[-1] for name in handle.norms] == ["layer0_convnet", "layer1_convnet"]
    _, x, edges, batch = system()
    given = {
        "pos": x,
        "edge_index": edges,
        "batch": batch,
        "num_atoms": torch.tensor([5, 5]),
        "atom_types": torch.randint(2, (10,)),
    }
    plain = net({**given, "pos": x.clone()})
    turned = net({**given, "pos": x @ R.T + 2})
    torch.testing.assert_close(turned["total_energy"], plain["total_energy"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turned["forces"], plain["forces"] @ R.T, atol=1e-3, rtol=1e-3)
    net.train()
    trained = net({**given, "pos": x.clone()})["forces"]
    trained.square().sum().backward()
    assert all(norm.weight.grad.isfinite().all() for norm in handle.norms.values())


def test_mace():
    reason = "mace-torch pins e3nn 0.4.4, and we need 0.5.6 or newer: not in CI"
    modules = importorskip("mace.modules", reason)
    from e3nn import o3

    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = modules.MACE(
            r_max=4.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
            interaction_cls_first=block, num_interactions=3, num_elements=2,
            hidden_irreps=o3.Irreps("4x0e+4x1o"), MLP_irreps=o3.Irreps("4x0e"),
            gate=torch.nn.functional.silu, atomic_energies=torch.tensor([-1.0, -2.0]).numpy(),
            avg_num_neighbors=4, atomic_numbers=[1, 6], correlation=2,
        )  # fmt: skip
    handle = stirred(attach(net, "rmsnorm", **recipes.recipe("mace")))
    assert [norm.irreps for norm in handle.norms.values()] == ["4x0e+4x1o", "4x0e+4x1o"]
    _, x, edges, batch = system()
    kinds = torch.nn.functional.one_hot(torch.randint(2, (10,)), 2).float()
    shifts = torch.zeros(edges.shape[1], 3)
    given = {
        "edge_index": edges, "batch": batch, "ptr": torch.tensor([0, 5, 10]), "node_attrs": kinds,
        "shifts": shifts, "unit_shifts": shifts, "cell": torch.zeros(6, 3),
        "head": torch.zeros(2).long(),
    }  # fmt: skip

    def call(pos, training=False):
        return net({**given, "positions": pos.clone()}, training=training)

    plain, turned = call(x), call(x @ R.T + 2)
    torch.testing.assert_close(turned["energy"], plain["energy"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turned["forces"], plain["forces"] @ R.T, atol=1e-3, rtol=1e-3)
    call(x, training=True)["forces"].square().sum().backward()
    assert all(norm.weight.grad.isfinite().all() for norm in handle.norms.values())
