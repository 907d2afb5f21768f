"""What drivers after the DB-API (PEP 249) have in common."""

from __future__ import annotations

from typing import Any

from lineage._guard import guard
from lineage.attribution import UNRECORDED, Query

_ENDING = guard("ending a query")


def finish(query: Query, cursor: Any, error: BaseException | None = None) -> None:
    """End a query that a cursor has run, with the rows that the cursor knows of. Never raises."""
    if query is UNRECORDED:
        return
    with _ENDING:
        if error is None:
            rows = getattr(cursor, "rowcount", None)
            if isinstance(rows, int) and rows >= 0:  # drivers say -1 for what they do not know
                query.rows = rows
        query.end(error)
        return
    with _ENDING:  # one part failed: the others are done all the same
        query.leave()
    with _ENDING:
        query.end(error)
