"""What `eqnorm check` can be pointed at: a backbone, a norm, or a module of the user's own."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import eqnorm
from eqnorm import _table
from eqnorm.cli import contracts
from eqnorm.cli.contracts import Effort, Verdict
from eqnorm.specs import SLOTS
from eqnorm.testing.registered import input_types

EDGE_DIM = 2
NODE_DIM = 2
SMALL: dict[str, Any] = {"hidden": 8, "layers": 2}


def check_model(
    name: str, options: Mapping[str, Any], group: Mapping[str, bool] | None, effort: Effort
) -> Verdict:
    """Check a registered backbone with norms in its slots."""
    import torch

    spec = eqnorm.model_spec(name)
    torch.manual_seed(effort.seed)
    model = eqnorm.create_model(name, **{"node_dim": NODE_DIM, "edge_dim": EDGE_DIM, **options})
    declared, independent = contracts.declared_by(model, spec)
    sizes = getattr(model, "node_dim", NODE_DIM), getattr(model, "edge_dim", EDGE_DIM)
    output = {"x": "points", "h": None, "v": None}
    return contracts.check(
        contracts.prepared(model, effort),
        _described(spec.name, options),
        input_types(spec, *sizes),
        output,
        group or declared,
        effort,
        independent,
    )


def check_norm(
    name: str, on: str, options: Mapping[str, Any], group: Mapping[str, bool] | None, effort: Effort
) -> Verdict:
    """Check a registered norm by itself."""
    spec = eqnorm.norm_spec(name, on)
    if "h_dim" in spec.options:
        options = {"h_dim": NODE_DIM, **options}
    norm = eqnorm.create_norm(name, on=on, **options)
    declared, independent = contracts.declared_by(norm, spec, on)
    types = {"x0": "points", "v": "1o", "h": f"{options.get('h_dim', NODE_DIM)}x0e"}
    used = {key: types[key] for key in (*spec.needs, *spec.optional)}
    return contracts.check(
        contracts.prepared(norm, effort),
        _described(spec.name, {"on": on, **options}),
        {"x": on, "graph": "graph", **used},
        on,
        group or declared,
        effort,
        independent,
    )


def check_import(
    path: str, inputs: str | None, output: str | None, group: Mapping[str, bool], effort: Effort
) -> Verdict:
    """Check what ``module.path:name`` gives: a module, a function, or what builds one."""
    if not inputs or not output:
        raise ValueError(
            f"{path} needs --inputs and --output: say what its arguments and result are, for "
            "example --inputs pos=points,h=4x0e,edge_index=edge_index --output points"
        )
    fn = load(path)
    return contracts.check(fn, path, parse_types(inputs), parse_output(output), group, effort)


def load(path: str) -> Callable[..., Any]:
    """Import ``module.path:name`` and, where it is a builder, call it.

    Raises:
        ValueError: there is no such module or name, or it is no builder, function or module.
    """
    where, _, name = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(where)
    except ImportError as error:
        raise ValueError(
            f"cannot import {where!r} ({error}); run eqnorm where it can be imported from"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            choices = [n for n in vars(found) if not n.startswith("_")]
            raise ValueError(_table.unknown_name(f"name in {where}", part, choices))
        found = getattr(found, part)
    if _takes_nothing(found):
        found = found()
    if not callable(found):
        raise ValueError(f"{path} gives a {type(found).__name__}; a function or module is needed")
    made: Callable[..., Any] = found
    return made


def parse_types(text: str) -> dict[str, Any]:
    """Read ``pos=points,h=4x0e,mask=none``."""
    types: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, kind = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not kind:
            raise ValueError(
                f"cannot read {part.strip()!r}; write name=type pairs joined by commas, such as "
                "pos=points,h=4x0e,edge_index=edge_index (irreps are joined by +)"
            )
        types[name] = None if kind.lower() == "none" else kind
    return types


def parse_output(text: str) -> Any:
    """Read ``points``, ``points,4x0e`` (a tuple) or ``x=points,h=4x0e`` (by name)."""
    if "=" in text:
        return parse_types(text)
    kinds = [None if k.strip().lower() == "none" else k.strip() for k in text.split(",")]
    return kinds[0] if len(kinds) == 1 else tuple(kinds)


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Read ``layers=2``, ``coord_aggregation=sum``, ``faithful=True``."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"cannot read the option {pair!r}; write name=value")
        try:
            options[name.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[name.strip()] = {"true": True, "false": False}.get(value.lower(), value)
    return options


def _takes_nothing(found: Any) -> bool:
    import torch

    if isinstance(found, torch.nn.Module) or not callable(found):
        return False
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty or p.kind in open_ended for p in parameters)


def _described(name: str, options: Mapping[str, Any]) -> str:
    order = {slot: number for number, slot in enumerate(SLOTS)}
    shown = sorted(options.items(), key=lambda item: (order.get(item[0], 9), item[0]))
    return " ".join([name, *(f"{key}={value}" for key, value in shown)])
