"""An id in a file of Arrow or Feather: one more entry of the footer's metadata, in a second footer behind
the first.

As in a Parquet file, what a writer wrote stays as it is at the beginning. The second footer is a table in
front of the bytes of the first, into which it points for the schema and the blocks.
https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

from lineage.provenance.embedded import KEY

MAGIC = b"ARROW1"
_TAIL = struct.Struct("<i6s")
_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")
_VERSION, _CUSTOM, _OFFSETS = 0, 4, (1, 2, 3)  # fields of Footer: schema, dictionaries and batches between


def holds(head: bytes) -> bool:
    """Whether a file that begins so is one of Arrow's file format, which Feather is too."""
    return head.startswith(MAGIC + b"\0\0")


def candidate(file: BinaryIO, size: int) -> tuple[str, int, int] | None:
    """Return the text under our key in the footer, where the first footer's file ends, and the file's end."""
    footer = _footer(file, size)
    if footer is None or KEY.encode() not in footer:
        return None
    start = size - _TAIL.size - len(footer)
    try:
        text = _entry(footer)
    except (struct.error, ValueError):
        return None
    for end in range(start, max(start - 8, 0), -1):  # the second footer is aligned
        if text is not None and end + _padding(end) == start and built(file, end, text) is not None:
            return text, end, size
    return None


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
    except (struct.error, ValueError):
        return None
    return bytes(_padding(size)) + made + _TAIL.pack(len(made), MAGIC)


def _footer(file: BinaryIO, size: int) -> bytes | None:
    if size < len(MAGIC) + _TAIL.size:
        return None
    file.seek(size - _TAIL.size)
    length, magic = _TAIL.unpack(file.read(_TAIL.size))
    if magic != MAGIC or not 0 < length <= size - _TAIL.size - len(MAGIC):
        return None
    file.seek(size - _TAIL.size - length)
    return file.read(length)


def _padding(size: int) -> int:
    return -size % 8


def _field(data: bytes, table: int, number: int) -> int | None:
    """Return where a field of a table stands, or None when it is absent."""
    vtable = table - _I32.unpack_from(data, table)[0]
    size = _U16.unpack_from(data, vtable)[0]
    if 4 + 2 * number >= size:
        return None
    offset = _U16.unpack_from(data, vtable + 4 + 2 * number)[0]
    return table + offset if offset else None


def _target(data: bytes, at: int) -> int:
    return at + int(_U32.unpack_from(data, at)[0])


def _text(data: bytes, table: int, number: int) -> str:
    at = _field(data, table, number)
    if at is None:
        return ""
    start = _target(data, at)
    length = _U32.unpack_from(data, start)[0]
    return data[start + 4 : start + 4 + length].decode()


def _entries(data: bytes) -> list[int]:
    """Return where the entries of the footer's metadata stand."""
    at = _field(data, _target(data, 0), _CUSTOM)
    if at is None:
        return []
    vector = _target(data, at)
    return [_target(data, vector + 4 + 4 * number) for number in range(_U32.unpack_from(data, vector)[0])]


def _entry(data: bytes) -> str | None:
    entries = _entries(data)
    return _text(data, entries[0], 1) if entries and _text(data, entries[0], 0) == KEY else None


def _with_entry(old: bytes, key: bytes, value: bytes) -> bytes:
    """Return a footer whose metadata begin with one entry more, and that holds the old one at its end."""
    root = _target(old, 0)
    version_at = _field(old, root, _VERSION)
    version = old[version_at : version_at + 2] if version_at is not None else bytes(2)
    known = {number: at for number in _OFFSETS if (at := _field(old, root, number)) is not None}
    entries = _entries(old)
    # root, vtable of five fields, the table itself: three offsets, that of the metadata, the version
    vtable, table = 4, 20
    fields = [20, *(4 * number if number in known else 0 for number in _OFFSETS), 16]
    vector = table + 24
    strings = vector + 4 + 4 * (1 + len(entries)) + 8 + 12
    behind = _string(key) + _string(value)
    base = strings + len(behind) + _padding(strings + len(behind))
    new = bytearray(base)
    _U32.pack_into(new, 0, table)
    struct.pack_into("<7H", new, vtable, 14, 24, *fields)
    _I32.pack_into(new, table, table - vtable)
    for number, at in known.items():
        _U32.pack_into(new, table + 4 * number, base + _target(old, at) - (table + 4 * number))
    _U32.pack_into(new, table + 16, vector - (table + 16))
    new[table + 20 : table + 22] = version
    _write_metadata(new, vector, strings, len(_string(key)), [base + entry for entry in entries])
    new[strings : strings + len(behind)] = behind
    return bytes(new) + old


def _write_metadata(new: bytearray, vector: int, strings: int, value: int, entries: Sequence[int]) -> None:
    """Write the vector of entries, ours first, and our entry: a table of two strings."""
    vtable = vector + 4 + 4 * (1 + len(entries))
    table = vtable + 8
    _U32.pack_into(new, vector, 1 + len(entries))
    for number, entry in enumerate([table, *entries]):
        at = vector + 4 + 4 * number
        _U32.pack_into(new, at, entry - at)
    struct.pack_into("<4H", new, vtable, 8, 12, 4, 8)
    _I32.pack_into(new, table, table - vtable)
    _U32.pack_into(new, table + 4, strings - (table + 4))
    _U32.pack_into(new, table + 8, strings + value - (table + 8))


def _string(text: bytes) -> bytes:
    data = _U32.pack(len(text)) + text + b"\0"
    return data + bytes(-len(data) % 4)
