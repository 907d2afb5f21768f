"""What a store asks of the full text search of its engine.

Words are made by us (search_words.py), so that engines agree on what a word is. An engine keeps for each
document which words stand in which of its places, and answers which documents an expression is true of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Protocol


class Place(IntFlag):
    """Where in a document a word stands."""

    NAME = 1
    COLUMN = 2
    TEXT = 4
    """Descriptions, tags and owners."""
    SQL = 8


EVERYWHERE = Place.NAME | Place.COLUMN | Place.TEXT | Place.SQL


@dataclass(frozen=True, slots=True)
class Term:
    """A word in one of the places, or with `prefix` one that begins so."""

    word: str
    places: Place
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """True of documents of which all parts are true. There is at least one."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """True of documents of which any part is true. There is at least one."""

    parts: tuple[Expression, ...]


Expression = Term | All | OneOf


class FullText(Protocol):
    """How an engine writes documents and expressions: the table `search_words`, whose rows have a `rowid`."""

    insertion: str
    """The statement that adds a document: it takes what `row` returns."""

    condition: str
    """The condition on `search_words AS w` that takes what `written` returns."""

    clearing: str
    """The statement that forgets all documents."""

    def row(self, document: int, words: Mapping[Place, Collection[str]]) -> tuple[Any, ...]:
        """Return the row of a document by its number, with the words in each of its places."""

    def written(self, expression: Expression) -> str:
        """Return an expression in the words of the engine."""
