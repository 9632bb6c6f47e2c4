"""Norms behind the submodules of models that we did not write."""

from eqnorm_adapters.attachment.build import attach
from eqnorm_adapters.attachment.handle import Attachment, attachments

__all__ = ["Attachment", "attach", "attachments"]
