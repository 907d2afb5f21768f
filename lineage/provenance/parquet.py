"""An id in a Parquet file: one more entry of key-value metadata, in a footer of its own behind the first.

What a writer wrote stays as it is, byte for byte, at the beginning; behind it stands its footer again with
the entry in it. Readers begin at the end, and the footer tells where the row groups are. So no row is read
or moved, and the content is all that stands before the second footer.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from lineage.provenance.embedded import KEY
from lineage.provenance.thrift import BINARY, LIST, STRUCT, Field, as_varint, elements, fields, varint

MAGIC = b"PAR1"
_TAIL = struct.Struct("<I4s")
_METADATA, _ENCRYPTION = 5, 8  # fields of FileMetaData in parquet.thrift


def holds(head: bytes) -> bool:
    """Whether a file that begins so is one of Parquet."""
    return head.startswith(MAGIC)


def candidate(file: BinaryIO, size: int) -> tuple[str, int, int] | None:
    """Return the text of the last entry when it is under our key, and where its footer begins and ends."""
    footer = _footer(file, size)
    key = KEY.encode()
    if footer is None or key not in footer:
        return None
    try:
        last = _last_entry(footer)
    except (ValueError, IndexError):
        return None
    return (last[1], size - _TAIL.size - len(footer), size) if last and last[0] == KEY else None


def place(_file: BinaryIO, size: int) -> int:
    """Return where an id is put: at the end."""
    return size


def built(file: BinaryIO, size: int, text: str) -> bytes | None:
    """Return the second footer of a content of `size` bytes; None where there can be none."""
    footer = _footer(file, size)
    if footer is None:
        return None
    try:
        made = _with_entry(footer, KEY.encode(), text.encode())
    except (ValueError, IndexError):
        return None
    return made and made + _TAIL.pack(len(made), MAGIC)


def _footer(file: BinaryIO, size: int) -> bytes | None:
    if size < len(MAGIC) + _TAIL.size:
        return None
    file.seek(size - _TAIL.size)
    length, magic = _TAIL.unpack(file.read(_TAIL.size))
    if magic != MAGIC or length > size - _TAIL.size - len(MAGIC):
        return None
    file.seek(size - _TAIL.size - length)
    footer = file.read(length)
    return footer if len(footer) == length else None


def _last_entry(footer: bytes) -> tuple[str, str] | None:
    entries = next((field for field in fields(footer, 0) if field.id == _METADATA), None)
    if entries is None:
        return None
    count, _, at = elements(footer, entries.start)
    said: dict[int, str] = {}
    for _ in range(count):
        said = {}
        for field in fields(footer, at):
            if field.type == BINARY:
                length, start = varint(footer, field.start)
                said[field.id] = footer[start : start + length].decode("utf-8", "replace")
            at = field.end
    return said.get(1, ""), said.get(2, "")


def _with_entry(footer: bytes, key: bytes, value: bytes) -> bytes | None:
    """Return the footer with one entry more; None for one that is signed."""
    entry = b"".join(b"\x18" + as_varint(len(text)) + text for text in (key, value)) + b"\0"
    known = list(fields(footer, 0))
    if known[-1].end != len(footer) or any(field.id >= _ENCRYPTION for field in known):
        return None
    for field in known:
        if field.id == _METADATA:
            count, kind, start = elements(footer, field.start)
            if (field.type, kind) != (LIST, STRUCT):
                return None
            head = footer[: field.start] + _list_header(count + 1)
            return head + footer[start : field.end] + entry + footer[field.end :]
    return _with_metadata(footer, known, _list_header(1) + entry)


def _with_metadata(footer: bytes, known: list[Field], entries: bytes) -> bytes:
    """Put the field where there was none: before the first with a higher id, whose header counts from it."""
    before = [field for field in known[:-1] if field.id < _METADATA]
    after = known[len(before)]
    last = before[-1].id if before else 0
    head = footer[: after.header] + bytes([(_METADATA - last) << 4 | LIST]) + entries
    if after.type == 0:
        return head + footer[after.header :]
    return head + bytes([(after.id - _METADATA) << 4 | after.type]) + footer[after.start :]


def _list_header(count: int) -> bytes:
    return bytes([count << 4 | STRUCT]) if count < 15 else bytes([0xF0 | STRUCT]) + as_varint(count)
