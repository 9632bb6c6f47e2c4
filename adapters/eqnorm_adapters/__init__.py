"""Equivariant backbones for eqnorm, one file each, and `attach` for models of your own."""

from eqnorm_adapters._egnn.memory import empty_cache
from eqnorm_adapters._official import from_official, load_official_state_dict
from eqnorm_adapters.attachment import Attachment, attach, attachments
from eqnorm_adapters.monitor import ScaleMonitor
from eqnorm_adapters.native import native_available, use_native

__all__ = [
    "Attachment",
    "ScaleMonitor",
    "attach",
    "attachments",
    "empty_cache",
    "from_official",
    "load_official_state_dict",
    "native_available",
    "use_native",
]
