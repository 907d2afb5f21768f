"""Where in a file the id of its run stands: bytes that are no part of the content.

A slot counts as one only when the file is, byte for byte, what putting this text into the rest of it gives.
So what is left out of a hash can hold nothing but an id, and moves nothing: a file with other data has
another hash.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import BinaryIO, NamedTuple

from lineage.provenance import ipc, parquet, png
from lineage.provenance.embedded import is_id

_FORMATS = {"parquet": parquet, "arrow": ipc, "png": png}
_HEAD = 8


class Slot(NamedTuple):
    """An id's text, and the bytes from `start` to `end` that it takes up; an empty slot is where it would."""

    place: str
    text: str | None
    start: int
    end: int


def find_slot(file: BinaryIO) -> Slot | None:
    """Return the slot of a file that has an id; None without one. The position in the file is lost."""
    size = os.fstat(file.fileno()).st_size
    for name, form in _forms(file):
        found = form.candidate(file, size)
        if found is not None:
            text, start, end = found
            if is_id(text) and form.built(file, start, text) == _bytes(file, start, end):
                return Slot(name, text, start, end)
    return None


def slot_for(file: BinaryIO) -> Slot | None:
    """Return the slot of a file, or an empty one where an id can be put; None when its format has none."""
    size = os.fstat(file.fileno()).st_size
    found = find_slot(file)
    if found is not None:
        return found
    for name, form in _forms(file):
        at = form.place(file, size)
        if at is not None and form.built(file, size, "") is not None:
            return Slot(name, None, at, at)
    return None


def filled(file: BinaryIO, slot: Slot, text: str) -> bytes:
    """Return the bytes that put a text into the slot."""
    size = slot.start if slot.text is not None else os.fstat(file.fileno()).st_size
    made: bytes | None = _FORMATS[slot.place].built(file, size, text)
    assert made is not None, "a slot was found, so it can be filled"
    return made


def _forms(file: BinaryIO) -> list[tuple[str, ModuleType]]:
    head = _bytes(file, 0, _HEAD)
    return [(name, form) for name, form in _FORMATS.items() if form.holds(head)]


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
