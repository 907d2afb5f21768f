"""The shape of a statement and its fingerprint in one pass, kept for the statement's next time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeVar

from lineage.redaction.density import END
from lineage.redaction.normalizing import normalize

UNKNOWN = "<unknown>"
"""The shape of a statement that is not known. No statement has it: normalizing sets its signs apart."""

Result = TypeVar("Result")

# Entries by the length of their keys: each row holds at most 2 million characters of statements.
ROOMS = ((2_048, 1_024), (32_768, 64), (262_144, 8))


def cached(work: Callable[[str, str | None], Result]) -> Callable[[str, str | None], Result]:
    """Keep results of `work` for statements that come again, in bounded room.

    Up to 2,048 characters 1,024 statements are kept, up to 32,768 characters 64, up to 262,144
    characters 8; longer ones are worked on each time, so that no huge literal is kept alive.
    """
    rooms = [(length, lru_cache(maxsize=entries)(work)) for length, entries in ROOMS]

    def remembered(text: str, dialect: str | None) -> Result:
        size = len(text)
        for length, room in rooms:
            if size <= length:
                return room(text, dialect)
        return work(text, dialect)

    return remembered


class Shape(NamedTuple):
    """A normalized text, its fingerprint, and whether all of the statement was read."""

    text: str
    fingerprint: str
    is_whole: bool


def shape(text: str, dialect: str | None) -> Shape:
    """Return the shape of a statement."""
    normalized = normalize(text, dialect)
    return Shape(normalized, fingerprint(normalized), not normalized.endswith(END))


def fingerprint(normalized: str) -> str:
    """Return `sha256:` and the hex digest of a normalized text."""
    return "sha256:" + sha256(normalized.encode("utf-8", "surrogatepass")).hexdigest()
