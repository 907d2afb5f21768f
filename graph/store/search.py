"""What a search finds, as the contract of a store has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

from graph.nodes import Node


class Matched(StrEnum):
    """What of a dataset, job or field is what was searched for; the values are those of the JSON answers."""

    NAME = "name"
    COLUMN = "column"
    DESCRIPTION = "description"
    TAG = "tag"
    OWNER = "owner"
    SQL = "sql"


class Grade(IntEnum):
    """How well a hit matches: the best comes first."""

    EXACT = 0
    """The text is the name, or the end of it behind a dot or slash."""
    WORDS = 1
    """The words of the text are words of the name."""
    NAME = 2
    """Words of the name begin as the words of the text do."""
    COLUMNS = 3
    """So do words of the name and of columns; of a field, words of it and of its dataset."""
    TEXTS = 4
    """So do words of descriptions, tags and owners, too."""
    SQL = 5
    """So do words of the statements that a job ran, too."""


class SearchPlace(NamedTuple):
    """Where a hit stands among all hits: of the same grade shorter names come first, then by name."""

    grade: int
    length: int
    name: str
    namespace: str
    type: int
    field: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    """Something that was found. `excerpt` is what matched: a name, or up to some 120 characters of a text.

    `dropped_at` is when the dataset, or that of the field, was dropped.
    """

    grade: Grade
    node: Node
    matched: Matched
    excerpt: str
    place: SearchPlace
    dropped_at: datetime | None = None
