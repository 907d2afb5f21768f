"""How the claims of a shape are kept: the keys they name once, and small numbers that refer to them."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence

from graph.store.projection import ClaimRow

_KEY = 8
"""Bytes of a key."""
_WIDTHS = {1: "B", 2: "H", 4: "I"}
_COLUMNS = len(ClaimRow._fields)


def packed_claims(claims: Iterable[ClaimRow], known: Sequence[int] = ()) -> bytes:
    """Return claims as they are kept.

    `known` are the `keys_in_claims` of others that `claims_of` will be given: they are not kept again.
    """
    rows = sorted(claims, key=lambda one: (one.origin, one.kind, one.dataset, one.target, one.source, one[5]))
    places = {key: place for place, key in enumerate(known)}
    columns: list[list[int]] = [[row.origin for row in rows], [row.kind for row in rows]]
    # Targets first: they come to stand one after the other.
    columns += [[places.setdefault(row[column], len(places)) for row in rows] for column in (3, 4, 2, 5)]
    width = next(size for size in _WIDTHS if len(places) < 256**size)
    new = list(places)[len(known) :]
    numbers = array(_WIDTHS[width], [step for column in columns for step in _steps(column, 256**width)])
    if sys.byteorder == "big":
        numbers.byteswap()
    return b"".join(
        (
            bytes([width]),
            len(new).to_bytes(4, "big"),
            *(key.to_bytes(_KEY, "big", signed=True) for key in new),
            zlib.compress(numbers.tobytes(), 9, -15),
        )
    )


def claims_of(kept: bytes, known: Sequence[int] = ()) -> list[ClaimRow]:
    """Return claims from what was kept."""
    keys = [*known, *keys_in_claims(kept)]
    begin = 5 + _KEY * int.from_bytes(kept[1:5], "big")
    numbers = array(_WIDTHS[kept[0]], zlib.decompress(kept[begin:], -15))
    if sys.byteorder == "big":
        numbers.byteswap()
    count = len(numbers) // _COLUMNS
    columns = [
        _sums(numbers[count * place : count * (place + 1)], 256 ** kept[0]) for place in range(_COLUMNS)
    ]
    origins, kinds = columns[:2]
    targets, datasets, sources, transformations = ([keys[place] for place in one] for one in columns[2:])
    return list(map(ClaimRow, origins, kinds, sources, targets, datasets, transformations))


def keys_in_claims(kept: bytes) -> list[int]:
    """Return the keys that claims were kept with."""
    count = int.from_bytes(kept[1:5], "big")
    starts = range(5, 5 + _KEY * count, _KEY)
    return [int.from_bytes(kept[start : start + _KEY], "big", signed=True) for start in starts]


def _steps(column: Sequence[int], modulus: int) -> list[int]:
    """Return how much each number is more than the one before it."""
    return [(number - before) % modulus for before, number in zip((0, *column), column, strict=False)]


def _sums(steps: Sequence[int], modulus: int) -> list[int]:
    numbers, number = [], 0
    for step in steps:
        number = (number + step) % modulus
        numbers.append(number)
    return numbers
