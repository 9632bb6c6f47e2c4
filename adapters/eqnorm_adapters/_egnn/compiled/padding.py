"""Channels of zeros, added up to the multiple that the compiled kernel takes, and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional as F

if TYPE_CHECKING:
    from eqnorm_adapters._egnn.compiled.inputs import EdgeInputs

MULTIPLE = 16  # of the channels in the kernel, whatever the processor


def padded(given: EdgeInputs) -> EdgeInputs:
    """All dense, and channels of zeros added up to what the kernel takes."""
    more = -given.h.shape[1] % MULTIPLE
    if more:
        last, both = (0, more), (0, more, 0, more)
        how: dict[str, tuple[int, ...]] = {"w1": (0, 0, 0, more), "w2": both, "w3": both}
        how |= dict.fromkeys(("b1", "b2", "b3", "w4", "wa"), last)
        wider: dict[str, Any] = {
            name: None if (value := getattr(given, name)) is None else F.pad(value, by)
            for name, by in how.items()
        }
        given = given._replace(**wider)
    return dense(given)


def dense(given: EdgeInputs) -> EdgeInputs:
    """All contiguous."""
    values: list[Any] = [None if v is None else v.contiguous() for v in given]
    return type(given)(*values)


def cut(gradients: EdgeInputs, width: int) -> EdgeInputs:
    """Without the added channels."""
    if gradients.b2.shape[0] == width:
        return gradients
    parts = {name: getattr(gradients, name)[:width] for name in ("w1", "b1", "b2", "b3")}
    parts |= {name: getattr(gradients, name)[:width, :width] for name in ("w2", "w3")}
    for name in ("w4", "wa"):
        value = getattr(gradients, name)
        parts[name] = None if value is None else value[:, :width]
    narrow: dict[str, Any] = {k: None if v is None else v.contiguous() for k, v in parts.items()}
    return gradients._replace(**narrow)
