"""Networks of two layers on the nodes of an EGNN in torch, gradients by hand."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = tuple[Tensor, ...]  # W1, b1, W2, b2


def forward(p: Tensor, w: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """W2 silu(u) + b2, u = W1 p + b1, and silu(u)."""
    u = F.linear(p, w[0], w[1])
    active = F.silu(u)
    return F.linear(active, w[2], w[3]), u, active


def backward(g: Tensor, p: Tensor, u: Tensor, active: Tensor, w: Weights) -> tuple[Tensor, Weights]:
    """Gradients of p and of the weights."""
    g_w2, g_b2 = torch.mm(g.t(), active), g.sum(0)
    g = torch.mm(g, w[2])
    torch.ops.aten.silu_backward.grad_input(g, u, grad_input=g)
    return torch.mm(g, w[0]), (torch.mm(g.t(), p), g.sum(0), g_w2, g_b2)
