"""The recipes for networks built on e3nn, where they are installed."""

from __future__ import annotations

import warnings

import e3nn
import pytest
import torch

from eqnorm_adapters import attach, recipes
from tests.adapters.recipes_case import R, importorskip, stirred
from tests.adapters.standins import system


@pytest.fixture(autouse=True)
def _default_dtype():
    """NequIP sets it to float64, and e3nn's choices, for the whole process."""
    before, choices = torch.get_default_dtype(), e3nn.get_optimization_defaults()
    yield
    torch.set_default_dtype(before)
    e3nn.set_optimization_defaults(**choices)


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
