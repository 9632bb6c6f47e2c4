"""One list of options for several functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


def takes_options_of(
    source: Callable[..., Any],
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a function with ``**options`` the parameters of another, which it hands them on to.

    `help` and editors then show them, and a misspelt one is reported in the
    name of the function that was called.

    Args:
        source: the function whose options they are.

    Example:
        >>> def source(fn, *, rtol=None): ...
        >>> @takes_options_of(source)
        ... def check(fn, *, names=None, **options): ...
        >>> inspect.signature(check)
        <Signature (fn, *, names=None, rtol=None)>
        >>> check(print, tol=1)
        Traceback (most recent call last):
        TypeError: check() got an unexpected keyword argument 'tol'
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        known = {p.name for p in named}
        theirs = [p for p in inspect.signature(source).parameters.values() if p.name not in known]
        signature = own.replace(parameters=named + theirs)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            return function(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate
