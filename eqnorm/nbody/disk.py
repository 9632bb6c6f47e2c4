"""What an atomic and durable write asks of the file system."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO

_ABANDONED_SECONDS = 24 * 3600


def temporary(path: Path) -> Path:
    """A name of nobody else's in the same directory, to write under until the file is whole."""
    return path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"


def remove_abandoned(path: Path) -> None:
    """Removes what killed processes left of this file: not written to for a day."""
    for file in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _ABANDONED_SECONDS:
                file.unlink()


def reserve(file: BinaryIO, size: int) -> None:
    """Claims the space, so that a full disk is noticed before hours of simulation."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise  # other errors: the file system cannot reserve, and writing will tell


def sync_directory(directory: Path) -> None:
    """Makes a rename durable, where directories can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
