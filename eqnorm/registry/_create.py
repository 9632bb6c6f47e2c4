"""Norms and backbones built by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from eqnorm import specs
from eqnorm.registry import _tables
from eqnorm.registry._lookup import model_spec, norm_spec
from eqnorm.types import TypeLike, parse_type

NormLike = str | tuple[str, Mapping[str, Any]] | Mapping[str, Any] | type[nn.Module] | nn.Module


def create_norm(norm: NormLike | None, /, on: TypeLike, **options: Any) -> nn.Module:
    """Build a norm.

    Args:
        norm: a name (case, ``-``, ``_`` and spaces ignored), a ``(name, options)`` pair, a
            mapping with the key ``"name"`` and options, a class (called with the irreps first,
            unless it is for points or registered for certain irreps), an instance (returned as
            it is), or None for the identity.
        on: what it acts on: ``"points"`` or irreps such as ``"32x0e+16x1o"``.
        **options: passed to the class; ``norm_spec(name, on).options`` lists them.

    Returns:
        A module with ``forward(x, graph=None, x0=None, v=None, h=None)``.

    Raises:
        ValueError: the name is unknown, or serves other types than ``on``.
        TypeError: an unknown option, or ``norm`` of another kind.

    Example:
        >>> import torch, eqnorm
        >>> norm = eqnorm.create_norm("geonorm", on="points")
        >>> x = torch.randn(5, 3)
        >>> norm(x, x0=x).shape
        torch.Size([5, 3])
    """
    kind = parse_type(on)
    if norm is None:
        norm = "identity"
    if isinstance(norm, nn.Module):
        if options:
            raise TypeError(
                f"options {', '.join(sorted(options))} were given with a ready-made norm; "
                "set them when building it"
            )
        return norm
    if isinstance(norm, type) and issubclass(norm, nn.Module):
        particular = any(
            spec.factory is norm and spec.on != "irreps" for spec in _tables.norms.all()
        )
        args = () if kind.is_points or particular else (kind.name,)
        return specs.build(norm, norm.__name__, *args, **options)
    name, own = name_and_options(norm)
    spec = norm_spec(name, kind)
    args = () if spec.on != "irreps" else (kind.name,)
    return specs.build(spec.factory, f"norm {spec.name!r}", *args, **{**options, **own})


def create_model(model: str, /, **options: Any) -> nn.Module:
    """Build a backbone by name, with norms chosen by name in its slots.

    Args:
        model: a name from :func:`list_models`.
        **options: for every backbone the slots ``norm``, ``update_norm``, ``edge_norm``,
            ``feature_norm``, ``message_norm``, and ``norm_last``, ``hidden``, ``layers``,
            ``node_dim``, ``edge_dim``; ``model_spec(name).options`` lists them all.

    Raises:
        ValueError: the name is unknown.
        TypeError: an unknown option.
    """
    spec = model_spec(model)
    return specs.build(spec.factory, f"model {spec.name!r}", **options)


def name_and_options(norm: Any) -> tuple[str, dict[str, Any]]:
    """Split a norm given by name into the name and its options."""
    if isinstance(norm, str):
        return norm, {}
    if isinstance(norm, Mapping):
        if "name" not in norm:
            raise TypeError(f"a norm given as a mapping needs the key 'name', got {dict(norm)}")
        return str(norm["name"]), {key: value for key, value in norm.items() if key != "name"}
    if isinstance(norm, tuple) and len(norm) == 2 and isinstance(norm[1], Mapping):
        return str(norm[0]), dict(norm[1])
    raise TypeError(
        "a norm must be a name, a (name, options) pair, a mapping with 'name', a class, an "
        f"instance or None, got {type(norm).__name__}"
    )
