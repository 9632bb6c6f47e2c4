"""Channels of zeros, added up to the multiple that the compiled kernel takes, and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional as F

if TYPE_CHECKING:
    from eqnorm_adapters._egnn_native import EdgeInputs

MULTIPLE = 16  # of the channels in the kernel, whatever the processor


def padded(given: EdgeInputs) -> EdgeInputs:
    """All dense, and channels of zeros added up to what the kernel takes."""
    more = -given.h.shape[1] % MULTIPLE
    if more:
        rows, both, last = (0, 0, 0, more), (0, more, 0, more), (0, more)
        given = given._replace(
            w1=F.pad(given.w1, rows),
            w2=F.pad(given.w2, both),
            w3=F.pad(given.w3, both),
            **{
                name: None if value is None else F.pad(value, last)
                for name in ("b1", "b2", "b3", "w4", "wa")
                for value in (getattr(given, name),)
            },
        )
    return given._make(None if v is None else v.contiguous() for v in given)


def cut(gradients: EdgeInputs, width: int) -> EdgeInputs:
    """Without the added channels."""
    if gradients.b2.shape[0] == width:
        return gradients
    parts = {name: getattr(gradients, name)[:width] for name in ("w1", "b1", "b2", "b3")}
    parts |= {name: getattr(gradients, name)[:width, :width] for name in ("w2", "w3")}
    for name in ("w4", "wa"):
        value = getattr(gradients, name)
        parts[name] = None if value is None else value[:, :width]
    return gradients._replace(**{k: v if v is None else v.contiguous() for k, v in parts.items()})
