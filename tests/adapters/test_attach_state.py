"""What an attachment leaves on a model: its parameters, and nothing once it is removed."""

from __future__ import annotations

import torch

import eqnorm
from eqnorm_adapters import attach
from tests.adapters.attach_state_case import HOW, run
from tests.adapters.standins import EGNN, system


def everything(model):
    """All that Python keeps on the modules of a model."""
    return {
        name: {key: dict(v) if isinstance(v, dict) else v for key, v in vars(module).items()}
        for name, module in model.named_modules()
    }


def test_parameters_are_the_models():
    model = EGNN()
    before = {id(p) for p in model.parameters()}
    handle = attach(model, "geonorm", **HOW)
    added = [p for p in model.parameters() if id(p) not in before]
    assert {id(p) for p in added} == {id(p) for p in handle.parameters()}
    assert len(added) == 4
    assert {k for k in model.state_dict() if "eqnorm" in k} == {
        f"gcl_{i}.eqnorm.{name}" for i in (0, 1) for name in ("gain", "bias")
    }
    torch.optim.SGD(model.parameters(), lr=1.0)
    assert all(p.dtype == torch.float64 for p in model.double().parameters())


def test_norms_follow_the_submodule_in_precision_device_and_mode():
    model = EGNN().double().eval().to("meta")
    norms = attach(model, "geonorm", **HOW).norms.values()
    for norm in norms:
        assert norm.gain.dtype == torch.float64
        assert norm.gain.device.type == "meta"
        assert not norm.training


def test_an_instance_is_copied_for_each_submodule():
    norm = eqnorm.create_norm("geonorm", on="points")
    handle = attach(EGNN(), norm, **HOW)
    assert len({id(n) for n in (norm, *handle.norms.values())}) == 3
    by_class = attach(EGNN(), type(norm), **HOW)
    assert all(type(n) is type(norm) for n in by_class.norms.values())


def test_remove_undoes_everything():
    model = EGNN()
    # The hooks of others stay.
    model.gcl_0.register_forward_hook(lambda module, args, output: None)
    before, state, plain = everything(model), list(model.state_dict()), run(model)
    handle = attach(model, "geonorm", update_of="coord", on="points", **HOW)
    assert not torch.equal(run(model), plain)
    handle.remove()
    assert everything(model) == before
    assert list(model.state_dict()) == state
    assert torch.equal(run(model), plain)
    handle.remove()
    assert handle.norms == {}
    assert repr(handle) == "Attachment 'eqnorm' to EGNN, removed"


def test_with_statement():
    model = EGNN()
    plain = run(model)
    with attach(model, "geonorm", **HOW) as handle:
        assert "gcl_1: GeoNorm" in repr(handle)
        assert not torch.equal(run(model), plain)
    assert torch.equal(run(model), plain)


def test_functional_call():
    model = EGNN()
    handle = attach(model, "geonorm", **HOW)
    h, x, edges, _ = system()
    state = {k: torch.zeros_like(v) for k, v in model.state_dict().items() if "eqnorm" in k}
    _, out = torch.func.functional_call(model, state, (h, x, edges, None))
    assert not torch.equal(out, run(model))
    assert all(norm.gain == 1 for norm in handle.norms.values())
