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


def fields(data: bytes, at: int) -> Iterator[Field]:
    """Give the fields of the struct at `at`, and at last one of type 0 that ends where the struct ends.

    ValueError for what is no struct.
    """
    last = 0
    try:
        while True:
            header, byte = at, data[at]
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
            end = _after(data, at, kind, 0)
            yield Field(last, kind, header, at, end)
            at = end
    except IndexError:
        raise ValueError("the struct has no end") from None


def elements(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the header of a list: how many elements, their type, where the first begins."""
    byte = data[at]
    count, at = (byte >> 4, at + 1) if byte >> 4 != 15 else varint(data, at + 1)
    return count, byte & 15, at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
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


def _after(data: bytes, at: int, kind: int, depth: int) -> int:
    """Return where the value of a field ends."""
    if kind in _VARINTS:
        while data[at] > 127:
            at += 1
        return at + 1
    if kind == BINARY:
        length, at = varint(data, at)
        return at + length
    if kind == STRUCT:
        return _after_struct(data, at, depth + 1)
    if kind in _BOOLEANS:
        return at  # the type is the value
    return at + _FIXED[kind] if kind in _FIXED else _after_many(data, at, kind, depth)


_FIXED = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}


def _after_struct(data: bytes, at: int, depth: int) -> int:
    """Pass over a struct: of many columns and row groups a footer has a million fields, so without calls."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    while byte := data[at]:
        at += 1
        if byte < 16:  # the id stands by itself
            while data[at] > 127:
                at += 1
            at += 1
        kind = byte & 15
        if kind in _VARINTS:
            while data[at] > 127:
                at += 1
            at += 1
        elif kind == BINARY and data[at] < 128:
            at += data[at] + 1
        elif kind == STRUCT:
            at = _after_struct(data, at, depth + 1)
        else:
            at = _after(data, at, kind, depth)
    return at + 1


def _after_many(data: bytes, at: int, kind: int, depth: int) -> int:
    if kind in {LIST, _SET}:
        count, inner, at = elements(data, at)
        kinds = [inner]
    elif kind == _MAP:
        count, at = varint(data, at)
        pair = data[at] if count else 0
        at += count > 0
        kinds = [pair >> 4, pair & 15]
    else:
        raise ValueError(f"unknown type {kind}")
    if depth > _DEEPEST or count > len(data) - at:
        raise ValueError("nested too deep, or more elements than bytes")
    for _ in range(count):
        for inner in kinds:
            # In a list a boolean has a byte of its own.
            at = at + 1 if inner in _BOOLEANS else _after(data, at, inner, depth + 1)
    return at
