"""An attachment to the stand-in for EGNN, and what it computes."""

from __future__ import annotations

import torch

from tests.adapters.standins import system

HOW = {"at": "gcl_*", "output": 1, "points": "x", "batch": 5}


def run(model, seed=0):
    h, x, edges, _ = system(seed=seed)
    return model(h, x, edges, None)[1]


def stir(model):
    """Move gains and biases, so that each norm is told from a fresh one."""
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter.add_(0.1 * (index % 5 + 1) * torch.rand_like(parameter))
