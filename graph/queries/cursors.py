"""Cursors that count: for lists that do not change while somebody turns their pages."""

from __future__ import annotations

from graph.errors import InvalidQueryError


def counted(cursor: str | None) -> int | None:
    """Return the number that a cursor is, None for none; InvalidQueryError when it is no number."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidQueryError(
            f"{cursor!r} is no cursor: give the `next` of the page before, or none for the first page"
        )
    return int(cursor)
