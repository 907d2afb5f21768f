"""FTS5 as `FullText`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graph.store.full_text import All, Expression, Place, Term

_COLUMN = {Place.NAME: "name", Place.COLUMN: "columns", Place.TEXT: "texts", Place.SQL: "sql"}


class SqliteFullText:
    """The table keeps no text (`content=''`): a document that is replaced stays until all are made again."""

    insertion = "INSERT INTO search_words (rowid, name, columns, texts, sql) VALUES (?, ?, ?, ?, ?)"
    condition = "search_words MATCH ?"
    clearing = "INSERT INTO search_words (search_words) VALUES ('delete-all')"

    def row(self, document: int, words: Mapping[Place, Collection[str]]) -> tuple[Any, ...]:
        """See `FullText.row`."""
        return (document, *(" ".join(sorted(words.get(place, ()))) for place in _COLUMN))

    def written(self, expression: Expression) -> str:
        """See `FullText.written`."""
        if isinstance(expression, Term):
            columns = " ".join(name for place, name in _COLUMN.items() if place & expression.places)
            word = expression.word.replace('"', '""')
            return f'{{{columns}}} : "{word}"{" *" if expression.prefix else ""}'
        joined = " AND " if isinstance(expression, All) else " OR "
        return f"({joined.join(map(self.written, expression.parts))})"
