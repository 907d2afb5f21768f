"""As much of Thrift's compact protocol as finding a field and passing over the others takes.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

STRUCT, LIST, BINARY = 12, 9, 8
_BOOLEANS, _BYTE, _VARINTS, _DOUBLE, _SET, _MAP, _UUID = (1, 2), 3, (4, 5, 6), 7, 10, 11, 13
_DEEPEST = 64


class Field(NamedTuple):
    """A field of a struct: its id and type, where its header and its value begin, where it ends."""

    id: int
    type: int
    header: int
    start: int
    end: int


def fields(data: bytes, at: int, depth: int = 0) -> Iterator[Field]:
    """Give the fields of the struct at `at`, and at last one of type 0 that ends where the struct ends.

    ValueError for what is no struct.
    """
    last = 0
    while True:
        header, byte = at, _byte(data, at)
        kind, delta = byte & 15, byte >> 4
        at += 1
        if kind == 0:
            yield Field(0, 0, header, at, at)
            return
        if delta:
            last += delta
        else:
            number, at = varint(data, at)
            last = (number >> 1) ^ -(number & 1)
        end = _after(data, at, kind, depth + 1, in_list=False)
        yield Field(last, kind, header, at, end)
        at = end


def elements(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the header of a list: how many elements, their type, where the first begins."""
    byte = _byte(data, at)
    count, at = (byte >> 4, at + 1) if byte >> 4 != 15 else varint(data, at + 1)
    return count, byte & 15, at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number, and where it ends."""
    number = shift = 0
    while True:
        byte = _byte(data, at)
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def as_varint(number: int) -> bytes:
    """Write an unsigned number."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)
    return bytes(data)


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ValueError("the struct has no end")
    return data[at]


def _after(data: bytes, at: int, kind: int, depth: int, *, in_list: bool) -> int:
    """Return where a value ends."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if kind in _BOOLEANS:
        return at + in_list  # in a struct the type is the value
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind in _VARINTS:
        return varint(data, at)[1]
    if kind == BINARY:
        length, at = varint(data, at)
        return at + length
    if kind == STRUCT:
        for field in fields(data, at, depth):
            at = field.end
        return at
    return _after_many(data, at, kind, depth)


_FIXED = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}


def _after_many(data: bytes, at: int, kind: int, depth: int) -> int:
    if kind in {LIST, _SET}:
        count, inner, at = elements(data, at)
        kinds = [inner]
    elif kind == _MAP:
        count, at = varint(data, at)
        pair = _byte(data, at) if count else 0
        at += count > 0
        kinds = [pair >> 4, pair & 15]
    else:
        raise ValueError(f"unknown type {kind}")
    for _ in range(count):
        for inner in kinds:
            at = _after(data, at, inner, depth + 1, in_list=True)
    return at
