"""The file format: whole or refused, there or not, never half."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eqnorm import nbody
from eqnorm.nbody.fileformat import FORMAT_VERSION
from eqnorm.nbody.writer import TrajectoryWriter


@pytest.fixture
def path(tmp_path: Path, short: nbody.Trajectories) -> Path:
    file = tmp_path / "file.eqnbody"
    nbody.save_trajectories(file, short)
    return file


def flip(path: Path, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_round_trip(path: Path, short: nbody.Trajectories) -> None:
    found = nbody.load_trajectories(path)
    for name in ("loc", "vel", "charges", "frames"):
        assert np.array_equal(getattr(found, name), getattr(short, name))
    assert found.config == short.config
    assert isinstance(found.loc, np.memmap)


def test_round_trip_without_parameters(tmp_path: Path, short: nbody.Trajectories) -> None:
    bare = nbody.Trajectories.from_official(*short.to_official()[:2], short.charges)
    nbody.save_trajectories(tmp_path / "bare", bare)
    found = nbody.load_trajectories(tmp_path / "bare")
    assert found.config is None
    assert np.array_equal(found.loc, short.loc)


def test_every_part_of_the_file_is_under_a_checksum(path: Path) -> None:
    """A flipped bit anywhere but in the padding between arrays is noticed."""
    whole = path.read_bytes()
    size = len(whole)
    rng = np.random.default_rng(0)
    header_end = 48 + struct.unpack("<I", whole[12:16])[0]
    arrays = nbody.load_trajectories(path)
    first = size - arrays.loc.nbytes - arrays.vel.nbytes - 63
    bytes_to_flip = [0, 5, 8, 9, 12, 16, 40, 48, 60, header_end - 1, size - 1]
    bytes_to_flip += list(rng.integers(first + 64, size, 25))
    for byte in bytes_to_flip:
        path.write_bytes(whole)
        flip(path, int(byte))
        with pytest.raises(nbody.DamagedFileError, match=r"file\.eqnbody"):
            nbody.load_trajectories(path)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "is not an eqnorm N-body file"),
        (5, "is not an eqnorm N-body file"),
        (20, "is truncated: its header is 20 bytes"),
        (100, "damaged header"),
        (1500, "is truncated: "),
        (-1, "is truncated: vel ends at byte"),
    ],
)
def test_a_truncated_file_is_refused(path: Path, length: int, words: str) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(nbody.DamagedFileError, match=words):
        nbody.load_trajectories(path)


def test_another_version_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", FORMAT_VERSION + 1)
    path.write_bytes(data)
    with pytest.raises(nbody.FormatVersionError, match="version 2, this library reads 1"):
        nbody.load_trajectories(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(nbody.DamagedFileError, match="not an eqnorm N-body file: it begins"):
        nbody.load_trajectories(tmp_path / "x.npy")


def write(path: Path, like: nbody.Trajectories, count: int, chunks: int, end: Any = None) -> None:
    with TrajectoryWriter(path, like.config, count) as writer:
        for _ in range(chunks):
            writer.append(like)
        assert list(path.parent.glob(f".{path.name}.*.tmp"))
        if end is not None:
            raise end


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, short: nbody.Trajectories) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "file", short, 24, 1, KeyboardInterrupt)
    assert not list(tmp_path.glob("*file*"))


def test_an_interrupted_writer_keeps_the_old_file(path: Path, short: nbody.Trajectories) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write(path, short, 24, 1, KeyboardInterrupt)
    assert path.read_bytes() == before


def test_missing_or_surplus_trajectories(tmp_path: Path, short: nbody.Trajectories) -> None:
    with pytest.raises(ValueError, match="24 trajectories must be appended, got 12"):
        write(tmp_path / "file", short, 24, 1)
    with pytest.raises(ValueError, match=r"charges must fit \(13, 4\) after 12 written"):
        write(tmp_path / "file", short, 13, 2)
    assert not list(tmp_path.glob("*file*"))


def disk_full(*args: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync", "replace"])
def test_a_full_disk_is_one_clear_error(
    call: str, tmp_path: Path, short: nbody.Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(os, call):
        pytest.skip(f"no os.{call} here")
    monkeypatch.setattr(os, call, disk_full)
    with pytest.raises(OSError, match="needs 0.0 MiB, .* MiB are free.*nothing was left.*EQNORM_C"):
        nbody.save_trajectories(tmp_path / "file", short)
    assert not list(tmp_path.glob("*file*"))


def test_a_directory_that_cannot_be_written_is_one_clear_error(
    tmp_path: Path, short: nbody.Trajectories
) -> None:
    (tmp_path / "occupied").write_text("a file, not a directory")
    with pytest.raises(OSError, match="cannot write the N-body file .*cache_dir=.*EQNORM_CACHE"):
        nbody.save_trajectories(tmp_path / "occupied" / "file", short)


def test_leftovers_of_killed_processes_go_after_a_day(
    tmp_path: Path, short: nbody.Trajectories
) -> None:
    old, new, other = (tmp_path / f".{name}.tmp" for name in ("file.0", "file.1", "another.0"))
    for leftover in (old, new, other):
        leftover.write_text("half")
        if leftover is not new:
            os.utime(leftover, (0, 0))
    nbody.save_trajectories(tmp_path / "file", short)
    assert sorted(tmp_path.iterdir()) == sorted([new, other, tmp_path / "file"])
