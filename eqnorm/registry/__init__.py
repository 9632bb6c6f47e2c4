"""Norms and backbones by name: register, create, list."""

from eqnorm.registry._contracts import contract_of
from eqnorm.registry._create import NormLike, create_model, create_norm, name_and_options
from eqnorm.registry._lookup import list_models, list_norms, model_spec, norm_spec, norm_specs
from eqnorm.registry._register import register_model, register_norm
from eqnorm.registry._tables import models as _models  # noqa: F401  tests clean up with these two
from eqnorm.registry._tables import norms as _norms  # noqa: F401

__all__ = [
    "NormLike",
    "contract_of",
    "create_model",
    "create_norm",
    "list_models",
    "list_norms",
    "model_spec",
    "name_and_options",
    "norm_spec",
    "norm_specs",
    "register_model",
    "register_norm",
]
