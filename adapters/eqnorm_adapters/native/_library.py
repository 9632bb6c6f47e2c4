"""Compile a kernel if need be, load it, and say once where that does not work."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import tempfile
from pathlib import Path

import torch

from eqnorm_adapters.native import _cache
from eqnorm_adapters.native._compiler import Compiler, CompilerError, find_compiler

_HERE = Path(__file__).parent
_SHARED = _HERE / "include"
_log = logging.getLogger("eqnorm_adapters.native")


def _from_environment() -> bool:
    value = os.environ.get("EQNORM_NATIVE") or os.environ.get("EQNORM_COMPILED") or "1"
    return value.strip().lower() not in ("0", "false", "off", "no")


_wanted = _from_environment()


def use_native(enabled: bool) -> None:
    """Turn the kernels written in C on or off, for this process.

    On unless the environment says ``EQNORM_NATIVE=0`` or ``EQNORM_COMPILED=0``.

    Raises:
        TypeError: ``enabled`` is not a bool, such as ``"off"``, which Python takes for true.
    """
    global _wanted
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be True or False, got {enabled!r}")
    _wanted = enabled


def usable(name: str) -> bool:
    """Whether a kernel is turned on and can be had; torch.compile guards on the first."""
    return _wanted and bool(_found(name))


# Asked for while torch.compile traces, it runs then and there: a compiler is not to be traced.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _found(name: str) -> bool:
    return _load(name) is not None


def native_available(name: str = "egnn") -> bool:
    """Whether a kernel is turned on and could be compiled, which the first call does.

    Raises:
        ValueError: there is no kernel of that name.
    """
    known = sorted(source.parent.name for source in _HERE.glob("*/*.c"))
    if name not in known and known:  # without any, the installation is incomplete: load says so
        raise ValueError(f"name must be one of {', '.join(sorted(set(known)))}, got {name!r}")
    return load(name) is not None


def load(name: str) -> ctypes.CDLL | None:
    """The library made of all C files in the folder ``name``; None where it cannot be had.

    The first call of a process may compile it (seconds); what it finds out holds for all others.
    """
    return _load(name) if _wanted else None


def loaded(name: str) -> ctypes.CDLL:
    """The library of a kernel that has been used, for its gradient: also if turned off since.

    Raises:
        RuntimeError: it cannot be had, which whoever used it has seen.
    """
    library = _load(name)
    if library is None:
        raise RuntimeError(f"the compiled kernel {name!r} cannot be had in this process")
    return library


@functools.cache
def _load(name: str) -> ctypes.CDLL | None:
    try:
        return _open(_HERE / name)
    except (CompilerError, OSError) as error:
        _log.warning(
            "no compiled kernel '%s', the slower path in torch is used: %s "
            "(EQNORM_NATIVE=0 turns this message off)",
            name,
            error,
        )
        return None


def _open(folder: Path) -> ctypes.CDLL:
    sources = sorted(folder.glob("*.c"))
    if not sources:
        raise CompilerError(f"{folder} holds no C files: the installation is incomplete")
    compiler = find_compiler()
    files = [*sources, *folder.glob("*.h"), *_SHARED.glob("*.h")]
    stem = f"{folder.name}-{_cache.key(compiler.identity(), files)}"
    kept = _cache.directory()
    if kept is not None and _cache.usable(kept):
        try:
            found = _cache.find(kept, stem) or _build(compiler, sources, kept, stem)
            return ctypes.CDLL(str(found))
        except OSError:  # from a machine with other system libraries
            return ctypes.CDLL(str(_build(compiler, sources, kept, stem)))
    # Without a place to keep it: compiled again in every process. A loaded library outlives its
    # file.
    with tempfile.TemporaryDirectory(prefix="eqnorm-", ignore_cleanup_errors=True) as scratch:
        return ctypes.CDLL(str(_build(compiler, sources, Path(scratch), stem)))


def _build(compiler: Compiler, sources: list[Path], folder: Path, stem: str) -> Path:
    include = (sources[0].parent, _SHARED)
    return _cache.install(folder, stem, lambda draft: compiler.build(sources, include, draft))
