"""One unambiguous encoding of values as bytes: what every content hash but that of a file's bytes is made of.

A value is a letter for its type, then bytes of a length that the letter fixes or that stands before them,
so no two different values have the same encoding and no boundary between two can move. Values of one type
that compare equal are encoded alike: 0.0 and -0.0, Decimal("1.1") and Decimal("1.10"), one instant in two
zones. Values of different types never are: 1, 1.0, True and "1". NaN is equal to NaN here, whatever its
bits.

What is hashed begins with `VERSION`: an encoding that changes gets another number, and no hash of the one
is taken for a hash of the other.
"""

from __future__ import annotations

import datetime
import hashlib
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from lineage.errors import ContentError

VERSION = b"lineage-graph content 1\0"

_Out = Callable[[bytes], object]
_LENGTH = struct.Struct(">Q").pack
_TAGGED = struct.Struct(">cQ").pack
_TAGGED_FLOAT = struct.Struct(">cd").pack
_NAN = _TAGGED_FLOAT(b"f", float("nan"))
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - subtracted from naive ones
_MICROSECOND = datetime.timedelta(microseconds=1)


def encode(value: object) -> bytes:
    """Return a value's canonical bytes; ContentError for a type that has none, and never with the value."""
    parts: list[bytes] = []
    try:
        _write(value, parts.append)
    except RecursionError:
        raise ContentError("a value that contains itself or is nested too deep has no content hash") from None
    return b"".join(parts)


def hasher(kind: str) -> Any:
    """Return a SHA-256 that has begun with the version of the encoding and the kind of what it is fed."""
    return hashlib.sha256(VERSION + encode(kind))


def content_text(kind: str, digest: Any) -> str:
    """Return `KIND-sha256:HEX64`, as hashes are told."""
    return f"{kind}-sha256:{digest.hexdigest()}"


def _write(value: Any, out: _Out) -> None:
    write = _WRITERS.get(value.__class__)
    if write is None:
        value = _base_value(value)
        write = _WRITERS[value.__class__]
    write(value, out)


_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),  # and not the constructor, which asks a subclass how it likes to be shown
    (int, int.__index__),
    (float, float.__float__),
    *((base, base) for base in (bytes, tuple, list, dict, set, frozenset)),
)


def _base_value(value: Any) -> Any:
    """Return a value of a subclass (a named tuple, an IntEnum, a number of numpy) as its plain type.

    Not of datetime's subclasses: those of pandas hold nanoseconds, which datetime would lose.
    """
    for base, plain in _BASES:
        if isinstance(value, base):
            return plain(value)
    kind = value.__class__
    if kind.__module__ == "numpy" and value.__class__.__name__ != "ndarray" and value.dtype.kind in "biuf":
        number = value.item()
        if number.__class__ in _WRITERS:
            return number
    raise ContentError(
        f"a value of type {kind.__module__}.{kind.__qualname__} has no content hash: give it as text, bytes,"
        " a number, a time, or lists and mappings of these"
    )


def _none(_value: None, out: _Out) -> None:
    out(b"N")


def _bool(value: bool, out: _Out) -> None:
    out(b"T" if value else b"F")


def _int(value: int, out: _Out) -> None:
    _tagged(b"i", value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True), out)


def _float(value: float, out: _Out) -> None:
    out(_TAGGED_FLOAT(b"f", value + 0.0) if value == value else _NAN)  # -0.0 + 0.0 is 0.0


def _decimal(value: Decimal, out: _Out) -> None:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        _tagged(b"d", b"nan" if value.is_nan() else b"-inf" if sign else b"inf", out)
        return
    number = bytes(digits).rstrip(b"\0")  # digits are the bytes 0 to 9
    if not number:
        _tagged(b"d", b"0", out)
        return
    exponent += len(digits) - len(number)
    mark = b"-" if sign else b"+"
    _tagged(b"d", mark + number.translate(_DIGITS).lstrip(b"0") + b"e%d" % exponent, out)


_DIGITS = bytes(range(0x30, 0x3A)) + bytes(246)


def _str(value: str, out: _Out) -> None:
    _tagged(b"s", value.encode("utf-8", "surrogatepass"), out)


def _bytes(value: Any, out: _Out) -> None:
    _tagged(b"b", bytes(value), out)


def _date(value: datetime.date, out: _Out) -> None:
    out(b"D" + struct.pack(">l", value.toordinal()))


def _time(value: datetime.time, out: _Out) -> None:
    since = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    offset = value.utcoffset()
    out((b"t" if offset is None else b"y") + struct.pack(">q", since - (offset or _ZERO) // _MICROSECOND))


def _datetime(value: datetime.datetime, out: _Out) -> None:
    since, offset = value.replace(tzinfo=None) - _EPOCH, value.utcoffset()
    out((b"n" if offset is None else b"z") + struct.pack(">q", (since - (offset or _ZERO)) // _MICROSECOND))


_ZERO = datetime.timedelta()


def _timedelta(value: datetime.timedelta, out: _Out) -> None:
    _tagged(b"e", b"%d" % (value // _MICROSECOND), out)  # the longest has more microseconds than 64 bits hold


def _uuid(value: uuid.UUID, out: _Out) -> None:
    out(b"u" + value.bytes)


def _items(tag: bytes) -> Callable[[Any, _Out], None]:
    def write(value: Any, out: _Out) -> None:
        out(tag + _LENGTH(len(value)))
        for item in value:
            known = _WRITERS.get(item.__class__)
            if known is not None:  # as _write, for rows without a call a value
                known(item, out)
            else:
                _write(item, out)

    return write


def _dict(value: dict[Any, Any], out: _Out) -> None:
    out(b"m" + _LENGTH(len(value)))
    for key, item in sorted((encode(key), encode(item)) for key, item in value.items()):
        out(key)
        out(item)


def _set(value: Any, out: _Out) -> None:
    out(b"S" + _LENGTH(len(value)))
    for item in sorted(map(encode, value)):
        out(item)


def _tagged(tag: bytes, data: bytes, out: _Out) -> None:
    out(_TAGGED(tag, len(data)) + data)


_WRITERS: dict[type, Callable[[Any, _Out], None]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    Decimal: _decimal,
    str: _str,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    datetime.date: _date,
    datetime.time: _time,
    datetime.datetime: _datetime,
    datetime.timedelta: _timedelta,
    uuid.UUID: _uuid,
    list: _items(b"l"),
    tuple: _items(b"p"),
    dict: _dict,
    set: _set,
    frozenset: _set,
}
