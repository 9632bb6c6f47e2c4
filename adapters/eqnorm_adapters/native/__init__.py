"""Kernels in C, compiled by the machine's own compiler the first time one is needed.

:func:`load` gives a library, or None where there is no compiler or the kernels are turned off:
every caller has a path in torch alone that gives the same numbers. Nothing is compiled, and no
process started, before the first call.

To turn the kernels off: :func:`use_native`, or ``EQNORM_NATIVE=0`` in the environment, or
``EQNORM_COMPILED=0`` for these and the kernels that numba compiles. Libraries are kept in
``$EQNORM_CACHE/native`` (by default ``~/.cache/eqnorm/native``); any of them may be deleted.
"""

from eqnorm_adapters.native._library import (
    load,
    loaded,
    native_available,
    usable,
    use_native,
)

__all__ = ["load", "loaded", "native_available", "usable", "use_native"]
