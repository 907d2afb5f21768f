"""What drivers after the DB-API (PEP 249) have in common."""

from __future__ import annotations

from typing import Any

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query

_LEAVING = guard("leaving a query")
_ENDING = guard("ending a query")


def finish(query: Query, cursor: Any, error: BaseException | None = None) -> None:
    """End a query that a cursor has run, with the rows that the cursor knows of. Never raises."""
    if query is UNRECORDED:
        return
    with _LEAVING:
        query.leave()
        if error is None:
            query.rows = rows_of(cursor)
    with _ENDING:
        query.end(error)


def rows_of(cursor: Any) -> int | None:
    """Return how many rows a cursor speaks of; None where it does not know, which drivers say as -1."""
    rows = getattr(cursor, "rowcount", None)
    return rows if isinstance(rows, int) and rows >= 0 else None
