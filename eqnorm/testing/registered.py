"""Registered norms and models, built with random parameters and declared to the checker."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from eqnorm import registry
from eqnorm.specs import BackboneSpec, NormSpec
from eqnorm.testing.randomize import randomize_parameters

# Irreps that a norm on "irreps" is tried with; some serve certain ones only.
IRREPS = ("8x0e+4x1o+2x2e", "4x0e+3x0o+2x1e+3x1o", "4x0e+3x1o", "3x1o", "6x0e")
H_DIM = 4


def types_served(spec: NormSpec) -> list[str]:
    """The types a norm is tested on: its own, or for ``"irreps"`` two of ``IRREPS``."""
    if spec.on != "irreps":
        return [spec.on]
    served = []
    for on in IRREPS:
        try:
            build_subject("norm", spec.name, on, False)
        except ValueError:
            continue
        served.append(on)
    return served[:2]


def build_subject(
    what: str, name: str, on: str, training: bool
) -> tuple[nn.Module, dict[str, Any]]:
    """A norm or model with random parameters, and how to declare it to the checker."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, declaration = _norm(name, on) if what == "norm" else _model(name)
    return randomize_parameters(module).train(training), declaration


def input_types(spec: BackboneSpec, node_dim: int, edge_dim: int) -> dict[str, str]:
    """The inputs of a backbone, as they are declared to the checker."""
    velocities = {"v": "1o"} if spec.velocities else {}
    features = {"h": f"{node_dim}x0e", "edge_attr": f"edge:{edge_dim}x0e"}
    return {"x": "points", "graph": "graph", **features, **velocities}


def _norm(name: str, on: str) -> tuple[nn.Module, dict[str, Any]]:
    spec = registry.norm_spec(name, on)
    options = {"h_dim": H_DIM} if "h_dim" in spec.options else {}
    types = {"x0": "points", "v": "1o", "h": f"{H_DIM}x0e"}
    used = {key: types[key] for key in (*spec.needs, *spec.optional)}
    inputs = {"x": on, "graph": "graph", **used}
    module = registry.create_norm(name, on=on, **options)
    refined = registry.contract_of(module) or spec
    return module, _declaration(refined, inputs, on, getattr(refined, "scope", "") != "batch")


def _model(name: str) -> tuple[nn.Module, dict[str, Any]]:
    spec = registry.model_spec(name)
    hidden = 8 if spec.features == "scalars" else "8x0e+4x1o"
    module = registry.create_model(name, hidden=hidden, layers=2, node_dim=2, edge_dim=1)
    inputs = input_types(spec, 2, 1)
    features = f"{hidden}x0e" if isinstance(hidden, int) else hidden
    output = {"x": "points", "h": features, "v": "1o" if spec.velocities else None}
    return module, _declaration(registry.contract_of(module) or spec, inputs, output, True)


def _declaration(
    spec: NormSpec | BackboneSpec, inputs: dict[str, str], output: Any, apart: bool
) -> dict[str, Any]:
    return {
        "inputs": inputs,
        "output": output,
        "group": spec.equivariant_to,
        "permutation": spec.permutation,
        "independence": apart,
    }
