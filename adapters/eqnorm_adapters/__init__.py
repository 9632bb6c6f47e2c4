"""Equivariant backbones for eqnorm, one file each, and `attach` for models of your own."""

from eqnorm_adapters.attachment import Attachment, attach, attachments

__all__ = ["Attachment", "attach", "attachments"]
