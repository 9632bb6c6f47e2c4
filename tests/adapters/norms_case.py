"""Options of an EGNN with every norm on its updates and positions."""

from __future__ import annotations

import pytest
import torch

import eqnorm
from eqnorm.functional import _compiled
from eqnorm_adapters._egnn import stack

POINTS = sorted(set(eqnorm.list_norms(on="points")) - {"identity"})
UPDATES = ["clipnorm", "graph_rmsnorm", "rms_film", "softcap"]
ROWS = ["layernorm", "rmsnorm", "separable_layernorm", "degree_balanced_rmsnorm", "gvp_layernorm"]
CHOICES = {
    **{name: {"norm": name} for name in POINTS},
    **{name: {"update_norm": name} for name in UPDATES},
    "geoframe without h": {"norm": ("geoframe", {"h_dim": None})},
    "system without h": {"norm": ("system", {"h_dim": None})},
    **{f"updates: {name}": {"update_norm": name} for name in ROWS if name != "gvp_layernorm"},
    **{f"features: {name}": {"feature_norm": name} for name in ROWS},
    "recommended": {"feature_norm": "layernorm", "update_norm": "softcap"},
    "all": {"feature_norm": "layernorm", "norm": "geofilm", "update_norm": "rms_film"},
    "both": {"norm": "geofilm", "update_norm": "rms_film"},
}

with_loops = pytest.mark.skipif(not _compiled._installed(), reason="numba is not installed")


def gradients_or_zeros(loss, leaves):
    """Zeros for what the loss does not depend on, which one path may know and another not."""
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=True)]


def apart(run):
    """What it gives where layers and norms are called one by one."""
    with pytest.MonkeyPatch.context() as patch:
        for way in ("stack_in_one", "stack_in_torch"):
            patch.setattr(stack, way, lambda *_: None)
        return run()
