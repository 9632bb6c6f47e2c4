"""What is kept behind tickets: found once, and gone with the ticket."""

from __future__ import annotations

import pytest
import torch

from eqnorm_adapters._egnn.compiled import tickets
from eqnorm_adapters._egnn.compiled.tickets import Kept, redeem, ticket


@pytest.fixture(autouse=True)
def none_yet(monkeypatch):
    monkeypatch.setattr(tickets, "_kept", {})


def test_tickets():
    one = ticket(Kept((None,), 3))
    view, copy = one.detach()[:1], one.clone()
    assert one.dtype == torch.int64
    assert one.shape == (1,)
    other = ticket(Kept((None, None), 5))
    assert int(other) != int(one)
    del one
    assert redeem(view) == Kept((None,), 3)
    nothing = Kept((), torch.get_num_threads())
    assert redeem(view) == redeem(copy) == nothing
    copy = other.clone()
    del other
    assert redeem(copy) == nothing


def test_one_that_is_written_over_takes_no_other_with_it():
    # torch.compile may use memory of what the gradient has read for something else.
    one, other = ticket(Kept((None,), 3)), ticket(Kept((None,), 5))
    other.copy_(one)
    del other
    assert redeem(one) == Kept((None,), 3)
    del one
    assert not tickets._kept
