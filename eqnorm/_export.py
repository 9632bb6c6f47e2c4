"""Makes graphs arguments, and model outputs results, of what torch exports, saves and loads."""

from __future__ import annotations

import torch
from torch.utils import _pytree

from eqnorm.backbone import ModelOutput
from eqnorm.graph import Graph


def register() -> None:
    """Tell torch how to take both apart, their names in files, and that a graph is safe to load."""
    torch.export.register_dataclass(Graph, serialized_type_name="eqnorm.Graph")
    # Any named tuple can be taken apart; a name for files can be given in this way only.
    _pytree._register_namedtuple(ModelOutput, serialized_type_name="eqnorm.ModelOutput")
    torch.serialization.add_safe_globals([Graph])
