"""The bound of a file's size: what is dropped, and how drops are counted."""

from __future__ import annotations

import sqlite3

from lineage.outbox.files import PAGE_SIZE


def excess(connection: sqlite3.Connection, limit: int) -> int:
    """Return by how many bytes the used pages of a file exceed the limit; 0 or less when they do not."""
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    if pages * PAGE_SIZE <= limit:
        return 0
    free: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return (pages - free) * PAGE_SIZE - limit


def drop_oldest(connection: sqlite3.Connection, size: int) -> int:
    """Remove the oldest events that hold at least `size` bytes together; return how many those were.

    Refused events (dead letters) go before any that still wait. The newest event stays.
    """
    newest = connection.execute("SELECT max(seq) FROM waiting").fetchone()[0]
    dropped = 0
    for table in ("dead", "waiting"):
        last = None
        for seq, length in connection.execute(f"SELECT seq, length(body) FROM {table} ORDER BY seq"):
            if size <= 0 or (table == "waiting" and seq == newest):
                break
            size -= length
            last = seq
        if last is not None:
            dropped += connection.execute(f"DELETE FROM {table} WHERE seq <= ?", (last,)).rowcount
    return dropped


def count_dropped(connection: sqlite3.Connection, number: int) -> None:
    """Add to the file's count of dropped events, inside a transaction."""
    if number:
        connection.execute(
            "INSERT INTO meta VALUES ('dropped', ?) "
            "ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
            (number,),
        )
