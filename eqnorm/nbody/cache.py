"""Simulations kept as files, one for each set of parameters."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

from . import checks
from .config import Config, make_config
from .fileformat import FORMAT_VERSION, DamagedFileError
from .progress import Progress
from .reader import load_trajectories
from .simulation import generate
from .trajectories import Trajectories
from .writer import TrajectoryWriter


class RebuiltFileWarning(UserWarning):
    """A cached file was damaged, or of another version, and was made anew."""


def cache_directory(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The argument if given, else $EQNORM_CACHE, else $XDG_CACHE_HOME/eqnorm, ~/.cache/eqnorm."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if chosen := os.environ.get("EQNORM_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "eqnorm"


def cache_path(config: Config, num_trajectories: int, directory: Path) -> Path:
    """The file of a simulation: its name says what it is, and ends in a hash of everything."""
    record = {"count": num_trajectories, "version": FORMAT_VERSION, **config.as_dict()}
    key = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
    name = f"charged-n{config.num_particles}-m{num_trajectories}-seed{config.seed}-{key}.eqnbody"
    return directory / name


def load_or_simulate(
    num_trajectories: int,
    num_particles: int,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    rebuild: bool = False,
    threads: int | None = None,
    progress: Progress = False,
    **parameters: Any,
) -> Trajectories:
    """Like `simulate`, but kept in a file and read from it the next time.

    The file is checked each time it is opened. If it is damaged, truncated or of another version
    it is not read but made anew, with a `RebuiltFileWarning`. Two processes may make the same file
    at the same time: each writes its own and puts it in place whole.

    Args:
        num_trajectories: M.
        num_particles: N.
        cache_dir: Directory of the files; see `cache_directory` for the default.
        rebuild: Whether to simulate even if there is a file.
        threads: As in `simulate`.
        progress: As in `simulate`.
        **parameters: Fields of `Config`.

    Raises:
        OSError: If the file cannot be written; nothing is left behind.
    """
    count = checks.integer("num_trajectories", num_trajectories, minimum=1)
    config = make_config(num_particles, parameters)
    path = cache_path(config, count, cache_directory(cache_dir))
    if not rebuild and path.exists():
        try:
            found = load_trajectories(path)
            if found.config != config or len(found) != count:
                raise DamagedFileError(f"{path} holds another simulation: {found.config}")
            return found
        except DamagedFileError as error:
            warnings.warn(f"{error}; simulating it again", RebuiltFileWarning, stacklevel=2)
    with TrajectoryWriter(path, config, count) as writer:
        for chunk in generate(config, count, threads=threads, progress=progress):
            writer.append(chunk)
    return load_trajectories(path, verify=False)
