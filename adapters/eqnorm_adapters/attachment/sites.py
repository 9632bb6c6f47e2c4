"""Which submodules of a model a pattern names."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Sequence

import torch
from torch import nn

from eqnorm_adapters.attachment.hooks import Site

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def find_sites(
    model: nn.Module, at: str | Sequence[str], last: bool, calls_only: bool = False
) -> dict[str, nn.Module]:
    """The submodules named by ``at``, in the order in which the model holds them.

    Args:
        model: the model.
        at: a name of ``model.named_modules()``, a pattern, or a list of both. In patterns ``*``
            stands for anything within a name between dots, ``**`` for any number of names. The
            model itself has the name ``""``.
        last: keep the last submodule that patterns match; one that is named is always kept.
        calls_only: whether they are to be watched only, and need not hold a norm.

    Raises:
        TypeError: ``at`` is neither a string nor a list of them.
        ValueError: nothing matches, or what matches cannot be given a hook.
    """
    wanted = [at] if isinstance(at, str) else list(at) if isinstance(at, Sequence) else []
    if not wanted or not all(isinstance(each, str) for each in wanted):
        raise TypeError(f"at must be a name, a pattern or a list of these, got {at!r}")
    if not calls_only:
        _check_model(model)
    names = dict(model.named_modules(remove_duplicate=False))
    ours = _attached(names)
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    matched: set[str] = set()
    for name, module in names.items():
        patterns = wanted if name not in ours else [name] if name in wanted else []
        hits = {pattern for pattern in patterns if _matches(name, pattern)}
        if hits and id(module) not in seen:
            seen.add(id(module))
            found[name] = module
        matched |= hits
    for pattern in wanted:
        if pattern not in matched:
            raise ValueError(_no_match(pattern, list(names)))
    ends = list(found)[-1:]
    if not last and ends and ends[0] not in wanted:
        del found[ends[0]]
    if not found:
        raise ValueError(
            f"at={at!r} matches {ends[0]!r} only, and the last match of a pattern is left "
            "out; pass last=True, or the name itself"
        )
    for name, module in found.items():
        _check_site(name, module, calls_only)
    return found


def _attached(names: dict[str, nn.Module]) -> set[str]:
    """Names of norms that were attached earlier, and of what is inside them."""
    tops = [
        f"{name}.{hook.capture.name}".lstrip(".")
        for name, module in names.items()
        for hook in module._forward_hooks.values()
        if isinstance(hook, Site)
    ]
    return {name for name in names for top in tops if f"{name}.".startswith(f"{top}.")}


def _matches(name: str, pattern: str) -> bool:
    """Whether a dotted name fits a pattern, name by name."""
    if name == pattern:
        return True
    if not name or not any(sign in pattern for sign in "*?["):
        return False
    return _fits(name.split("."), pattern.split("."))


def _fits(names: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_fits(names[skip:], patterns[1:]) for skip in range(len(names) + 1))
    return (
        bool(names)
        and fnmatch.fnmatchcase(names[0], patterns[0])
        and _fits(names[1:], patterns[1:])
    )


def _no_match(pattern: str, names: list[str]) -> str:
    plain = re.sub(r"[*?\[\]]", "", pattern)
    near = difflib.get_close_matches(plain, [name for name in names if name], n=3, cutoff=0.4)
    ends = [name for name in names if name.endswith(f".{plain}") and name not in near]
    hint = [*near, *ends[:2]]
    close = f"; did you mean {' or '.join(map(repr, hint))}?" if hint else "."
    shown = [repr(name) for name in names if name and name.count(".") < 3]
    if len(shown) > 30:
        shown = [*shown[:30], f"and {len(shown) - 30} more"]
    return f"at={pattern!r} matches no submodule{close} There are {', '.join(shown)}"


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    inner = "module" if isinstance(model, _WRAPPERS) else "_orig_mod"
    if isinstance(model, _WRAPPERS) or hasattr(model, "_orig_mod"):
        raise ValueError(
            f"model is a {type(model).__name__} around a "
            f"{type(getattr(model, inner)).__name__}: attach to the model before wrapping it "
            f"(model.{inner})"
        )


def _check_site(name: str, module: nn.Module, calls_only: bool) -> None:
    if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
        raise ValueError(
            f"at: {name!r} is a {type(module).__name__}, which is never called; "
            f"name its members, e.g. at={name + '.*'!r}"
        )
    if calls_only:
        return
    if type(module) is nn.Sequential and len(module):
        inside = ".".join([*([name] if name else []), str(len(module) - 1)])
        raise ValueError(
            f"at: {name!r} is a Sequential, whose children are its steps and so cannot "
            f"hold a norm; name its last step, {inside!r}, which has the same output"
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError(
            f"at: {name!r} is a ScriptModule, to which nothing can be added; name a "
            "module around it, or attach before scripting"
        )
