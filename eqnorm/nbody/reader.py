"""Reading trajectories from a file, after checking that it is whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import fileformat
from .config import Config
from .fileformat import DamagedFileError
from .trajectories import Trajectories

_PIECE = 1 << 22


def load_trajectories(path: str | os.PathLike[str], *, verify: bool = True) -> Trajectories:
    """Opens a file written by `simulate(out=...)` or `save_trajectories`.

    Args:
        path: The file.
        verify: Whether to read all of it once to compare checksums (about 1 GB/s).

    Returns:
        Trajectories whose loc, vel and charges are read from the file on demand.

    Raises:
        DamagedFileError: If the file is not whole or not of this format.
        FileNotFoundError: If there is none.
    """
    path = Path(path)
    with open(path, "rb") as file:
        record = fileformat.read_header(file, path)
        size = os.fstat(file.fileno()).st_size
        arrays = {name: _open(file, path, name, record, size, verify) for name in fileformat.ARRAYS}
    parameters = record["parameters"]
    if parameters is not None:
        frames = parameters.pop("frames")
        parameters = Config(frames=None if frames is None else tuple(frames), **parameters)
    return Trajectories(
        arrays["loc"],
        arrays["vel"],
        arrays["charges"],
        np.array(arrays["frames"]),
        parameters,
    )


def _open(
    file: BinaryIO, path: Path, name: str, record: dict[str, Any], size: int, verify: bool
) -> Any:
    array = record["arrays"][name]
    shape, offset = tuple(array["shape"]), array["offset"]
    length = 8 * int(np.prod(shape))
    if offset + length > size:
        raise DamagedFileError(
            f"{path} is truncated: {name} ends at byte {offset + length} of {size}"
        )
    if verify:
        file.seek(offset)
        digest, left = hashlib.sha256(), length
        while left:
            piece = file.read(min(left, _PIECE))
            digest.update(piece)
            left -= len(piece)
            if not piece:
                break
        if digest.hexdigest() != array["sha256"]:
            raise DamagedFileError(f"{path} is damaged: the checksum of {name} does not match")
    return np.memmap(file, dtype=array["dtype"], mode="r", offset=offset, shape=shape)
