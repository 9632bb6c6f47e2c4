"""What the tests of the recipes share."""

from __future__ import annotations

import warnings

import pytest
import torch

R = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
R = R * torch.linalg.det(R)


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
