"""Normalisation layers for SE(3)-equivariant networks, and the proof that they are."""

from eqnorm import _export, functional, norms
from eqnorm.backbone import Backbone, ModelOutput
from eqnorm.graph import Graph
from eqnorm.norms.base import Norm
from eqnorm.registry import (
    NormLike,
    contract_of,
    create_model,
    create_norm,
    list_models,
    list_norms,
    model_spec,
    norm_spec,
    norm_specs,
    register_model,
    register_norm,
)
from eqnorm.slots import create_slot
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.symmetry import Symmetry
from eqnorm.types import GeometricType, GroupElement, parse_type

__version__ = "0.1.0"
_export.register()

__all__ = [
    "Backbone",
    "BackboneSpec",
    "GeometricType",
    "Graph",
    "GroupElement",
    "ModelOutput",
    "Norm",
    "NormLike",
    "NormSpec",
    "Symmetry",
    "contract_of",
    "create_model",
    "create_norm",
    "create_slot",
    "functional",
    "list_models",
    "list_norms",
    "model_spec",
    "norm_spec",
    "norm_specs",
    "norms",
    "parse_type",
    "register_model",
    "register_norm",
]
