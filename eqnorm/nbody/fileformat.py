r"""The layout of a trajectory file.

    8 bytes   magic, b"EQNBODY\n"
    4 bytes   format version, little-endian
    4 bytes   length of the header, little-endian
    32 bytes  SHA-256 of the header
    header    JSON: "parameters" and, for each of "arrays", dtype, shape, offset and SHA-256
    arrays    little-endian, C order, each at a multiple of 64 bytes

A file is written under a temporary name in the same directory, flushed to the disk, and renamed:
under its own name there is a whole file or none. Readers check every checksum by default.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any, BinaryIO

FORMAT_VERSION = 1
ARRAYS = ("charges", "frames", "loc", "vel")

_MAGIC = b"EQNBODY\n"
_FIXED = struct.Struct("<8sII32s")


class DamagedFileError(ValueError):
    """A file that is not whole, or not of this format: its content cannot be trusted."""


class FormatVersionError(DamagedFileError):
    """A file of another version of the format."""


def pack_header(record: dict[str, Any]) -> bytes:
    """The bytes before the arrays."""
    text = json.dumps(record, sort_keys=True).encode()
    digest = hashlib.sha256(text).digest()
    return _FIXED.pack(_MAGIC, FORMAT_VERSION, len(text), digest) + text


def read_header(file: BinaryIO, path: object) -> dict[str, Any]:
    """Reads and checks the header.

    Raises:
        DamagedFileError: If it is not a header, or not whole.
        FormatVersionError: If it is of another version.
    """
    fixed = file.read(_FIXED.size)
    if not fixed.startswith(_MAGIC):
        raise DamagedFileError(f"{path} is not an eqnorm N-body file: it begins {fixed[:8]!r}")
    if len(fixed) < _FIXED.size:
        raise DamagedFileError(f"{path} is truncated: its header is {len(fixed)} bytes long")
    _, version, length, digest = _FIXED.unpack(fixed)
    if version != FORMAT_VERSION:
        raise FormatVersionError(
            f"{path} has format version {version}, this library reads {FORMAT_VERSION}"
        )
    text = file.read(min(length, 1 << 24))
    if len(text) != length or hashlib.sha256(text).digest() != digest:
        raise DamagedFileError(f"{path} has a damaged header: its checksum does not match")
    record: dict[str, Any] = json.loads(text)
    return record
