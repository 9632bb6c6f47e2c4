"""Copies, pickles, state dicts and replicas of a model with attached norms."""

from __future__ import annotations

import copy
import io
import pickle
import threading

import pytest
import torch

from eqnorm_adapters import attach, attachments
from tests.adapters.attach_state_case import HOW, run, stir
from tests.adapters.standins import EGNN, Outer, Reused


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
