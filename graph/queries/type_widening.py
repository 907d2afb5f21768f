"""Whether a field may change its type without harm: the new type holds every value of the old one.

Types are compared as databases write them, whatever the case: `int4` and `INTEGER` are one type. What is not
known to be wider is not claimed to be: `numeric` without a precision means something else in each database.
"""

from __future__ import annotations

import re

_INTEGERS = {
    "tinyint": 8,
    "byteint": 8,
    "smallint": 16,
    "int2": 16,
    "int16": 16,
    "short": 16,
    "mediumint": 24,
    "int": 32,
    "integer": 32,
    "int4": 32,
    "int32": 32,
    "bigint": 64,
    "int8": 64,
    "int64": 64,
    "long": 64,
    "hugeint": 128,
    "int128": 128,
}
_COUNTED_IN_BITS = {"int16", "int32", "int64", "int128"}
"""Beside one of these `int8` is a byte (Arrow, ClickHouse); else it is PostgreSQL's eight bytes."""

_FLOATS = {"real": 32, "float4": 32, "float32": 32, "float": 32}
_FLOATS |= {"double": 64, "double precision": 64, "float8": 64, "float64": 64}
_FLOATS_FROM = _FLOATS | {"float": 64}
"""`float` has four bytes in some databases and eight in others, so it holds 32 bits and needs 64."""

_TEXTS = {"varchar", "character varying", "text", "string"}
_UNBOUNDED = {"text", "string"}
_DECIMALS = {"decimal", "numeric", "number"}

_WITH_ARGUMENTS = re.compile(r"(?P<word>[^()]+?) ?\( ?(?P<numbers>\d+(?: ?, ?\d+)*) ?\)")


def holds_all(before: str, after: str) -> bool:
    """Tell whether every value of the type `before` is one of the type `after`: the same or a wider one.

    Wider are integers and floats of more bits, longer varchars and text, and decimals with no fewer digits on
    either side of the point.
    """
    old, new = _spelled(before), _spelled(after)
    if old == new:
        return True
    (old_word, old_numbers), (new_word, new_numbers) = _parts(old), _parts(new)
    if old_word in _INTEGERS and new_word in _INTEGERS:
        return _bits(old_word, new_word) <= _bits(new_word, old_word)
    if old_word in _FLOATS and new_word in _FLOATS:
        return _FLOATS_FROM[old_word] <= _FLOATS[new_word]
    if old_word in _TEXTS and new_word in _TEXTS:
        return _longer(_length(old_word, old_numbers), _length(new_word, new_numbers))
    if old_word in _DECIMALS and new_word in _DECIMALS:
        return _more_digits(old_numbers, new_numbers)
    return False


def same_type(before: str, after: str) -> bool:
    """Tell whether two types are one, however each is spelled."""
    return holds_all(before, after) and holds_all(after, before)


def _spelled(type_: str) -> str:
    return " ".join(type_.lower().split())


def _parts(type_: str) -> tuple[str, tuple[int, ...]]:
    """Return a type's word and the numbers behind it: `decimal` and (10, 2)."""
    found = _WITH_ARGUMENTS.fullmatch(type_)
    if found is None:
        return type_, ()
    return found["word"], tuple(int(number) for number in found["numbers"].split(","))


def _bits(word: str, other: str) -> int:
    return 8 if word == "int8" and other in _COUNTED_IN_BITS else _INTEGERS[word]


def _length(word: str, numbers: tuple[int, ...]) -> int | None:
    return numbers[0] if numbers and word not in _UNBOUNDED else None


def _longer(old: int | None, new: int | None) -> bool:
    return new is None or (old is not None and old <= new)


def _more_digits(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    if not old or not new:
        return old == new
    old_scale, new_scale = (numbers[1] if len(numbers) > 1 else 0 for numbers in (old, new))
    return old_scale <= new_scale and old[0] - old_scale <= new[0] - new_scale
