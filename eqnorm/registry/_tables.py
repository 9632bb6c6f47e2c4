"""What is registered: one table of norms, one of backbones."""

from __future__ import annotations

from eqnorm._table import Table
from eqnorm.specs import BackboneSpec, NormSpec

norms: Table[NormSpec] = Table("norm", "eqnorm.norms")
models: Table[BackboneSpec] = Table("model", "eqnorm.backbones")
