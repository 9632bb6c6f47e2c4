"""Copies of a model: fresh ones, so that checking changes nothing, and ones in another dtype."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Memo = dict[int, Any]
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type, torch.dtype, torch.device)


def copy_model(fn: Callable[..., Any], dtype: torch.dtype | None = None) -> Callable[..., Any]:
    """A deep copy of a function or module, with what it closes over, optionally in ``dtype``.

    Modules are copied with their plain tensor attributes; functions are rebuilt with copies of
    the modules, tensors, containers and functions that they close over or that their defaults
    and the global names they use refer to. What cannot be copied is shared.

    Args:
        fn: the model.
        dtype: to convert floating-point tensors to; None leaves them.
    """
    result: Callable[..., Any] = _copy(fn, dtype, {}, 0)
    return result


def _copy(value: Any, dtype: torch.dtype | None, memo: Memo, depth: int) -> Any:
    if isinstance(value, (_PLAIN, types.ModuleType)) or depth > 8:
        return value
    if id(value) in memo:
        return memo[id(value)][0]
    result = _copy_new(value, dtype, memo, depth + 1)
    memo[id(value)] = (result, value)  # keeps value alive, so that its id stays its own
    return result


def _copy_new(value: Any, dtype: torch.dtype | None, memo: Memo, depth: int) -> Any:
    if isinstance(value, nn.Module):
        return _copy_module(value, dtype, memo)
    if isinstance(value, Tensor):
        return _copy_tensor(value, dtype)
    if isinstance(value, types.FunctionType):
        return _copy_function(value, dtype, memo, depth)
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, _copy(value.__self__, dtype, memo, depth))
    if isinstance(value, functools.partial):
        args = [_copy(item, dtype, memo, depth) for item in value.args]
        named = {key: _copy(item, dtype, memo, depth) for key, item in value.keywords.items()}
        return functools.partial(_copy(value.func, dtype, memo, depth), *args, **named)
    if type(value) in (list, set):
        return type(value)(_copy(item, dtype, memo, depth) for item in value)
    if type(value) is tuple:
        return tuple(_copy(item, dtype, memo, depth) for item in value)
    if type(value) is dict:
        return {key: _copy(item, dtype, memo, depth) for key, item in value.items()}
    if callable(value) and hasattr(value, "__dict__") and not isinstance(value, type):
        return _copy_object(value, dtype, memo, depth)
    return value


def _copy_tensor(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    result = value.detach().clone()
    if dtype is not None and result.is_floating_point():
        result = result.to(dtype)
    return result.requires_grad_(value.requires_grad and result.is_floating_point())


def _copy_module(value: nn.Module, dtype: torch.dtype | None, memo: Memo) -> nn.Module:
    seen: dict[int, Any] = {}
    for module in value.modules():
        # A non-leaf tensor kept as an attribute (a cached result) cannot be deep-copied.
        for item in vars(module).values():
            if isinstance(item, Tensor) and item.grad_fn is not None:
                seen[id(item)] = item.detach().clone()
    result: nn.Module = copy.deepcopy(value, seen)
    if dtype is None:
        return result
    result = result.to(dtype)
    for module in result.modules():
        for name, item in list(vars(module).items()):
            own = name in ("_parameters", "_buffers", "_modules") or name.endswith("hooks")
            if not own and isinstance(item, (Tensor, list, tuple, dict)):
                vars(module)[name] = _copy(item, dtype, memo, 0)
    return result


def _copy_object(value: Any, dtype: torch.dtype | None, memo: Memo, depth: int) -> Any:
    try:
        result = copy.copy(value)
        for name, item in vars(value).items():
            vars(result)[name] = _copy(item, dtype, memo, depth)
    except Exception:  # whatever a foreign __copy__ or __setattr__ raises: then it is shared
        return value
    return result


def _copy_function(
    value: types.FunctionType, dtype: torch.dtype | None, memo: Memo, depth: int
) -> types.FunctionType:
    closure = None
    if value.__closure__ is not None:
        closure = tuple(types.CellType() for _ in value.__closure__)
    names = _global_names(value.__code__)
    space = dict(value.__globals__)
    result = types.FunctionType(value.__code__, space, value.__name__, value.__defaults__, closure)
    # Known before its parts are copied: functions may refer to themselves.
    memo[id(value)] = (result, value)
    for name in names & space.keys():
        item = space[name]
        local = isinstance(item, types.FunctionType) and item.__module__ == value.__module__
        if local or isinstance(item, (Tensor, nn.Module, list, dict)):
            space[name] = _copy(item, dtype, memo, depth)
    if value.__closure__ is not None and closure is not None:
        for old, new in zip(value.__closure__, closure, strict=True):
            try:
                new.cell_contents = _copy(old.cell_contents, dtype, memo, depth)
            except ValueError:  # an empty cell
                continue
    if value.__defaults__ is not None:
        result.__defaults__ = tuple(_copy(d, dtype, memo, depth) for d in value.__defaults__)
    if value.__kwdefaults__ is not None:
        result.__kwdefaults__ = {
            key: _copy(item, dtype, memo, depth) for key, item in value.__kwdefaults__.items()
        }
    result.__dict__.update(value.__dict__)
    result.__module__ = value.__module__
    return result


def _global_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names
