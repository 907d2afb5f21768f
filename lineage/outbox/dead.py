"""Dead letters of an outbox file: events that a backend refused for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from lineage.outbox.records import Refused

_NO_SEQ = 2**63 - 1
DROP = "DELETE FROM dead WHERE seq = ?"
_SELECT = "SELECT seq, body, run_id, attempts, reason FROM dead WHERE seq < ? ORDER BY seq DESC LIMIT ?"
# An event that came while the clock was set back may have the number by now.
_BURY = """
INSERT INTO dead (seq, run_id, attempts, reason, body)
SELECT
    CASE WHEN seq IN (SELECT seq FROM dead) THEN (SELECT max(seq) + 1 FROM dead) ELSE seq END,
    run_id,
    attempts,
    ?,
    body
FROM waiting WHERE seq = ?
"""
_PUT_BACK = """
INSERT INTO waiting (seq, run_id, body)
SELECT
    CASE WHEN seq IN (SELECT seq FROM waiting) THEN (SELECT max(seq) + 1 FROM waiting) ELSE seq END,
    run_id,
    body
FROM dead WHERE seq = ?
"""


def letters(connection: sqlite3.Connection, before: int | None, limit: int, most_bytes: int) -> list[Refused]:
    """Return dead letters by seq, the latest first, up to about this many bytes."""
    found: list[Refused] = []
    size = 0
    rows = connection.execute(_SELECT, (_NO_SEQ if before is None else before, limit))
    for row in rows:
        found.append(Refused(*row))
        size += len(row[1])
        if size >= most_bytes:
            break
    rows.close()
    return found


def bury(connection: sqlite3.Connection, seq: int, reason: str) -> None:
    """Copy a waiting event to the dead letters inside a transaction; nothing happens when it is unknown."""
    connection.execute(_BURY, (reason, seq))


def put_back(connection: sqlite3.Connection, seqs: Iterable[int]) -> int:
    """Move dead letters to the waiting events inside a transaction; unknown ones are ignored."""
    moved = 0
    for seq in seqs:
        moved += connection.execute(_PUT_BACK, (seq,)).rowcount
        connection.execute(DROP, (seq,))
    return moved
