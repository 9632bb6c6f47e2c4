"""Where compiled libraries are kept: one directory per user, a file per source and machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

_HASH = "[0-9a-f]" * 16  # of what is in a file, in its name


def directory() -> Path | None:
    """``$EQNORM_CACHE/native``, else ``$XDG_CACHE_HOME/eqnorm/native``, else in ``~/.cache``.

    None for a user without a home, as in containers that run under an arbitrary number.
    """
    try:
        if chosen := os.environ.get("EQNORM_CACHE"):
            return Path(chosen).expanduser() / "native"
        base = os.environ.get("XDG_CACHE_HOME")
        return (Path(base) if base else Path.home() / ".cache") / "eqnorm" / "native"
    except RuntimeError:
        return None


def key(identity: str, files: Iterable[Path]) -> str:
    """A hash of the compiler and of names and contents of all files."""
    digest = hashlib.sha256(identity.encode())
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"\n{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:24]


def usable(folder: Path) -> bool:
    """Whether files can be put there, and nobody else can: what it holds is run."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return False
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def find(folder: Path, stem: str) -> Path | None:
    """A library of that name that is as it was written; what is not is taken away.

    Loading half of a file can end the process (SIGBUS), so none is loaded to find out.
    """
    for file in sorted(folder.glob(f"{stem}-{_HASH}.so")):
        if file.stem == f"{stem}-{_digest(file)}":
            return file
        file.unlink(missing_ok=True)
    return None


def install(folder: Path, stem: str, make: Callable[[Path], None]) -> Path:
    """Let ``make`` write a file under another name, then put it in place whole.

    A hash of its content is part of the name: nothing else tells a damaged file from a good one,
    and of a second file beside it a process may see another's. Processes that do so at the same
    time each make their own; any of them is good.
    """
    handle, name = tempfile.mkstemp(suffix=".so", prefix=".tmp-", dir=folder)
    os.close(handle)
    draft = Path(name)
    try:
        make(draft)
        # Else a power cut may leave the name with half of the content.
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        return draft.replace(folder / f"{stem}-{_digest(draft)}.so")
    finally:
        draft.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:  # taken away by another process
        return ""
