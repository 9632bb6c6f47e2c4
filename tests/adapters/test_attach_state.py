"""What an attachment leaves on a model: parameters, copies, pickles, replicas, compiled code."""

from __future__ import annotations

import copy
import io
import pickle
import threading

import pytest
import torch
from torch import nn

import eqnorm
from eqnorm_adapters import attach, attachments
from tests.adapters.standins import EGNN, Inner, Outer, Reused, system

HOW = {"at": "gcl_*", "output": 1, "points": "x", "batch": 5}


def run(model, seed=0):
    h, x, edges, _ = system(seed=seed)
    return model(h, x, edges, None)[1]


def everything(model):
    """All that Python keeps on the modules of a model."""
    return {
        name: {key: dict(v) if isinstance(v, dict) else v for key, v in vars(module).items()}
        for name, module in model.named_modules()
    }


def stir(model):
    """Move gains and biases, so that each norm is told from a fresh one."""
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * (index % 5 + 1) * torch.rand_like(parameter))


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


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "save"])
def test_copies_are_independent(how):
    model = EGNN()
    handle = attach(model, "geonorm", **HOW)
    stir(model)
    wanted = run(model)
    if how == "deepcopy":
        twin = copy.deepcopy(model)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(model))
    else:
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        twin = torch.load(file, weights_only=False)
    assert torch.equal(run(twin), wanted)
    stir(twin)
    assert torch.equal(run(model), wanted)
    changed = run(twin)
    assert not torch.equal(changed, wanted)
    handle.remove()
    assert torch.equal(run(twin), changed)
    run(twin).sum().backward()
    own = attachments(twin)[0]
    assert all(norm.gain.grad is not None for norm in own.norms.values())
    own.remove()
    assert torch.equal(run(copy.deepcopy(twin)), run(twin))


def test_a_copy_made_while_the_model_runs_keeps_no_state():
    class Copies(Outer):
        def forward(self, x, h):
            self.twin = [copy.deepcopy(self)]
            return super().forward(x, h)

    model = Copies("tensor")
    attach(model, "geonorm", at="inner", points="x", batch=None)
    model(torch.randn(4, 3), None)
    assert attachments(model.twin[0])[0]._capture.frame is None


def test_state_dict_into_a_freshly_attached_model():
    model, other = EGNN(), EGNN()
    attach(model, "geonorm", **HOW)
    attach(other, "geonorm", **HOW)
    stir(model)
    other.load_state_dict(model.state_dict())
    assert torch.equal(run(other), run(model))
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\).*gcl_0.eqnorm.gain"):
        EGNN().load_state_dict(model.state_dict())


def test_replicas_use_their_own_norms():
    """DataParallel copies modules shallowly: replicas share their hooks and run in threads."""
    model = Reused(times=20)
    attach(model, "geonorm", at="layer", points="x", batch=None)

    def replica(gain):
        made = [module._replicate_for_data_parallel() for module in (model, model.layer)]
        norm = model.layer.eqnorm._replicate_for_data_parallel()
        norm.gain = torch.tensor([gain])
        norm.bias = torch.tensor([0.0])
        norm._parameters = {}
        made[0]._modules["layer"], made[1]._modules["eqnorm"] = made[1], norm
        return made[0]

    found = {}

    def call(gain):
        x = torch.randn(6, 3, generator=torch.Generator().manual_seed(int(gain)))
        out = replica(gain)(x)
        found[gain] = ((out - x.mean(0)).norm(dim=-1).mean(), (out - x).mean(0).norm())

    threads = [threading.Thread(target=call, args=(float(g),)) for g in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for gain in range(1, 9):
        radius, _ = found[float(gain)]
        assert radius == pytest.approx(gain, rel=0.05)


def test_functional_call():
    model = EGNN()
    handle = attach(model, "geonorm", **HOW)
    h, x, edges, _ = system()
    state = {k: torch.zeros_like(v) for k, v in model.state_dict().items() if "eqnorm" in k}
    _, out = torch.func.functional_call(model, state, (h, x, edges, None))
    assert not torch.equal(out, run(model))
    assert all(norm.gain == 1 for norm in handle.norms.values())


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Inner("tuple") for _ in range(3))

    def forward(self, x, h, batch=None):
        for layer in self.layers:
            h, x = layer(x, h)
        return h, x


@pytest.mark.parametrize("norm", ["geonorm", "georms"])
def test_compiles_to_one_graph(norm):
    model = Chain()
    attach(model, norm, at="layers.*", output=1, points="x", batch="batch", num_graphs=2)
    _, x, _, batch = system()
    h = torch.randn(10, 4)
    wanted = model(x, h, batch)[1]
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, h, batch)[1], wanted)
    assert attachments(model)[0]._capture.frame is None


def test_a_compiled_model_sees_what_is_attached_later():
    model = Chain()
    compiled = torch.compile(model, backend="eager")
    x, h = torch.randn(5, 3), torch.randn(5, 4)
    plain = compiled(x, h)[1]
    handle = attach(model, "geonorm", at="layers.*", output=1, points="x", batch=None)
    normed = compiled(x, h)[1]
    torch.testing.assert_close(normed, model(x, h)[1])
    assert not torch.equal(normed, plain)
    handle.remove()
    assert torch.equal(compiled(x, h)[1], plain)


def test_no_wait_for_the_device_where_the_number_of_graphs_is_known():
    from torch._subclasses.fake_tensor import FakeTensorMode

    # A fake tensor has no values: whatever would read one raises.
    with FakeTensorMode():
        for batch, num_graphs in ((5, None), ("batch", 2), (None, None)):
            model = Chain()
            attach(
                model,
                "geonorm",
                at="layers.*",
                output=1,
                points="x",
                batch=batch,
                num_graphs=num_graphs,
            )
            x, h = torch.empty(10, 3), torch.empty(10, 4)
            given = torch.empty(10, dtype=torch.int64)
            assert model(x, h, given)[1].shape == (10, 3)
