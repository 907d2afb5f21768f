"""An id in a PNG file: a tEXt chunk, the last before the end. The content is all but that chunk."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from lineage.provenance.embedded import KEY

MAGIC = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_AROUND = _HEAD.size + 4  # length, type and checksum
_WORD = KEY.encode() + b"\0"


def holds(head: bytes) -> bool:
    """Whether a file that begins so is a PNG."""
    return head.startswith(MAGIC)


def candidate(file: BinaryIO, size: int) -> tuple[str, int, int] | None:
    """Return the text of the chunk before the end when it is under our keyword, and where it stands."""
    last = _before_end(file, size)
    if last is None or last[2] != b"tEXt":
        return None
    start, end, _ = last
    file.seek(start + _HEAD.size)
    data = file.read(end - start - _AROUND)
    if not data.startswith(_WORD):
        return None
    return data[len(_WORD) :].decode("latin-1"), start, end


def place(file: BinaryIO, size: int) -> int | None:
    """Return where an id is put: before the chunk that ends the image; None where no chunk does."""
    last = _before_end(file, size)
    return last and last[1]


def built(_file: BinaryIO, _size: int, text: str) -> bytes:
    """Return the chunk."""
    data = _WORD + text.encode("ascii")
    return _HEAD.pack(len(data), b"tEXt") + data + struct.pack(">I", zlib.crc32(b"tEXt" + data))


def _before_end(file: BinaryIO, size: int) -> tuple[int, int, bytes] | None:
    """Return where the chunk before IEND begins and ends, and its type; None for what has no IEND."""
    at, last = len(MAGIC), None
    while at + _AROUND <= size:
        file.seek(at)
        length, kind = _HEAD.unpack(file.read(_HEAD.size))
        if kind == b"IEND":
            return last
        last = (at, at + _AROUND + length, kind)
        at += _AROUND + length
    return None
