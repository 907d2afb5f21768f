"""PostgreSQL's tsvector as `FullText`: the weights A to D stand for the places."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graph.store.full_text import All, Expression, Place, Term

_WEIGHT = {Place.NAME: "A", Place.COLUMN: "B", Place.TEXT: "C", Place.SQL: "D"}
_MOST = 600_000
"""How long the text of a tsvector may become, in bytes: it takes one megabyte at most."""


class PostgresqlFullText:
    """Vectors and queries are written as such, so no parser and no dictionary of PostgreSQL's sees a word."""

    insertion = "INSERT INTO search_words (rowid, words) VALUES (?, CAST(CAST(? AS TEXT) AS tsvector))"
    condition = "w.words @@ CAST(CAST(? AS TEXT) AS tsquery)"
    clearing = "DELETE FROM search_words"

    def row(self, document: int, words: Mapping[Place, Collection[str]]) -> tuple[Any, ...]:
        """See `FullText.row`. The words that a vector has no room for are left out, of SQL first."""
        lexemes: list[str] = []
        room = _MOST
        for position, (place, weight) in enumerate(_WEIGHT.items(), 1):
            for word in sorted(words.get(place, ())):
                lexeme = f"{_quoted(word)}:{position}{weight}"
                room -= len(lexeme.encode())
                if room < 0:
                    break
                lexemes.append(lexeme)
        return document, " ".join(lexemes)

    def written(self, expression: Expression) -> str:
        """See `FullText.written`."""
        if isinstance(expression, Term):
            weights = "".join(weight for place, weight in _WEIGHT.items() if place & expression.places)
            return f"{_quoted(expression.word)}:{'*' if expression.prefix else ''}{weights}"
        joined = " & " if isinstance(expression, All) else " | "
        return f"({joined.join(map(self.written, expression.parts))})"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
