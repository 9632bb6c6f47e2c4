"""Writing trajectories to a file, chunk by chunk and atomically."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from . import disk, fileformat
from .config import Config
from .trajectories import Trajectories


class TrajectoryWriter:
    """Writes a known number of trajectories, in chunks, and puts the file in place at the end.

    A context manager: on an error, or if chunks are missing, nothing is left behind.

    Args:
        path: The file; its directory is made.
        config: The simulation.
        num_trajectories: M.
    """

    def __init__(
        self, path: str | os.PathLike[str], config: Config | None, num_trajectories: int,
        shape: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        if config is not None:
            shape = (len(config.kept), config.num_particles)
        elif shape is None:
            raise ValueError("shape must be (T, N) where config is None, got None; pass it")
        self._config, self._count = config, num_trajectories
        t, n = shape
        shapes = {"charges": (n,), "frames": (), "loc": (t, n, 3), "vel": (t, n, 3)}
        lengths = {name: t if name == "frames" else num_trajectories for name in fileformat.ARRAYS}
        self._arrays: dict[str, dict[str, Any]] = {
            name: {
                "dtype": "<i8" if name == "frames" else "<f8",
                "shape": [lengths[name], *shapes[name]],
                "offset": 0,
                "sha256": "0" * 64,
            }
            for name in fileformat.ARRAYS
        }
        self._hashes = {name: hashlib.sha256() for name in fileformat.ARRAYS}
        self._written = dict.fromkeys(fileformat.ARRAYS, 0)
        end = len(self._header()) + 256  # offsets have digits that are not there yet
        for array in self._arrays.values():
            array["offset"] = end = -(-end // 64) * 64
            end += 8 * int(np.prod(array["shape"]))
        self._size = end

    def _header(self) -> bytes:
        parameters = None if self._config is None else self._config.as_dict()
        return fileformat.pack_header({"parameters": parameters, "arrays": self._arrays})

    def __enter__(self) -> TrajectoryWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            disk.remove_abandoned(self.path)
            self._temporary = disk.temporary(self.path)
            self._file: BinaryIO = open(self._temporary, "xb")
        except OSError as error:
            raise self._explained(error) from error
        try:
            disk.reserve(self._file, self._size)
        except OSError as error:
            self._discard()
            raise self._explained(error) from error
        return self

    def append(self, chunk: Trajectories) -> None:
        """Writes the next trajectories."""
        for name in ("charges", "loc", "vel"):
            self._write(name, getattr(chunk, name), len(chunk))
        if not self._written["frames"]:
            self._write("frames", chunk.frames, len(chunk.frames))

    def _write(self, name: str, values: Any, count: int) -> None:
        array = self._arrays[name]
        data: Any = np.ascontiguousarray(values, dtype=array["dtype"])
        before = self._written[name]
        if [count, *array["shape"][1:]] != list(data.shape) or before + count > array["shape"][0]:
            raise ValueError(
                f"{name} must fit {tuple(array['shape'])} after {before} written, got a chunk of "
                f"{data.shape}; create the writer for as many trajectories as are appended"
            )
        each = 8 * int(np.prod(array["shape"][1:]))
        try:
            self._file.seek(array["offset"] + each * before)
            self._file.write(memoryview(data).cast("B"))
        except OSError as error:
            raise self._explained(error) from error
        self._hashes[name].update(memoryview(data).cast("B"))
        self._written[name] += count

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            if self._written["loc"] != self._count:
                raise ValueError(
                    f"{self._count} trajectories must be appended, got {self._written['loc']}; "
                    f"{self.path} was not written"
                )
            for name, array in self._arrays.items():
                array["sha256"] = self._hashes[name].hexdigest()
            self._file.seek(0)
            self._file.write(self._header())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self.path)
            disk.sync_directory(self.path.parent)
        except OSError as failure:
            self._discard()
            raise self._explained(failure) from failure
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)

    def _explained(self, error: OSError) -> OSError:
        need = f"it needs {self._size / 2**20:.1f} MiB"
        if error.errno == errno.ENOSPC:
            with contextlib.suppress(OSError):
                need += f", {shutil.disk_usage(self.path.parent).free / 2**20:.1f} MiB are free"
        return type(error)(
            error.errno,
            f"cannot write the N-body file ({error.strerror}; {need}); nothing was left behind. "
            "Choose another place with cache_dir=... or the environment variable EQNORM_CACHE",
            str(self.path),
        )


def save_trajectories(path: str | os.PathLike[str], trajectories: Trajectories) -> None:
    """Writes trajectories to a file, atomically, with checksums.

    Args:
        path: The file.
        trajectories: What to write.

    Raises:
        OSError: If it cannot be written; nothing is left behind.
    """
    t, n = trajectories.loc.shape[1:3]
    with TrajectoryWriter(path, trajectories.config, len(trajectories), (t, n)) as writer:
        writer.append(trajectories)
