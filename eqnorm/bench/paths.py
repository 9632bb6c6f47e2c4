"""The compiled paths turned on and off, so that both can be timed in one process."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator

import eqnorm
from eqnorm.bench.timing import Run
from eqnorm.functional.irreps import compiled_available, use_compiled


@functools.cache
def _switches() -> tuple[tuple[Callable[[bool], None], bool], ...]:
    """Of the norms, and of each package with backbones and a module `native`; and as found."""
    found: list[tuple[Callable[[bool], None], bool]] = [(use_compiled, compiled_available())]
    factories = (eqnorm.model_spec(name).factory for name in eqnorm.list_models())
    for package in sorted({factory.__module__.partition(".")[0] for factory in factories}):
        try:
            native = importlib.import_module(f"{package}.native")
        except ImportError:  # a package without kernels
            continue
        found.append((native.use_native, bool(native.native_available())))
    return tuple(found)


def compiled_paths(enabled: bool) -> None:
    """Turn them off, or back to what they were: on, unless the user does not want them."""
    for switch, was_on in _switches():
        switch(enabled and was_on)


def on_path(run: Run, compiled: bool) -> Run:
    """``run`` with the compiled paths as they were, or off: in torch alone."""

    def switched() -> None:
        compiled_paths(compiled)
        run()

    return switched


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Leaves the compiled paths as they were."""
    compiled_paths(True)
    try:
        yield
    finally:
        compiled_paths(True)
